package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.ExitStatus;
import dev.agentvm.GuestAgentException;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The process of a started command, as far as many threads know it: its start, what kills it, and its end. */
final class GuestProcess {
    private static final Duration BEGINNING = Duration.ofSeconds(60);

    private final Starter starter;
    private final AgentCalls calls;
    private final ScriptRunner scripts;
    private final long number;
    private final CompletableFuture<Void> begun = new CompletableFuture<>();
    private final CompletableFuture<ExitStatus> exit = new CompletableFuture<>();
    private final CompletableFuture<Void> over = new CompletableFuture<>();
    /** Its number in the guest; 0 if it was not started. */
    private final CompletableFuture<Long> pid = new CompletableFuture<>();

    private volatile boolean gone;
    private volatile boolean busyElsewhere;

    GuestProcess(Starter starter, ScriptRunner scripts, long number) {
        this.starter = starter;
        this.calls = starter.calls();
        this.scripts = scripts;
        this.number = number;
    }

    long number() {
        return number;
    }

    String name() {
        return starter.name();
    }

    Command command() {
        return starter.command();
    }

    /** Completed when it is under way, or will never be. */
    CompletableFuture<Void> begun() {
        return begun;
    }

    /** How it ended; never fails. */
    CompletableFuture<ExitStatus> exit() {
        return exit;
    }

    /** Its end is known, and its outputs are complete, or never will be. */
    CompletableFuture<Void> over() {
        return over;
    }

    /** Its number in the guest; 0 if it was not started, or not yet. */
    long pid() {
        return pid.getNow(0L);
    }

    /** Its process is no more. */
    void gone() {
        gone = true;
    }

    boolean isGone() {
        return gone;
    }

    /** Whether nothing of it is urgent, as {@link Attended} says. */
    void busyElsewhere(boolean value) {
        busyElsewhere = value;
    }

    boolean isBusyElsewhere() {
        return busyElsewhere;
    }

    /**
     * Starts it and waits until it is under way.
     *
     * @throws Starter.WorkspaceGoneException if it was not started, for want of its directory
     */
    void start(Scripts.Redirection streams) throws Starter.WorkspaceGoneException {
        try {
            pid.complete(starter.start(streams, new byte[0], command().timeout()));
        } finally {
            pid.complete(0L);
        }
        boolean ready = false;
        try {
            begun.get(BEGINNING.toNanos(), TimeUnit.NANOSECONDS);
            ready = true;
        } catch (ExecutionException e) {
            String unused = stop();
            throw failure(e);
        } catch (InterruptedException e) {
            String fate = stop();
            Thread.currentThread().interrupt();
            throw new AgentVMException("The start of " + name() + " was interrupted" + fate, calls.context(), e);
        } catch (TimeoutException e) {
            String fate = stop();
            throw new GuestAgentException(
                    name() + " had not begun " + BEGINNING.toSeconds() + " s after its start" + fate,
                    calls.context().retryable(true),
                    e);
        } finally {
            if (!ready) {
                starter.housekeeping().discardStreams(starter.files(), 0);
            }
        }
    }

    private AgentVMException failure(ExecutionException e) throws Starter.WorkspaceGoneException {
        if (e.getCause() instanceof Starter.WorkspaceGoneException gone) {
            throw gone;
        }
        if (e.getCause() instanceof GuestAgentException reason && isRefusalOfWhatIsMissing(reason)) {
            throw starter.gone(reason);
        }
        if (e.getCause() instanceof AgentVMException reason) {
            return reason;
        }
        throw new IllegalStateException(e);
    }

    /** Its own message has the command's words in it. */
    private static boolean isRefusalOfWhatIsMissing(GuestAgentException lost) {
        return !lost.retryable()
                && lost.getCause() instanceof GuestAgentException refusal
                && Starter.isMissing(refusal);
    }

    void signal(int signal) {
        if (gone || exit.isDone()) {
            return;
        }
        AgentCalls.Status status = scripts.run(
                "Sending a signal",
                Scripts.SIGNAL,
                List.of(Integer.toString(signal), Long.toString(pid())),
                Killer.PATIENCE);
        if (!status.exitCode().equals(OptionalInt.of(0))) {
            throw new GuestAgentException(
                    "Signal " + signal + " was not sent to " + name() + ": " + Excerpt.head(status.errors(), 300),
                    calls.context());
        }
    }

    /**
     * Kills it with all that belong to it, unless it has ended. One that is lost is killed too.
     *
     * @return whether none is left
     */
    boolean kill() {
        long known = gone ? 0 : awaitPid();
        if (known == 0) {
            return true;
        }
        boolean all = starter.killer().kill(known);
        if (all && exit.isDone()) {
            // Nobody watches for its end any more.
            gone = true;
        }
        return all;
    }

    /** Kills it, and says how that went; nothing if it has ended. */
    String stop() {
        try {
            return gone || awaitPid() == 0 ? "" : Killer.fate(kill());
        } catch (AgentVMException e) {
            return Killer.failed(e);
        }
    }

    /** The call that starts it may be under way. */
    private long awaitPid() {
        try {
            return pid.get(Killer.PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return pid();
        } catch (ExecutionException | TimeoutException e) {
            return pid();
        }
    }
}
