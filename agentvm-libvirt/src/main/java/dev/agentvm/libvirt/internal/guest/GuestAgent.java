package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.ExecResult;
import dev.agentvm.ExitStatus;
import dev.agentvm.GuestAgentException;
import dev.agentvm.OutputLimit;
import dev.agentvm.VMProcess;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;
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
    private final Executor executor;
    private volatile @Nullable Workspace workspace;
    private volatile @Nullable Supervisor supervisor;

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
        this.executor = executor;
        this.scripts = new ScriptRunner(calls);
        this.housekeeping = new Housekeeping(calls, scripts, executor);
    }

    /**
     * Runs a command and waits for its end, as {@link dev.agentvm.VM#exec} says.
     *
     * @throws CommandStartException if the guest has no such program or working directory
     * @throws dev.agentvm.CommandTimeoutException if it ran longer than its timeout; it was then killed
     * @throws dev.agentvm.OutputLimitException if it wrote more than its limit; it was then killed
     * @throws GuestAgentException if the agent is silent, or refuses, or answers nonsense
     * @throws AgentVMException if this thread was interrupted, whose interrupt status is then set; the command was
     *     killed. Or what {@link #fail} was told
     */
    public ExecResult exec(Command command) {
        long begin = System.nanoTime();
        check(command);
        running.incrementAndGet();
        try {
            return onceMoreIfNeedBe(() -> run(command, begin));
        } catch (GuestAgentException e) {
            // With its VM the agent goes too, and that may be known before the reason is.
            calls.queue().pauseUninterrupted(END_BECOMES_KNOWN);
            throw e;
        } finally {
            running.decrementAndGet();
        }
    }

    /** What runs in a workspace, unless that is no more. */
    private interface Attempt<T> {
        T run() throws Starter.WorkspaceGoneException;
    }

    private <T> T onceMoreIfNeedBe(Attempt<T> attempt) {
        try {
            return attempt.run();
        } catch (Starter.WorkspaceGoneException gone) {
            // Something in the guest has removed it. The command was not run.
            workspace = null;
            supervisor = null;
        }
        try {
            return attempt.run();
        } catch (Starter.WorkspaceGoneException again) {
            throw again.reason();
        }
    }

    private ExecResult run(Command command, long begin) throws Starter.WorkspaceGoneException {
        if (command.outputLimit().excess() == OutputLimit.Excess.KEEP_ENDS) {
            return keepEnds(command, begin);
        }
        requireNoInterrupt();
        return new Execution(starter(command, numbers.incrementAndGet()), housekeeping, running::get, begin).run();
    }

    private void requireNoInterrupt() {
        if (Thread.currentThread().isInterrupted()) {
            throw new AgentVMException("The thread was interrupted; the command was not started", calls.context());
        }
    }

    private Starter starter(Command command, long number) {
        return new Starter(calls, scripts, housekeeping, workspace(), command, number);
    }

    /**
     * Starts a command, as {@link dev.agentvm.VM#start} says.
     *
     * @param explain says what a failure really means, on a thread that may wait
     * @throws CommandStartException if the guest has no such program or working directory
     * @throws GuestAgentException if the agent is silent, or refuses, or answers nonsense, or the guest lacks programs
     * @throws AgentVMException if this thread was interrupted, whose interrupt status is then set; the command was
     *     killed. Or what {@link #fail} was told
     */
    public VMProcess start(Command command, UnaryOperator<AgentVMException> explain) {
        check(command);
        return onceMoreIfNeedBe(() -> {
            Supervisor watcher = supervisor();
            OutputBuffer stdout = new OutputBuffer(watcher::nudge);
            OutputBuffer stderr = new OutputBuffer(watcher::nudge);
            InputBuffer stdin = new InputBuffer(command.stdin(), watcher::nudge);
            GuestProcess process = start(command, explain, watcher, stdout, stderr, stdin);
            return new RunningCommand(calls, process, stdout, stderr, stdin);
        });
    }

    private GuestProcess start(
            Command command,
            UnaryOperator<AgentVMException> explain,
            Supervisor watcher,
            Sink stdout,
            Sink stderr,
            InputBuffer stdin)
            throws Starter.WorkspaceGoneException {
        requireNoInterrupt();
        long number = numbers.incrementAndGet();
        Workspace place = workspace();
        Starter starter = starter(command, number);
        UnaryOperator<AgentVMException> whetherVMIsGone = failure -> {
            if (failure instanceof GuestAgentException) {
                calls.queue().pauseUninterrupted(END_BECOMES_KNOWN);
            }
            return explain.apply(failure);
        };
        GuestProcess process = new GuestProcess(starter, executor, whetherVMIsGone, number, stdout, stderr, stdin);
        watcher.watch(process);
        try {
            process.start(Scripts.toPipes(place.directory(), place.setsid().orElse("setsid"), number));
            return process;
        } catch (RuntimeException | Starter.WorkspaceGoneException e) {
            if (!process.isStarted()) {
                watcher.forget(process);
            }
            throw e;
        }
    }

    /** Runs a command of whose output only the ends are kept, however much that is. */
    private ExecResult keepEnds(Command command, long begin) throws Starter.WorkspaceGoneException {
        Ends stdout = new Ends(command.outputLimit().bytes() / 2);
        Ends stderr = new Ends(command.outputLimit().bytes() / 2);
        Supervisor watcher = supervisor();
        InputBuffer stdin = new InputBuffer(command.stdin(), watcher::nudge);
        stdin.close();
        GuestProcess process = start(command, UnaryOperator.identity(), watcher, stdout, stderr, stdin);
        try {
            process.over().get();
        } catch (InterruptedException e) {
            String fate = process.stop();
            Thread.currentThread().interrupt();
            throw new AgentVMException(
                    "The wait for " + process.name() + " was interrupted" + fate, calls.context(), e);
        } catch (ExecutionException e) {
            throw new AssertionError("nothing completes it with a failure", e);
        }
        ExitStatus status = process.exit().join();
        AgentVMException failure = status.failure().orElse(stdout.failure());
        failure = failure == null ? stderr.failure() : failure;
        if (failure != null) {
            throw failure;
        }
        return new ExecResult.Builder()
                .exitCode(status.exitCode())
                .signal(status.signal())
                .stdout(stdout.bytes())
                .stdoutOmission(stdout.omission())
                .stderr(stderr.bytes())
                .stderrOmission(stderr.omission())
                .duration(Duration.ofNanos(System.nanoTime() - begin))
                .build();
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
        Supervisor watcher = supervisor;
        if (watcher != null) {
            watcher.nudge();
        }
    }

    /**
     * Removes what commands left in the guest. For a VM that lives on without this object.
     *
     * @throws GuestAgentException if the agent is silent or refuses
     */
    public void release() {
        Supervisor watcher = supervisor;
        if (watcher != null) {
            supervisor = null;
            watcher.release();
        }
        Workspace old = workspace;
        if (old != null) {
            workspace = null;
            AgentCalls.Status unused = scripts.run(
                    "Removing the workspace", Scripts.REMOVE_WORKSPACE, List.of(old.directory()), PREPARATION);
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

    /** Who watches the started commands of the present workspace. */
    private Supervisor supervisor() {
        Supervisor ready = supervisor;
        if (ready != null) {
            return ready;
        }
        Workspace place = workspace();
        preparing.lock();
        try {
            ready = supervisor;
            if (ready == null) {
                prepareStreams(place);
                ready = new Supervisor(calls, housekeeping, executor, place.directory());
                supervisor = ready;
            }
            return ready;
        } finally {
            preparing.unlock();
        }
    }

    private void prepareStreams(Workspace place) {
        AgentCalls.Status status = scripts.run(
                "Preparing the guest for streams",
                Scripts.PREPARE_STREAMS,
                List.of(place.directory(), Scripts.STREAMS),
                PREPARATION);
        if (!status.output().isEmpty()) {
            throw new GuestAgentException(
                    "The guest of " + calls.vmName() + " lacks programs that a started command's streams need: "
                            + Excerpt.head(status.output().replaceAll("\\s+", ", "), 200)
                            + ". They are of util-linux and coreutils, or of busybox",
                    calls.context());
        }
        if (!status.exitCode().equals(OptionalInt.of(0))) {
            throw new GuestAgentException(
                    "The guest of " + calls.vmName() + " takes no files in " + place.directory() + ": "
                            + Excerpt.head(status.errors(), 500),
                    calls.context());
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
