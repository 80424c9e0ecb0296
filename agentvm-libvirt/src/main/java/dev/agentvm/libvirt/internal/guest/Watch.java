package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExitStatus;
import dev.agentvm.GuestAgentException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMRestoredException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves the streams of one started command, asks after its end, and tells both. Belongs to the supervisor's thread: what
 * takes longer is done in the background, and its outcome is posted back.
 */
final class Watch {
    private static final Logger LOG = LoggerFactory.getLogger(Watch.class);
    private static final long SHORTEST = Duration.ofMillis(30).toNanos();
    private static final long LONGEST = Duration.ofMillis(500).toNanos();
    private static final long AFTER_NO_ANSWER = Duration.ofSeconds(1).toNanos();
    private static final long PER_COMMAND = Duration.ofMillis(10).toNanos();

    private final GuestProcess process;
    private final Starter starter;
    private final AgentCalls calls;
    private final Spool out;
    private final Spool err;
    private final Feed in;
    private final LastWords lastWords;
    private final Supervisor owner;
    private final UnaryOperator<AgentVMException> explain;
    private final Breath breath;
    private final long begin = System.nanoTime();
    private long nextQuestion = begin;
    private boolean unanswered;
    private AgentCalls.@Nullable Status status;
    private boolean seenBefore;
    private @Nullable CompletableFuture<String> stopping;
    private long stopped;
    private boolean givenUp;

    /** @param explain says what a failure really means, as when the VM is gone and the agent therefore silent */
    Watch(
            GuestProcess process,
            Starter starter,
            Supervisor owner,
            Sink stdout,
            Sink stderr,
            InputBuffer stdin,
            UnaryOperator<AgentVMException> explain) {
        this.process = process;
        this.starter = starter;
        this.calls = starter.calls();
        this.owner = owner;
        this.explain = explain;
        this.breath = new Breath(owner.patience().silence());
        this.out = new Spool(calls, starter.housekeeping(), starter.files() + ".o", stdout);
        this.err = new Spool(calls, starter.housekeeping(), starter.files() + ".e", stderr);
        this.in = new Feed(calls, starter.housekeeping(), starter.files(), stdin);
        this.lastWords = new LastWords(starter.files(), out, err, owner);
    }

    GuestProcess process() {
        return process;
    }

    long number() {
        return process.number();
    }

    /** Takes an event's word. */
    void on(Event event) throws MalformedReplyException {
        if (givenUp) {
            return;
        }
        switch (event.stream()) {
            case "b" -> process.begun().complete(null);
            case "o" -> out.on(event.kind(), event.number(), event.count());
            case "e" -> err.on(event.kind(), event.number(), event.count());
            default -> in.on(event.kind(), event.number());
        }
    }

    /**
     * Moves its streams on, and asks after its end when it is time to. May be repeated after a failure.
     *
     * @param others how many commands are watched
     * @param allTold whether all that the guest told so far is known
     * @return whether anything has happened
     */
    boolean step(int others, boolean allTold) {
        if (givenUp) {
            return false;
        }
        boolean moved = out.drain();
        moved |= err.drain();
        long now = System.nanoTime();
        AgentCalls.Status ended = status;
        if (ended != null) {
            moved |= conclude(ended, allTold, now);
            return moved;
        }
        if (process.pid() != 0) {
            // Before it is under way its pipes may not be there.
            moved |= process.begun().isDone() && in.send();
            moved |= ask(now, others);
        }
        return moved;
    }

    /** Sees to its timeout, which needs no answer of the agent. */
    void tick(long now) {
        if (givenUp || status != null || process.pid() == 0) {
            return;
        }
        CompletableFuture<String> stop = stopping;
        if (stop == null) {
            if (now - begin - process.command().timeout().toNanos() >= 0) {
                stopInTime();
            }
        } else if (stop.isDone()) {
            stopped = stopped == 0 ? now : stopped;
            if (now - stopped >= Killer.PATIENCE.toNanos()) {
                giveUp(() -> tooLong(stop.join() + "; its end is not known", null));
            }
        }
    }

    /** Whether all that it waits for is that somebody reads. */
    boolean isHeldUp() {
        return status != null && (out.isHeldUp() || err.isHeldUp());
    }

    /** Whether what happens to it may be known later. */
    boolean canWait() {
        return status == null && process.isBusyElsewhere();
    }

    CompletableFuture<Void> over() {
        return process.over();
    }

    boolean isOver() {
        return process.over().isDone();
    }

    /** The guest's answers were in time, or one was not. */
    Breath breath() {
        return breath;
    }

    /** Removes what it left in the guest. */
    void discard() {
        starter.housekeeping().discardStreams(starter.files(), out.left() + err.left());
    }

    /** Nobody reads or writes its streams any more. */
    void closeStreams() {
        out.end(null);
        err.end(null);
        in.end("The stream is closed", null);
    }

    private boolean ask(long now, int others) {
        boolean outputsEnded = out.isOver() && err.isOver() && !unanswered;
        if (!outputsEnded && now - nextQuestion < 0) {
            return false;
        }
        long pause = Math.max(SHORTEST, Math.min(LONGEST, (now - begin) / 8));
        nextQuestion = now + Math.max(pause, others * PER_COMMAND);
        try {
            AgentCalls.Status seen =
                    calls.status(process.pid(), Killer.PATIENCE, late -> owner.post(() -> onStatus(late)));
            unanswered = false;
            return onStatus(seen);
        } catch (AgentVMException e) {
            // The agent tells of an end once: that answer may be on its way, and would not come again.
            unanswered = true;
            nextQuestion = System.nanoTime() + AFTER_NO_ANSWER;
            throw e;
        }
    }

    private boolean onStatus(AgentCalls.Status seen) {
        if (!seen.exited() || status != null) {
            return false;
        }
        status = seen;
        process.gone();
        lastWords.begin();
        in.end(process.name() + " has ended, and reads no more", null);
        return true;
    }

    /** Its process has ended: tells so, and sees to it that its outputs end too. */
    private boolean conclude(AgentCalls.Status ended, boolean allTold, long now) {
        boolean late = lastWords.isTooLate(now);
        if (!process.exit().isDone()) {
            CompletableFuture<String> stop = stopping;
            // That it was under way may be told after its end was seen, and is known in the next round.
            boolean begunOrNever = process.begun().isDone() || (seenBefore && allTold) || late;
            seenBefore = true;
            if (!begunOrNever || (stop != null && !stop.isDone())) {
                return false;
            }
            process.exit().complete(statusOf(ended, stop));
            failBeginning(ended);
            return true;
        }
        if (late) {
            GuestAgentException incomplete = new GuestAgentException(
                    process.name() + " has ended, but the end of its output did not come", calls.context());
            out.end(incomplete);
            err.end(incomplete);
        }
        if (out.isOver() && err.isOver()) {
            process.over().complete(null);
            return true;
        }
        return false;
    }

    private ExitStatus statusOf(AgentCalls.Status ended, @Nullable CompletableFuture<String> stop) {
        if (stop != null) {
            return ExitStatus.failed(tooLong(stop.join(), null));
        }
        if (!ended.output().isEmpty() || ended.exitCode().orElse(0) == Scripts.NOTE_LEFT) {
            return starter.notStarted(ended, new byte[0])
                    .map(ExitStatus::failed)
                    .orElseGet(() -> plain(ended));
        }
        return plain(ended);
    }

    private static ExitStatus plain(AgentCalls.Status ended) {
        return ended.signal().isPresent()
                ? ExitStatus.signaled(ended.signal().getAsInt())
                : ExitStatus.exited(ended.exitCode().orElse(0));
    }

    /** If it never was under way, this is why; then nobody reads its streams. */
    private void failBeginning(AgentCalls.Status ended) {
        if (process.begun().isDone()) {
            return;
        }
        try {
            throw ended.output().isEmpty()
                    ? process.exit()
                            .join()
                            .failure()
                            .orElseGet(() -> new GuestAgentException(
                                    process.name() + " was not started, for a reason that its shell did not say: "
                                            + process.exit().join(),
                                    calls.context()))
                    : starter.notBegun(ended, Starter.saysMissing(ended));
        } catch (AgentVMException | Starter.WorkspaceGoneException e) {
            process.begun().completeExceptionally(e);
            closeStreams();
        }
    }

    private CommandTimeoutException tooLong(String fate, @Nullable AgentVMException cause) {
        return new CommandTimeoutException(
                process.name() + " ran longer than its timeout of "
                        + process.command().timeout() + fate,
                calls.context(),
                cause);
    }

    private void stopInTime() {
        CompletableFuture<String> fate = new CompletableFuture<>();
        stopping = fate;
        owner.inBackground(() -> {
            try {
                fate.complete(Killer.fate(process.kill()));
            } catch (AgentVMException e) {
                fate.complete(Killer.failed(e));
                owner.post(() -> giveUp(() -> tooLong(fate.join(), e)));
            } finally {
                fate.complete("");
            }
        });
    }

    /** It cannot be watched any more, for that reason; it is killed if that is still possible. */
    void lose(AgentVMException reason) {
        if (givenUp) {
            return;
        }
        boolean hadEnded = status != null;
        if (!Breath.isTemporary(reason)) {
            giveUp(() -> lost(reason, hadEnded ? "" : process.stop()));
            return;
        }
        // Silent, it would not hear a kill either: its waiters are told first.
        giveUp(() -> reason instanceof GuestAgentException
                ? lost(reason, hadEnded ? "" : "; it may still be running")
                : reason);
        owner.inBackground(() -> LOG.debug("{} was lost{}", process.name(), process.stop()));
    }

    private GuestAgentException lost(AgentVMException reason, String fate) {
        return new GuestAgentException(
                process.name() + " was lost" + fate + ": " + reason.getMessage(),
                calls.context().retryable(reason.retryable()),
                reason);
    }

    /** Kills it for that reason, in words that follow its name. */
    void end(String why) {
        giveUp(() -> new AgentVMException(process.name() + why + process.stop(), calls.context()));
    }

    /** Finishes it when the reason is found and explained, which may take a while. */
    private void giveUp(Supplier<AgentVMException> reason) {
        if (givenUp) {
            return;
        }
        givenUp = true;
        owner.inBackground(() -> {
            AgentVMException explained = explained(reason);
            owner.post(() -> finish(explained));
        });
    }

    private AgentVMException explained(Supplier<AgentVMException> reason) {
        AgentVMException found;
        try {
            found = reason.get();
        } catch (RuntimeException e) {
            found = new AgentVMException(process.name() + " was lost: " + e, calls.context(), e);
        }
        try {
            return explain.apply(found);
        } catch (VMDestroyedException | VMRestoredException e) {
            return e;
        } catch (RuntimeException e) {
            found.addSuppressed(e);
            return found;
        }
    }

    /** Nothing of it is known from now on, for that reason. */
    void finish(AgentVMException reason) {
        givenUp = true;
        if (reason instanceof VMDestroyedException || reason instanceof VMRestoredException) {
            process.gone();
        }
        process.exit().complete(ExitStatus.failed(reason));
        process.begun().completeExceptionally(reason);
        out.end(reason);
        err.end(reason);
        in.end(process.name() + " is gone: " + reason.getMessage(), reason);
        process.over().complete(null);
    }
}
