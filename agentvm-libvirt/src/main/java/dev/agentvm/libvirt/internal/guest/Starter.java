package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.GuestAgentException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMRestoredException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How one command begins in the guest, and what is wrong if it does not. Used once. */
final class Starter {
    private static final Logger LOG = LoggerFactory.getLogger(Starter.class);
    /** How much of an output is told in a failure's message, in bytes. */
    static final int TAIL = 2000;

    private final AgentCalls calls;
    private final Killer killer;
    private final Housekeeping housekeeping;
    private final Workspace workspace;
    private final Command command;
    private final String files;

    /** The workspace is not there any more; the command was not run. */
    static final class WorkspaceGoneException extends Exception {
        private static final long serialVersionUID = 1L;

        private final transient Workspace workspace;
        private final transient GuestAgentException reason;

        WorkspaceGoneException(Workspace workspace, GuestAgentException reason) {
            super(reason);
            this.workspace = workspace;
            this.reason = reason;
        }

        Workspace workspace() {
            return workspace;
        }

        GuestAgentException reason() {
            return reason;
        }
    }

    /** The shell that was to become the command is no more, or not of this agent; the command was not run. */
    static final class ShellGoneException extends Exception {
        private static final long serialVersionUID = 1L;
    }

    Starter(
            AgentCalls calls,
            Killer killer,
            Housekeeping housekeeping,
            Workspace workspace,
            Command command,
            long number) {
        this.calls = calls;
        this.killer = killer;
        this.housekeeping = housekeeping;
        this.workspace = workspace;
        this.command = command;
        this.files = workspace.files(number);
    }

    AgentCalls calls() {
        return calls;
    }

    Killer killer() {
        return killer;
    }

    Housekeeping housekeeping() {
        return housekeeping;
    }

    Command command() {
        return command;
    }

    /** Where its files are. */
    String directory() {
        return workspace.directory();
    }

    /** What the paths of its files begin with. */
    String files() {
        return files;
    }

    /** Starts it; its process is then this library's to watch. */
    long start(Scripts.Redirection streams, byte[] input, Duration atMost) {
        List<String> arguments = Scripts.arguments(Scripts.become(command, streams), Scripts.parameters(command));
        return calls.exec(workspace.program(), workspace.arguments(arguments), input, atMost, this::killLate);
    }

    /** Lets a shell become it that was begun for its number. */
    void start(WaitingShell shell, Duration atMost) throws ShellGoneException {
        String script = Scripts.become(
                command, Scripts.toOpenFiles(files, command.user().isPresent()));
        byte[] delivery = Scripts.delivery(script, Scripts.parameters(command), shell.end());
        Runnable late = () -> killLate(shell.pid());
        try {
            calls.hand(shell.control(), delivery, atMost, late);
        } catch (GuestAgentException e) {
            if (AgentCalls.saysUnknown(e)) {
                throw new ShellGoneException();
            }
            throw e;
        }
        calls.flush(shell.control(), atMost, late);
    }

    /** Why the wrapper gave up, from what it said to the agent. */
    AgentVMException notBegun(AgentCalls.Status status, boolean filesAreMissing) throws WorkspaceGoneException {
        String said = status.errors();
        String reason = said.isEmpty() ? "" : ": " + Excerpt.head(said, 500);
        if (status.output().equals(Scripts.AT_DIRECTORY)) {
            return new CommandStartException(
                    name() + " was not started, since its working directory "
                            + Excerpt.head(command.workingDirectory().orElse(""), 200) + " cannot be entered" + reason,
                    calls.context());
        }
        GuestAgentException failure = new GuestAgentException(
                name() + " was not started, since its files in " + workspace.directory()
                        + " of the guest cannot be made; is it full or read-only" + (reason.isEmpty() ? "?" : reason),
                calls.context());
        if (filesAreMissing) {
            throw gone(failure);
        }
        return failure;
    }

    WorkspaceGoneException gone(GuestAgentException reason) {
        return new WorkspaceGoneException(workspace, reason);
    }

    /** Whether what the wrapper said to the agent is that its directory is not there. */
    static boolean saysMissing(AgentCalls.Status status) {
        return status.output().equals(Scripts.AT_OUTPUT)
                && (status.errors().contains("No such file or directory")
                        || status.errors().contains("nonexistent directory"));
    }

    /** Why it was the shell and not the command that returned this exit code; empty if it was the command. */
    Optional<CommandStartException> notStarted(AgentCalls.Status status, byte[] errors) {
        int code = status.exitCode().orElse(0);
        if (code == Scripts.NOTE_LEFT) {
            String note = note();
            if (note.equals(Scripts.AT_ENVIRONMENT)) {
                return Optional.of(new CommandStartException(
                        name() + " was not started, since the guest's shell does not take its environment: "
                                + String.join(", ", command.environment().keySet()),
                        calls.context()));
            }
            if (note.equals(Scripts.AT_USER)) {
                String said = errors.length == 0 ? "" : "; it said: " + Excerpt.tail(errors, TAIL);
                return Optional.of(new CommandStartException(
                        name() + " was not started, since the guest has no user "
                                + command.user().orElse("") + ", or neither setpriv nor busybox's su to become one"
                                + said,
                        calls.context()));
            }
            if (note.equals(Scripts.AT_PROGRAM)) {
                return Optional.of(noProgram(errors));
            }
        }
        if ((code == 126 || code == 127)
                && Scripts.goesThroughEnv(command.environment())
                && new String(errors, StandardCharsets.UTF_8).startsWith(Scripts.ENV_SAYS)) {
            return Optional.of(noProgram(errors));
        }
        return Optional.empty();
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
        String note;
        try {
            note = new String(calls.read(handle, AgentCalls.SMALL_PIECE), StandardCharsets.UTF_8).strip();
        } finally {
            housekeeping.closeLater(handle);
        }
        // Not before it was read, as who asks may ask again.
        housekeeping.discard(List.of(), List.of(files + ".note"), 0);
        return note;
    }

    private CommandStartException noProgram(byte[] errors) {
        String program = command.argv().get(0);
        String path = command.environment().getOrDefault("PATH", workspace.path());
        String said = errors.length == 0 ? "" : "; it said: " + Excerpt.tail(errors, TAIL);
        return new CommandStartException(
                "The guest has no program " + Excerpt.head(program, 200) + ", or cannot run it"
                        + (program.contains("/") ? "" : "; its PATH is " + Excerpt.head(path, 500)) + said,
                calls.context());
    }

    /** Kills a process that was started when this had given up already. */
    private void killLate(long pid) {
        try {
            LOG.debug("A command in {} began late{}", calls.vmName(), killer.killAndAwait(name(), pid));
        } catch (VMDestroyedException | VMRestoredException e) {
            LOG.debug("A command began late, and its VM {} is gone", calls.vmName(), e);
        }
        // What served its streams has begun too.
        housekeeping.discardStreams(files, 0);
    }

    String name() {
        return "'" + Excerpt.command(command.argv()) + "'";
    }

    /** Whether this is the agent's refusal because a file is not there. */
    static boolean isMissing(GuestAgentException e) {
        return Optional.ofNullable(e.getMessage()).orElse("").contains("No such file or directory");
    }
}
