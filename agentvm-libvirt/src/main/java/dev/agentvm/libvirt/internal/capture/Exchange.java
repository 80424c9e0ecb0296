package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.ConnectionClosed.Answer;
import dev.agentvm.network.Flow;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** An exchange of a VM with another, as far as it was seen. Not thread-safe. */
final class Exchange {
    private final Flow flow;
    private final long sequence;
    private final boolean beginsConnection;
    private final boolean late;

    private long begunNanos;
    private long seenNanos;
    private @Nullable ConnectionAttempted attempt;
    private Optional<Object> version = Optional.empty();
    private @Nullable Answer answer;
    private boolean beginnerFinished;
    private boolean otherFinished;
    private boolean contradicted;
    private boolean over;
    private boolean leftToAnother;
    private @Nullable Long endingNanos;

    /**
     * It begins.
     *
     * @param sequence the number that a TCP connection begins with
     * @param beginsConnection whether its first frame asks for a TCP connection
     * @param late whether it may be an answer in an exchange that is over, or that is not known
     */
    Exchange(Flow flow, long nanos, long sequence, boolean beginsConnection, boolean late) {
        this.flow = flow;
        this.begunNanos = nanos;
        this.seenNanos = nanos;
        this.sequence = sequence;
        this.beginsConnection = beginsConnection;
        this.late = late;
    }

    /** It goes on as another, with nothing known of it but who began. */
    Exchange again(long nanos) {
        begunNanos = nanos;
        attempt = null;
        answer = null;
        contradicted = false;
        over = false;
        endingNanos = null;
        return this;
    }

    Flow flow() {
        return flow;
    }

    long sequence() {
        return sequence;
    }

    boolean beginsConnection() {
        return beginsConnection;
    }

    boolean isLate() {
        return late;
    }

    void seen(long nanos) {
        seenNanos = nanos;
    }

    long seenNanos() {
        return seenNanos;
    }

    /** That was told of its beginning, by that version of the policy. */
    void attempt(ConnectionAttempted told, Optional<Object> judgedBy) {
        attempt = told;
        judgedBy(judgedBy);
    }

    /** By that version of the policy; empty if that is not certain, or not known. */
    void judgedBy(Optional<Object> current) {
        version = current;
    }

    /** Whether it was judged by that version of the policy, and that is certain. */
    boolean isJudgedBy(Optional<Object> current) {
        return version.isPresent() && version.equals(current);
    }

    Optional<ConnectionAttempted> attempt() {
        return Optional.ofNullable(attempt);
    }

    /** What goes on of it is told as part of another exchange. */
    void leaveToAnother() {
        leftToAnother = true;
    }

    boolean isLeftToAnother() {
        return leftToAnother;
    }

    boolean isAnswered() {
        return answer == Answer.ANSWERED;
    }

    /** What the one who began has got to see; the latest counts, but nothing takes back that it was answered. */
    void answered(Answer what) {
        if (answer != Answer.ANSWERED) {
            answer = what;
        }
    }

    Answer answer() {
        return answer == null ? Answer.SILENT : answer;
    }

    /**
     * One side of a TCP connection has no more to say.
     *
     * @return whether neither has
     */
    boolean finished(boolean byBeginner) {
        beginnerFinished |= byBeginner;
        otherFinished |= !byBeginner;
        return beginnerFinished && otherFinished;
    }

    /**
     * It was denied and went on all the same.
     *
     * @return whether that was not known yet
     */
    boolean contradict() {
        boolean first = !contradicted;
        contradicted = true;
        return first;
    }

    /**
     * It is over.
     *
     * @return whether that was not known yet
     */
    boolean end() {
        boolean first = !over;
        over = true;
        return first;
    }

    boolean isOver() {
        return over;
    }

    /**
     * Somebody said that it ends.
     *
     * @return whether that was not known yet
     */
    boolean ending(long nanos) {
        boolean first = endingNanos == null && !over;
        if (first) {
            endingNanos = nanos;
        }
        return first;
    }

    /** Whether somebody said, so long ago at least, that it ends, and it has not shown that it goes on. */
    boolean isEnding(long nanos, long atLeast) {
        return endingNanos != null && nanos - endingNanos >= atLeast;
    }

    /** Whether somebody said that it ends, and it has not shown that it goes on. */
    boolean isEnding() {
        return endingNanos != null;
    }

    /** Whether more was seen of it after somebody said that it ends. */
    boolean isSeenAfterItsEnd() {
        return endingNanos != null && seenNanos - endingNanos > 0;
    }

    /** It did not end. */
    void goesOn() {
        endingNanos = null;
        beginnerFinished = false;
        otherFinished = false;
    }

    /** From the first that was seen of it to its end, or to the last. */
    Duration duration() {
        return Duration.ofNanos((endingNanos == null ? seenNanos : endingNanos) - begunNanos);
    }
}
