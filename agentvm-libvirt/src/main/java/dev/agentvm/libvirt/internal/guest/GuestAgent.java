package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.ExecResult;
import dev.agentvm.GuestAgentException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Runs commands in one VM through its guest agent. Safe for use by many threads. A command waits on its caller's
 * thread; the agent's calls are made one at a time on a thread of the executor.
 */
public final class GuestAgent {
    /** How long one call of the agent may take, its turn included: a guest under load takes seconds. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final Duration PREPARATION = Duration.ofSeconds(30);
    private static final Duration END_BECOMES_KNOWN = Duration.ofMillis(300);

    /**
     * Where commands' files may be. In memory first, since a guest's disk is more likely to be full; /run last, since
     * the agent keeps its own state there and fails when it is full.
     */
    private static final List<String> BASES = List.of("/dev/shm", "/tmp", "/var/tmp", "/run");

    private static final SecureRandom RANDOM = new SecureRandom();

    /** Threads for calls of all VMs: one for each that has a call under way, none when there is none. */
    static final Executor THREADS = threads();

    private final AgentCalls calls;
    private final ScriptRunner scripts;
    private final Housekeeping housekeeping;
    private final AtomicLong numbers = new AtomicLong();
    private final AtomicInteger running = new AtomicInteger();
    private final ReentrantLock preparing = new ReentrantLock();
    private volatile @Nullable Workspace workspace;

    /** An agent whose calls are made on threads of this class's own. */
    public GuestAgent(String vmName, AgentChannel channel) {
        this(vmName, channel, THREADS);
    }

    /** @param executor runs the calls; it must have a thread for each VM, since a mute agent holds its one */
    public GuestAgent(String vmName, AgentChannel channel, Executor executor) {
        this(vmName, channel, executor, PATIENCE);
    }

    GuestAgent(String vmName, AgentChannel channel, Executor executor, Duration patience) {
        this.calls = new AgentCalls(vmName, new AgentQueue(vmName, channel, executor), patience);
        this.scripts = new ScriptRunner(calls);
        this.housekeeping = new Housekeeping(calls, scripts, executor);
    }

    /**
     * Runs a command and waits for its end, as {@link dev.agentvm.VM#exec} says.
     *
     * @throws CommandStartException if the guest has no such program or working directory
     * @throws dev.agentvm.CommandTimeoutException if it ran longer than its timeout; it was then killed
     * @throws dev.agentvm.OutputLimitException if it wrote more than {@link Command#MAX_OUTPUT_BYTES}; it was then
     *     killed
     * @throws GuestAgentException if the agent is silent, or refuses, or answers nonsense
     * @throws AgentVMException if this thread was interrupted, whose interrupt status is then set; the command was
     *     killed. Or what {@link #fail} was told
     */
    public ExecResult exec(Command command) {
        long begin = System.nanoTime();
        check(command);
        running.incrementAndGet();
        try {
            return runOnceMoreIfNeedBe(command, begin);
        } catch (GuestAgentException e) {
            // With its VM the agent goes too, and that may be known before the reason is.
            calls.queue().pauseUninterrupted(END_BECOMES_KNOWN);
            throw e;
        } finally {
            running.decrementAndGet();
        }
    }

    private ExecResult runOnceMoreIfNeedBe(Command command, long begin) {
        try {
            return run(command, begin);
        } catch (Execution.WorkspaceGoneException gone) {
            // Something in the guest has removed it. The command was not run.
            workspace = null;
        }
        try {
            return run(command, begin);
        } catch (Execution.WorkspaceGoneException again) {
            throw again.reason();
        }
    }

    private ExecResult run(Command command, long begin) throws Execution.WorkspaceGoneException {
        if (Thread.currentThread().isInterrupted()) {
            throw new AgentVMException("The thread was interrupted; the command was not started", calls.context());
        }
        return new Execution(
                        calls,
                        scripts,
                        housekeeping,
                        workspace(),
                        running::get,
                        command,
                        begin,
                        numbers.incrementAndGet())
                .run();
    }

    private void check(Command command) {
        command.argv().forEach(argument -> AgentCalls.checkText("argv", argument));
        command.environment().values().forEach(value -> AgentCalls.checkText("environment", value));
        command.workingDirectory().ifPresent(directory -> AgentCalls.checkText("workingDirectory", directory));
        String program = command.argv().get(0);
        boolean throughEnv = Scripts.goesThroughEnv(command.environment());
        if (program.startsWith("-") || (throughEnv && program.contains("="))) {
            throw new CommandStartException(
                    "No shell can be told to run a program of the name " + Excerpt.head(program, 200)
                            + "; give its path, as in /bin/" + Excerpt.head(program, 200),
                    calls.context());
        }
    }

    /** Ends every command that waits, and each that comes, with this reason: the VM is gone. */
    public void fail(AgentVMException reason) {
        calls.queue().fail(reason);
    }

    /**
     * Removes what commands left in the guest. For a VM that lives on without this object.
     *
     * @throws GuestAgentException if the agent is silent or refuses
     */
    public void release() {
        Workspace old = workspace;
        if (old != null) {
            workspace = null;
            scripts.remove(List.of(old.directory()), PREPARATION);
        }
    }

    private Workspace workspace() {
        Workspace ready = workspace;
        if (ready != null) {
            return ready;
        }
        preparing.lock();
        try {
            ready = workspace;
            if (ready == null) {
                ready = makeWorkspace();
                workspace = ready;
            }
            return ready;
        } finally {
            preparing.unlock();
        }
    }

    private Workspace makeWorkspace() {
        byte[] random = new byte[16];
        RANDOM.nextBytes(random);
        String name = "agentvm-" + HexFormat.of().formatHex(random);
        List<String> bases = BASES;
        while (true) {
            Workspace made = makeWorkspace(name, bases);
            String base = made.directory().substring(0, made.directory().length() - name.length() - 1);
            bases = bases.subList(bases.indexOf(base) + 1, bases.size());
            try {
                calls.close(calls.open(made.directory() + "/0", "a+"));
                scripts.remove(List.of(made.directory() + "/0"), PREPARATION);
                return made;
            } catch (GuestAgentException e) {
                if (e.retryable() || bases.isEmpty() || !calls.notPermitted().isEmpty()) {
                    throw e;
                }
                // Where mandatory access control lets programs write but not the agent read.
                scripts.remove(List.of(made.directory()), PREPARATION);
            }
        }
    }

    private Workspace makeWorkspace(String name, List<String> bases) {
        List<String> parameters = new ArrayList<>(List.of(name));
        parameters.addAll(bases);
        AgentCalls.Status status = scripts.run("Preparing the guest", Scripts.MAKE_WORKSPACE, parameters, PREPARATION);
        String[] lines = status.output().split("\n", -1);
        // The path becomes a part of scripts, so it must be one that was asked for.
        if (lines.length < 3 || bases.stream().noneMatch(base -> lines[0].equals(base + "/" + name))) {
            throw new GuestAgentException(
                    "The guest of " + calls.vmName() + " has no place for a command's output: none of "
                            + String.join(", ", bases) + " takes a file: " + Excerpt.head(status.errors(), 500),
                    calls.context());
        }
        return new Workspace(
                lines[0],
                Optional.of(lines[1]).filter(program -> !program.isEmpty()),
                lines[2].replaceFirst("^PATH ?", ""));
    }

    private static Executor threads() {
        AtomicInteger number = new AtomicInteger();
        ThreadPoolExecutor threads =
                new ThreadPoolExecutor(0, Integer.MAX_VALUE, 2, TimeUnit.SECONDS, new SynchronousQueue<>(), task -> {
                    Thread thread = new Thread(task, "agentvm-guest-agent-" + number.incrementAndGet());
                    thread.setDaemon(true);
                    return thread;
                });
        return threads;
    }
}
