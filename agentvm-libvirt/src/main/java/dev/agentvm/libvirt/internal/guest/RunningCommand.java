package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.ExitStatus;
import dev.agentvm.GuestAgentException;
import dev.agentvm.InvalidValueException;
import dev.agentvm.VMProcess;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A started command, for its caller. */
final class RunningCommand implements VMProcess, Attended {
    private static final Logger LOG = LoggerFactory.getLogger(RunningCommand.class);
    private static final int HIGHEST_SIGNAL = 64;

    private final AgentCalls calls;
    private final GuestProcess process;
    private final Executor callbacks;
    private final Runnable nudge;
    private final Runnable whenClosed;
    private final OutputBuffer stdout;
    private final OutputBuffer stderr;
    private final InputBuffer stdin;

    /**
     * A command that is watched.
     *
     * @param callbacks runs what callers hang on its end, which may take long, or wait for its output
     * @param nudge has it looked after at once
     */
    RunningCommand(
            AgentCalls calls,
            GuestProcess process,
            Executor callbacks,
            Runnable nudge,
            Runnable whenClosed,
            OutputBuffer stdout,
            OutputBuffer stderr,
            InputBuffer stdin) {
        this.calls = calls;
        this.process = process;
        this.callbacks = callbacks;
        this.nudge = nudge;
        this.whenClosed = whenClosed;
        this.stdout = stdout;
        this.stderr = stderr;
        this.stdin = stdin;
    }

    @Override
    public Command command() {
        return process.command();
    }

    @Override
    public InputStream stdout() {
        return stdout;
    }

    @Override
    public InputStream stderr() {
        return stderr;
    }

    @Override
    public OutputStream stdin() {
        return stdin;
    }

    @Override
    public boolean isAlive() {
        return !process.exit().isDone();
    }

    @Override
    public ExitStatus waitFor() {
        return waitFor(ChronoUnit.FOREVER.getDuration()).orElseThrow();
    }

    @Override
    public Optional<ExitStatus> waitFor(Duration timeout) {
        try {
            return Optional.of(
                    process.exit().get(Math.max(0, TimeUnit.NANOSECONDS.convert(timeout)), TimeUnit.NANOSECONDS));
        } catch (TimeoutException e) {
            return Optional.empty();
        } catch (InterruptedException e) {
            throw interrupted(e);
        } catch (ExecutionException e) {
            throw new AssertionError("nothing completes it with a failure", e);
        }
    }

    private AgentVMException interrupted(InterruptedException e) {
        Thread.currentThread().interrupt();
        return new AgentVMException(
                "The wait for " + process.name() + " was interrupted; it runs on", calls.context(), e);
    }

    @Override
    public CompletableFuture<ExitStatus> onExit() {
        CompletableFuture<ExitStatus> exit = process.exit();
        return exit.isDone() ? exit.copy() : exit.thenApplyAsync(status -> status, callbacks);
    }

    @Override
    public void signal(int number) {
        if (number < 1 || number > HIGHEST_SIGNAL) {
            throw new InvalidValueException("number", number, "must be from 1 to " + HIGHEST_SIGNAL);
        }
        process.signal(number);
    }

    @Override
    public void attend(boolean closely) {
        process.busyElsewhere(!closely);
        if (closely) {
            nudge.run();
        }
    }

    @Override
    public void kill() {
        if (!process.kill()) {
            throw new GuestAgentException(
                    process.name() + " was killed, but some of its processes may be left", calls.context());
        }
        awaitEnd();
    }

    @Override
    public void close() {
        stdin.abandon("The stream is closed", null);
        stdout.close();
        stderr.close();
        try {
            kill();
        } catch (AgentVMException e) {
            LOG.debug("{} is closed, and may still be running", process.name(), e);
        }
        whenClosed.run();
    }

    /** What was killed ends soon; whatever interrupts. */
    private void awaitEnd() {
        boolean interrupted = false;
        long until = System.nanoTime() + Killer.PATIENCE.toNanos();
        try {
            while (true) {
                try {
                    ExitStatus unused = process.exit().get(until - System.nanoTime(), TimeUnit.NANOSECONDS);
                    return;
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (TimeoutException e) {
                    throw new GuestAgentException(
                            process.name() + " was killed, but its end was not known " + Killer.PATIENCE.toSeconds()
                                    + " s later",
                            calls.context().retryable(true),
                            e);
                } catch (ExecutionException e) {
                    throw new AssertionError("nothing completes it with a failure", e);
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public String toString() {
        return "process " + process.name()
                + (isAlive() ? "" : ", " + process.exit().getNow(null));
    }
}
