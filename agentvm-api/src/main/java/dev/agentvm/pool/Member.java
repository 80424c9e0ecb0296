package dev.agentvm.pool;

import dev.agentvm.VM;
import java.time.Instant;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** One VM of a pool, from before its launch until it is gone. Not thread-safe: the pool's lock guards it. */
final class Member {
    private final int round;
    private State state = State.BUILDING;
    private @Nullable VM vm;
    private Instant launchedAt = Instant.MAX;
    private Instant readySince = Instant.MAX;
    private int uses;
    private Instant closeAt = Instant.MIN;
    private @Nullable Job job;
    private boolean abandoned;
    private boolean throttled;

    /** Where it is in its life. */
    enum State {
        /** It is being launched. */
        BUILDING,
        /** It is ready. */
        IDLE,
        /** It is ready, and is looked at before it is lent. */
        CHECKING,
        /** It is lent. */
        LEASED,
        /** It was given back, and is to be reset. */
        USED,
        /** It is being reset. */
        RESETTING,
        /** It is to be closed. */
        DOOMED,
        /** It is being closed. */
        CLOSING
    }

    /** One that is about to be launched, in that round of {@link Backoff}. */
    Member(int round) {
        this.round = round;
    }

    int round() {
        return round;
    }

    void state(State value) {
        state = value;
        abandoned = false;
    }

    /** Who waited for its health check has given up. */
    void abandon() {
        abandoned = true;
    }

    boolean isAbandoned() {
        return abandoned;
    }

    boolean is(State value) {
        return state == value;
    }

    /** The VM, of one that was launched. */
    VM vm() {
        return Objects.requireNonNull(vm, "vm");
    }

    void launched(VM launched, Instant now) {
        vm = launched;
        launchedAt = now;
        ready(now);
    }

    /** It can be lent. */
    void ready(Instant now) {
        readySince = now;
        state(State.IDLE);
    }

    /** It is lent. */
    void lend() {
        uses++;
        state(State.LEASED);
    }

    /** To how many it was lent. */
    int uses() {
        return uses;
    }

    /** Whether its tenant has changed its bandwidth limit. */
    void throttled(boolean value) {
        throttled = value;
    }

    boolean isThrottled() {
        return throttled;
    }

    /** When its launch was complete. */
    Instant launchedAt() {
        return launchedAt;
    }

    /** When it was last launched or reset. */
    Instant readySince() {
        return readySince;
    }

    /** It is to be closed, not before that time. */
    void doom(Instant notBefore) {
        state = State.DOOMED;
        closeAt = notBefore;
    }

    Instant closeAt() {
        return closeAt;
    }

    /** What is being done with it. */
    @Nullable Job job() {
        return job;
    }

    void job(@Nullable Job value) {
        job = value;
    }
}
