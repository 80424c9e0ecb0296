package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExecResult;
import dev.agentvm.GuestAgentException;
import dev.agentvm.OutputLimitException;
import dev.agentvm.VMDestroyedException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One command from its start to its result, on the caller's thread. Used once. */
final class Execution {
    private static final Logger LOG = LoggerFactory.getLogger(Execution.class);

    /** Standard input up to this size goes along with the start; more goes through a file. */
    static final int INLINE_STDIN = AgentCalls.WRITE_PIECE;

    private static final Duration KILL_PATIENCE = Duration.ofSeconds(15);
    private static final Duration READING = Duration.ofMinutes(5);
    private static final long MEASURE_EVERY = Duration.ofMillis(500).toNanos();
    private static final long SILENCE = Duration.ofMinutes(1).toNanos();
    private static final int TAIL = 2000;

    /** More than any block size, so that it needs room of its own. */
    private static final int PROBE = 64 * 1024 + 1;

    private final AgentCalls calls;
    private final ScriptRunner scripts;
    private final Housekeeping housekeeping;
    private final Workspace workspace;
    private final IntSupplier running;
    private final Command command;
    private final long begin;
    private final long deadline;
    private final String files;
    private final OutputFile out;
    private final OutputFile err;
    private @Nullable GuestAgentException openFailure;
    /** How much output there is, as far as is known. */
    private long size;

    /** The workspace is not there any more; the command was not run. */
    static final class WorkspaceGoneException extends Exception {
        private static final long serialVersionUID = 1L;

        private final transient GuestAgentException reason;

        private WorkspaceGoneException(GuestAgentException reason) {
            super(reason);
            this.reason = reason;
        }

        GuestAgentException reason() {
            return reason;
        }
    }

    private static final class TimeUpException extends Exception {
        private static final long serialVersionUID = 1L;
    }

    private static final class TooMuchOutputException extends Exception {
        private static final long serialVersionUID = 1L;
    }

    Execution(
            AgentCalls calls,
            ScriptRunner scripts,
            Housekeeping housekeeping,
            Workspace workspace,
            IntSupplier running,
            Command command,
            long begin,
            long number) {
        this.calls = calls;
        this.scripts = scripts;
        this.housekeeping = housekeeping;
        this.workspace = workspace;
        this.running = running;
        this.command = command;
        this.begin = begin;
        this.deadline = begin + command.timeout().toNanos();
        this.files = workspace.directory() + "/" + number;
        this.out = new OutputFile(calls, files + ".out");
        this.err = new OutputFile(calls, files + ".err");
    }

    ExecResult run() throws WorkspaceGoneException {
        List<String> toRemove = new ArrayList<>(List.of(files + ".out", files + ".err"));
        try {
            boolean stdinFromFile = command.stdin().length > INLINE_STDIN;
            if (stdinFromFile) {
                toRemove.add(files + ".in");
                upload(files + ".in", command.stdin());
            }
            long pid = start(stdinFromFile);
            return result(supervise(pid));
        } finally {
            List<Long> handles = new ArrayList<>();
            for (OutputFile file : List.of(out, err)) {
                Long handle = file.handle();
                if (handle != null) {
                    handles.add(handle);
                }
            }
            housekeeping.discard(handles, toRemove, size + command.stdin().length);
        }
    }

    private void upload(String path, byte[] bytes) throws WorkspaceGoneException {
        long handle;
        try {
            handle = calls.open(path, "w");
        } catch (GuestAgentException e) {
            if (isMissing(e)) {
                throw new WorkspaceGoneException(e);
            }
            throw e;
        }
        try {
            calls.write(handle, bytes);
        } finally {
            housekeeping.discard(List.of(handle), List.of(), 0);
        }
    }

    private long start(boolean stdinFromFile) {
        Map<String, String> environment = command.environment();
        boolean throughEnv = Scripts.goesThroughEnv(environment);
        String script = Scripts.become(
                files,
                command.workingDirectory().isPresent(),
                stdinFromFile,
                throughEnv ? 0 : environment.size(),
                throughEnv);
        List<String> parameters = new ArrayList<>();
        command.workingDirectory().ifPresent(parameters::add);
        environment.forEach((name, value) -> parameters.add(name + "=" + value));
        parameters.addAll(command.argv());
        List<String> arguments = Scripts.arguments(script, parameters);
        String path = Scripts.SHELL;
        if (workspace.setsid().isPresent()) {
            arguments.add(0, path);
            path = workspace.setsid().get();
        }
        return calls.exec(
                path, arguments, stdinFromFile ? new byte[0] : command.stdin(), Backoff.left(deadline), this::killLate);
    }

    /** Waits for the end of the process; kills it if it comes to no good end. */
    private AgentCalls.Status supervise(long pid) {
        try {
            // The process has just begun: time to open its files, instead of asking whether it is done.
            open();
            return await(pid);
        } catch (TimeUpException e) {
            String fate = kill(pid);
            throw new CommandTimeoutException(
                    name() + " ran longer than its timeout of " + command.timeout() + fate + ends(), calls.context());
        } catch (TooMuchOutputException e) {
            String fate = kill(pid);
            throw new OutputLimitException(
                    name() + " wrote more than " + Command.MAX_OUTPUT_BYTES + " bytes of output, " + size
                            + " when it was seen" + fate + "; let it write to a file in the guest",
                    calls.context());
        } catch (InterruptedException e) {
            String fate = kill(pid);
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
            String fate = kill(pid);
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
                // A guest that is out of breath, or an agent that is starting anew, may come round.
                if (!e.retryable() || System.nanoTime() - answered >= SILENCE) {
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
            if (size > Command.MAX_OUTPUT_BYTES) {
                throw new TooMuchOutputException();
            }
        }
    }

    private ExecResult result(AgentCalls.Status status) throws WorkspaceGoneException {
        if (!status.output().isEmpty()) {
            throw notBegun(status.output(), status.errors());
        }
        if (openFailure != null) {
            throw openFailure;
        }
        try {
            read();
        } catch (TooMuchOutputException e) {
            throw new OutputLimitException(
                    name() + " wrote more than " + Command.MAX_OUTPUT_BYTES + " bytes of output, " + size
                            + " when it had ended; let it write to a file in the guest",
                    calls.context());
        }
        checkStarted(status);
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
                file.readRest(() ->
                        (long) out.read() + err.read() <= Command.MAX_OUTPUT_BYTES && System.nanoTime() - until < 0);
            }
            if (System.nanoTime() - until >= 0) {
                throw new GuestAgentException(
                        "The output of " + name() + " could not be read within " + READING.toSeconds() + " s",
                        calls.context().retryable(true));
            }
        }
        size = (long) out.read() + err.read();
        if (size > Command.MAX_OUTPUT_BYTES) {
            throw new TooMuchOutputException();
        }
    }

    private AgentVMException notBegun(String stage, String said) throws WorkspaceGoneException {
        String reason = said.isEmpty() ? "" : ": " + Excerpt.head(said, 500);
        if (stage.equals(Scripts.AT_DIRECTORY)) {
            return new CommandStartException(
                    name() + " was not started, since its working directory "
                            + Excerpt.head(command.workingDirectory().orElse(""), 200) + " cannot be entered" + reason,
                    calls.context());
        }
        GuestAgentException failure = new GuestAgentException(
                name() + " was not started, since its files in " + workspace.directory()
                        + " of the guest cannot be made; is it full or read-only" + (reason.isEmpty() ? "?" : reason),
                calls.context());
        if (openFailure != null && isMissing(openFailure)) {
            throw new WorkspaceGoneException(failure);
        }
        return failure;
    }

    /** Throws if it was the shell or {@code env}, and not the command, that returned this exit code. */
    private void checkStarted(AgentCalls.Status status) {
        int code = status.exitCode().orElse(0);
        if (code == Scripts.NOTE_LEFT) {
            String note = note();
            if (note.equals(Scripts.AT_ENVIRONMENT)) {
                throw new CommandStartException(
                        name() + " was not started, since the guest's shell does not take its environment: "
                                + String.join(", ", command.environment().keySet()),
                        calls.context());
            }
            if (note.equals(Scripts.AT_PROGRAM)) {
                throw noProgram();
            }
        }
        if ((code == 126 || code == 127)
                && Scripts.goesThroughEnv(command.environment())
                && new String(err.bytes(), StandardCharsets.UTF_8).startsWith(Scripts.ENV_SAYS)) {
            throw noProgram();
        }
    }

    /** What the shell noted before it gave up; empty if the command itself returned this exit code. */
    private String note() {
        long handle;
        try {
            handle = calls.open(files + ".note", "r");
        } catch (GuestAgentException e) {
            if (isMissing(e)) {
                return "";
            }
            throw e;
        }
        try {
            return new String(calls.read(handle, AgentCalls.SMALL_PIECE), StandardCharsets.UTF_8).strip();
        } finally {
            housekeeping.discard(List.of(handle), List.of(files + ".note"), 0);
        }
    }

    private CommandStartException noProgram() {
        String program = command.argv().get(0);
        String path = command.environment().getOrDefault("PATH", workspace.path());
        return new CommandStartException(
                "The guest has no program " + Excerpt.head(program, 200) + ", or cannot run it"
                        + (program.contains("/") ? "" : "; its PATH is " + Excerpt.head(path, 500))
                        + "; it said: " + Excerpt.tail(err.bytes(), TAIL),
                calls.context());
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
                    name() + " ended, but its output may be incomplete, since " + workspace.directory()
                            + " of the guest takes no more: " + e.getMessage() + ends(),
                    calls.context(),
                    e);
        }
    }

    /** Kills a process that was started when this had given up already. */
    private void killLate(long pid) {
        try {
            LOG.debug("A command in {} began late{}", calls.vmName(), kill(pid));
        } catch (VMDestroyedException e) {
            LOG.debug("A command began late, and its VM {} is gone", calls.vmName(), e);
        }
    }

    /** Kills the process and all that belong to it, and says how that went. */
    private String kill(long pid) {
        try {
            long until = System.nanoTime() + KILL_PATIENCE.toNanos();
            AgentCalls.Status killing =
                    scripts.run("Killing processes", Scripts.KILL, List.of(Long.toString(pid)), KILL_PATIENCE);
            scripts.awaitEnd(name(), pid, until);
            return killing.exitCode().equals(OptionalInt.of(0))
                    ? "; it was killed, with all its processes"
                    : "; it was killed, but some of its processes may be left";
        } catch (VMDestroyedException e) {
            throw e;
        } catch (AgentVMException e) {
            return "; killing it failed (" + e.getMessage() + ")";
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
        byte[] tail = file.tail(TAIL);
        return tail.length == 0 ? "" : "; its standard " + which + " ends: " + Excerpt.tail(tail, TAIL);
    }

    private String name() {
        return "'" + Excerpt.command(command.argv()) + "'";
    }

    private static boolean isMissing(GuestAgentException e) {
        return Optional.ofNullable(e.getMessage()).orElse("").contains("No such file or directory");
    }
}
