package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExecResult;
import dev.agentvm.GuestAgentException;
import dev.agentvm.OutputLimitException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/** One command from its start to its result, on the caller's thread. Used once. */
final class Execution {
    /** Standard input up to this size goes along with the start; more goes through a file. */
    static final int INLINE_STDIN = AgentCalls.WRITE_PIECE;

    private static final Duration READING = Duration.ofMinutes(5);
    private static final long MEASURE_EVERY = Duration.ofMillis(500).toNanos();

    /** More than any block size, so that it needs room of its own. */
    private static final int PROBE = 64 * 1024 + 1;

    private final Starter starter;
    private final AgentCalls calls;
    private final Housekeeping housekeeping;
    private final IntSupplier running;
    private final long silence;
    private final Command command;
    private final long begin;
    private final long deadline;
    private final int limit;
    private final String files;
    private final Optional<WaitingShell> shell;
    private final OutputFile out;
    private final OutputFile err;
    private @Nullable GuestAgentException openFailure;
    /** How much output there is, as far as is known. */
    private long size;

    private boolean delivered;

    private static final class TimeUpException extends Exception {
        private static final long serialVersionUID = 1L;
    }

    private static final class TooMuchOutputException extends Exception {
        private static final long serialVersionUID = 1L;
    }

    /**
     * Not begun yet.
     *
     * @param shell what becomes the command; empty if it is started as its own
     * @param running how many commands wait at present
     */
    Execution(Starter starter, Optional<WaitingShell> shell, IntSupplier running, Duration silence, long begin) {
        this.starter = starter;
        this.calls = starter.calls();
        this.housekeeping = starter.housekeeping();
        this.running = running;
        this.silence = silence.toNanos();
        this.command = starter.command();
        this.begin = begin;
        this.deadline = begin + command.timeout().toNanos();
        this.limit = command.outputLimit().bytes();
        this.files = starter.files();
        this.shell = shell;
        this.out = new OutputFile(calls, files + ".out");
        this.err = new OutputFile(calls, files + ".err");
    }

    ExecResult run() throws Starter.WorkspaceGoneException, Starter.ShellGoneException {
        List<String> toRemove = new ArrayList<>(Scripts.files(files));
        try {
            return result(shell.isPresent() ? taken(supervise(start(shell.get()))) : supervise(start(toRemove)));
        } finally {
            if (shell.isPresent() && !delivered) {
                housekeeping.abandon(shell.get(), files);
            } else {
                housekeeping.discard(handles(), toRemove, size + command.stdin().length);
            }
        }
    }

    private List<Long> handles() {
        List<Long> handles = new ArrayList<>();
        shell.ifPresent(given -> handles.add(given.control()));
        for (OutputFile file : List.of(out, err)) {
            Long handle = file.handle();
            if (handle != null) {
                handles.add(handle);
            }
        }
        return handles;
    }

    private long start(WaitingShell given) throws Starter.ShellGoneException {
        out.opened(given.out());
        err.opened(given.err());
        starter.start(given, Backoff.left(deadline));
        delivered = true;
        return given.pid();
    }

    /** What is left of the status when the shell became the command. */
    private static AgentCalls.Status taken(AgentCalls.Status status) throws Starter.ShellGoneException {
        if (!status.output().startsWith(Scripts.TAKEN)) {
            throw new Starter.ShellGoneException();
        }
        return status.withOutput(
                status.output().substring(Scripts.TAKEN.length()).strip());
    }

    private long start(List<String> toRemove) throws Starter.WorkspaceGoneException {
        boolean stdinFromFile = command.stdin().length > INLINE_STDIN;
        if (stdinFromFile) {
            toRemove.add(files + ".in");
            upload(files + ".in", command.stdin());
        }
        byte[] input = stdinFromFile ? new byte[0] : command.stdin();
        return starter.start(
                Scripts.toFiles(files, stdinFromFile, command.user().isPresent()), input, Backoff.left(deadline));
    }

    private void upload(String path, byte[] bytes) throws Starter.WorkspaceGoneException {
        long handle;
        try {
            handle = calls.open(path, "w");
        } catch (GuestAgentException e) {
            if (Starter.isMissing(e)) {
                throw starter.gone(e);
            }
            throw e;
        }
        try {
            calls.write(handle, bytes);
        } finally {
            housekeeping.closeLater(handle);
        }
    }

    /** Waits for the end of the process; kills it if it comes to no good end. */
    private AgentCalls.Status supervise(long pid) {
        try {
            // The process has just begun: time to open its files, instead of asking whether it is done.
            open();
            return await(pid);
        } catch (TimeUpException e) {
            String fate = starter.killer().killAndAwait(name(), pid);
            throw new CommandTimeoutException(
                    name() + " ran longer than its timeout of " + command.timeout() + fate + ends(), calls.context());
        } catch (TooMuchOutputException e) {
            String fate = starter.killer().killAndAwait(name(), pid);
            throw new OutputLimitException(
                    name() + " wrote more than " + limit + " bytes of output, " + size + " when it was seen" + fate
                            + "; let it write to a file in the guest",
                    calls.context());
        } catch (InterruptedException e) {
            String fate = starter.killer().killAndAwait(name(), pid);
            Thread.currentThread().interrupt();
            throw new AgentVMException("The wait for " + name() + " was interrupted" + fate, calls.context(), e);
        } catch (GuestAgentException e) {
            if (e.retryable()) {
                // The agent is silent: it would not hear a kill either.
                throw new GuestAgentException(
                        e.getMessage() + "; " + name() + " may still be running",
                        calls.context().retryable(true),
                        e);
            }
            String fate = starter.killer().killAndAwait(name(), pid);
            throw new GuestAgentException(name() + " was lost" + fate + ": " + e.getMessage(), calls.context(), e);
        }
    }

    private void open() {
        try {
            out.open();
            err.open();
        } catch (GuestAgentException e) {
            if (e.retryable()) {
                throw e;
            }
            // Either the workspace is gone, which the end of the process will tell, or this is thrown at its end.
            openFailure = e;
        }
    }

    private AgentCalls.Status await(long pid) throws InterruptedException, TimeUpException, TooMuchOutputException {
        Backoff backoff = new Backoff(System.nanoTime());
        long measured = System.nanoTime();
        long answered = System.nanoTime();
        while (true) {
            try {
                AgentCalls.Status status = calls.status(pid, Backoff.left(deadline));
                if (status.exited()) {
                    return status;
                }
                answered = System.nanoTime();
                if (answered - measured >= Math.max(MEASURE_EVERY, running.getAsInt() * MEASURE_EVERY / 50)) {
                    checkSize();
                    measured = System.nanoTime();
                }
            } catch (GuestAgentException e) {
                if (Breath.standsStill(e)) {
                    answered = System.nanoTime();
                }
                // A guest that is out of breath, or an agent that is starting anew, may come round.
                if (!e.retryable() || System.nanoTime() - answered >= silence) {
                    throw e;
                }
            }
            long now = System.nanoTime();
            if (now - deadline >= 0) {
                throw new TimeUpException();
            }
            calls.queue().pause(backoff.next(now, deadline, running.getAsInt()));
        }
    }

    private void checkSize() throws TooMuchOutputException {
        if (openFailure == null) {
            size = out.length() + err.length();
            if (size > limit) {
                throw new TooMuchOutputException();
            }
        }
    }

    private ExecResult result(AgentCalls.Status status) throws Starter.WorkspaceGoneException {
        if (!status.output().isEmpty()) {
            boolean missing = openFailure == null ? Starter.saysMissing(status) : Starter.isMissing(openFailure);
            throw starter.notBegun(status, missing);
        }
        if (openFailure != null) {
            throw openFailure;
        }
        try {
            read();
        } catch (TooMuchOutputException e) {
            throw new OutputLimitException(
                    name() + " wrote more than " + limit + " bytes of output, " + size
                            + " when it had ended; let it write to a file in the guest",
                    calls.context());
        }
        Optional<CommandStartException> notStarted = starter.notStarted(status, err.bytes());
        if (notStarted.isPresent()) {
            throw notStarted.get();
        }
        if (!status.exitCode().equals(OptionalInt.of(0)) || size >= AgentCalls.READ_PIECE) {
            checkRoom();
        }
        ExecResult.Builder result = new ExecResult.Builder()
                .stdout(out.bytes())
                .stderr(err.bytes())
                .duration(Duration.ofNanos(System.nanoTime() - begin));
        status.exitCode().ifPresent(result::exitCode);
        status.signal().ifPresent(result::signal);
        return result.build();
    }

    private void read() throws TooMuchOutputException {
        boolean outIsAll = out.readFirst();
        boolean errIsAll = err.readFirst();
        if (!outIsAll || !errIsAll) {
            checkSize();
            long until = System.nanoTime() + READING.toNanos();
            for (OutputFile file : List.of(out, err)) {
                file.readRest(() -> (long) out.read() + err.read() <= limit && System.nanoTime() - until < 0);
            }
            if (System.nanoTime() - until >= 0) {
                throw new GuestAgentException(
                        "The output of " + name() + " could not be read within " + READING.toSeconds() + " s",
                        calls.context().retryable(true));
            }
        }
        size = (long) out.read() + err.read();
        if (size > limit) {
            throw new TooMuchOutputException();
        }
    }

    /** Throws if there is no room for more output, as some of it may then be lost without the command's telling. */
    private void checkRoom() {
        Long handle = out.handle();
        try {
            if (handle != null) {
                calls.write(handle, new byte[PROBE]);
            }
        } catch (GuestAgentException e) {
            if (e.retryable()) {
                throw e;
            }
            throw new GuestAgentException(
                    name() + " ended, but its output may be incomplete, since " + starter.directory()
                            + " of the guest takes no more: " + e.getMessage() + ends(),
                    calls.context(),
                    e);
        }
    }

    /** The ends of its outputs, in words; empty if there are none or they cannot be read. */
    private String ends() {
        try {
            return end("output", out) + end("error", err);
        } catch (GuestAgentException e) {
            return "";
        }
    }

    private static String end(String which, OutputFile file) {
        byte[] tail = file.tail(Starter.TAIL);
        return tail.length == 0 ? "" : "; its standard " + which + " ends: " + Excerpt.tail(tail, Starter.TAIL);
    }

    private String name() {
        return starter.name();
    }
}
