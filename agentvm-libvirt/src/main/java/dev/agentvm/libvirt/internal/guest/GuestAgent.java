package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExecResult;
import dev.agentvm.ExitStatus;
import dev.agentvm.GuestAgentException;
import dev.agentvm.OutputLimit;
import dev.agentvm.OutputLimitException;
import dev.agentvm.VMProcess;
import java.security.SecureRandom;
import java.time.Clock;
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
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs commands in one VM through its guest agent. Safe for use by many threads. A command waits on its caller's
 * thread; the agent's calls are made one at a time on a thread of the executor.
 */
public final class GuestAgent {
    private static final Duration PREPARATION = Duration.ofSeconds(30);
    private static final Duration END_BECOMES_KNOWN = Duration.ofMillis(300);

    /**
     * Where commands' files may be. In memory first, since a guest's disk is more likely to be full; /run last, since
     * the agent keeps its own state there and fails when it is full.
     */
    private static final List<String> BASES = List.of("/dev/shm", "/tmp", "/var/tmp", "/run");

    private static final Logger LOG = LoggerFactory.getLogger(GuestAgent.class);
    private static final SecureRandom RANDOM = new SecureRandom();

    /** Threads for calls of all VMs: one for each that has a call under way, none when there is none. */
    static final Executor THREADS = threads();

    private final AgentCalls calls;
    private final ScriptRunner scripts;
    private final Killer killer;
    private final Housekeeping housekeeping;
    private final Patience patience;
    private final int waiting;
    private final AtomicLong numbers = new AtomicLong();
    private final AtomicInteger running = new AtomicInteger();
    private final ReentrantLock preparing = new ReentrantLock();
    private final Background background;
    private final AtomicReference<@Nullable Site> site = new AtomicReference<>();

    /** Where commands are at present, and who watches those that were started there, if any was. */
    private record Site(
            Workspace workspace,
            WaitingShells waiting,
            @Nullable Supervisor supervisor) {}

    /** An agent whose calls are made on threads of this class's own. */
    public GuestAgent(String vmName, AgentChannel channel) {
        this(vmName, channel, THREADS);
    }

    /** @param executor runs the calls; it must have a thread for each VM, since a mute agent holds its one */
    public GuestAgent(String vmName, AgentChannel channel, Executor executor) {
        this(vmName, channel, executor, Patience.usual(), WaitingShells.USUAL);
    }

    /** @param waiting how many shells wait in the guest for commands to come */
    GuestAgent(String vmName, AgentChannel channel, Executor executor, Patience patience, int waiting) {
        this.calls = new AgentCalls(vmName, new AgentQueue(vmName, channel, executor), patience.call());
        this.background = new Background(executor);
        this.patience = patience;
        this.scripts = new ScriptRunner(calls);
        this.killer = new Killer(scripts);
        this.housekeeping = new Housekeeping(calls, scripts, executor);
        this.waiting = waiting;
    }

    private GuestAgent(GuestAgent sibling) {
        this.calls = sibling.calls;
        this.background = sibling.background;
        this.patience = sibling.patience;
        this.scripts = sibling.scripts;
        this.killer = sibling.killer;
        this.housekeeping = sibling.housekeeping;
        this.waiting = sibling.waiting;
    }

    /**
     * The same agent for another user. What concerns its calls, {@link #whileQuiet} and {@link #fail}, concerns both;
     * what one started is not touched by the other's {@link #release}.
     */
    public GuestAgent sibling() {
        return new GuestAgent(this);
    }

    /**
     * Runs a command and waits for its end, as {@link dev.agentvm.VM#exec} says.
     *
     * @throws CommandStartException if the guest has no such program or working directory
     * @throws CommandTimeoutException if it ran longer than its timeout; it was then killed
     * @throws OutputLimitException if it wrote more than its limit; it was then killed
     * @throws GuestAgentException if the agent is silent, or refuses, or answers nonsense
     * @throws AgentVMException if this thread was interrupted, whose interrupt status is then set; the command was
     *     killed. Or what {@link #fail} was told
     */
    public ExecResult exec(Command command) {
        long begin = System.nanoTime();
        check(command);
        running.incrementAndGet();
        try {
            ExecResult result = onceMoreIfNeedBe(() -> run(command, begin));
            prepareForMore();
            return result;
        } catch (CommandStartException | CommandTimeoutException | OutputLimitException e) {
            prepareForMore();
            throw e;
        } catch (GuestAgentException e) {
            // With its VM the agent goes too, and that may be known before the reason is.
            calls.queue().pauseUninterrupted(END_BECOMES_KNOWN);
            throw e;
        } finally {
            running.decrementAndGet();
        }
    }

    /** The guest may begin what the next command needs. */
    private void prepareForMore() {
        Site here = site.get();
        if (here != null) {
            here.waiting().replenish();
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
            leave(gone.workspace());
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
        Site here = site();
        Optional<WaitingShell> shell = here.waiting().take(command);
        try {
            return execution(here, shell, command, begin).run();
        } catch (Starter.ShellGoneException gone) {
            return started(here, command, begin);
        }
    }

    private ExecResult started(Site here, Command command, long begin) throws Starter.WorkspaceGoneException {
        try {
            return execution(here, Optional.empty(), command, begin).run();
        } catch (Starter.ShellGoneException e) {
            throw new AssertionError("it was given no shell", e);
        }
    }

    private Execution execution(Site here, Optional<WaitingShell> shell, Command command, long begin) {
        long number = shell.map(WaitingShell::number).orElseGet(numbers::incrementAndGet);
        Starter starter = starter(here.workspace(), command, number);
        return new Execution(starter, shell, running::get, patience.silence(), begin);
    }

    private void requireNoInterrupt() {
        if (Thread.currentThread().isInterrupted()) {
            throw new AgentVMException("The thread was interrupted; the command was not started", calls.context());
        }
    }

    private Starter starter(Workspace workspace, Command command, long number) {
        return new Starter(calls, killer, housekeeping, workspace, command, number);
    }

    /** A site that has a supervisor, which is needed for streams. */
    private record Streaming(Workspace workspace, Supervisor supervisor) {}

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
            requireNoInterrupt();
            Streaming place = streaming();
            Runnable nudge = place.supervisor()::nudge;
            OutputBuffer stdout = new OutputBuffer(nudge);
            OutputBuffer stderr = new OutputBuffer(nudge);
            InputBuffer stdin = new InputBuffer(command.stdin(), nudge);
            Watch watch = start(place, command, explain, stdout, stderr, stdin);
            Runnable whenClosed = () -> place.supervisor().post(watch::closeStreams);
            return new RunningCommand(calls, watch.process(), background, nudge, whenClosed, stdout, stderr, stdin);
        });
    }

    private Watch start(
            Streaming place,
            Command command,
            UnaryOperator<AgentVMException> explain,
            Sink stdout,
            Sink stderr,
            InputBuffer stdin)
            throws Starter.WorkspaceGoneException {
        UnaryOperator<AgentVMException> whetherVMIsGone = failure -> {
            if (failure instanceof GuestAgentException) {
                calls.queue().pauseUninterrupted(END_BECOMES_KNOWN);
            }
            return explain.apply(failure);
        };
        long number = numbers.incrementAndGet();
        Starter starter = starter(place.workspace(), command, number);
        GuestProcess process = new GuestProcess(starter, scripts, number);
        Supervisor supervisor = place.supervisor();
        Watch watch = new Watch(process, starter, supervisor, stdout, stderr, stdin, whetherVMIsGone);
        supervisor.watch(watch);
        try {
            process.start(Scripts.toPipes(place.workspace(), number));
            return watch;
        } catch (RuntimeException | Starter.WorkspaceGoneException e) {
            if (process.pid() == 0) {
                supervisor.forget(watch, new GuestAgentException(process.name() + " was not started", calls.context()));
            } else {
                // Nobody reads what it may still write.
                supervisor.post(watch::closeStreams);
            }
            throw e;
        }
    }

    /** Runs a command of whose output only the ends are kept, however much that is. */
    private ExecResult keepEnds(Command command, long begin) throws Starter.WorkspaceGoneException {
        Ends stdout = new Ends(command.outputLimit().bytes() / 2);
        Ends stderr = new Ends(command.outputLimit().bytes() / 2);
        requireNoInterrupt();
        Streaming place = streaming();
        InputBuffer stdin = new InputBuffer(command.stdin(), place.supervisor()::nudge);
        stdin.close();
        GuestProcess process = start(place, command, UnaryOperator.identity(), stdout, stderr, stdin)
                .process();
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

    /** Does something while no call of this agent is under way; those that come meanwhile wait. */
    public void whileQuiet(Runnable work) {
        calls.queue().whileQuiet(work);
    }

    /** As {@link #whileQuiet(Runnable)}, but while a call is under way if that takes longer than {@code patience}. */
    public void whileQuiet(Duration patience, Runnable work) {
        calls.queue().whileQuiet(patience, work);
    }

    /**
     * Tells a guest whose memory is of another time what the time is, and lets its random numbers take another course.
     *
     * @return whether they do from now on; else the guest's kernel goes on as it did before, for at most a minute
     * @throws GuestAgentException if the agent is silent, or the clock cannot be set
     */
    public boolean revive(Clock clock) {
        return new Revival(calls, scripts).tell(clock);
    }

    /**
     * Tells a guest that stood still what the time is.
     *
     * @throws GuestAgentException if the agent is silent, or the clock cannot be set
     */
    public void setTime(Clock clock) {
        new Revival(calls, scripts).setTime(clock);
    }

    /** Ends every command that waits, and each that comes, with this reason: the VM is gone, or is no more what it was. */
    public void fail(AgentVMException reason) {
        calls.queue().fail(reason);
    }

    /**
     * Kills the commands that were started, and removes what commands left in the guest. For a VM that lives on without
     * this object.
     *
     * @throws GuestAgentException if the agent is silent or refuses
     */
    public void release() {
        Site old = site.getAndSet(null);
        if (old == null) {
            return;
        }
        Supervisor supervisor = old.supervisor();
        if (supervisor != null) {
            supervisor.end(" was ended, since the handle on " + calls.vmName() + " that started it was closed");
            supervisor.retire(() -> {});
        }
        old.waiting().end();
        remove(old.workspace());
    }

    /** Ends what waits in the guest for commands to come, as for a guest whose memory is about to be kept. */
    public void dismissWaiting() {
        Site here = site.get();
        if (here != null) {
            dismiss(here.waiting()::dismiss);
        }
    }

    /** What is started from now on shall be elsewhere; the others may go on there as long as they can. */
    private void leave(Workspace gone) {
        Site old = site.getAndUpdate(now -> now != null && now.workspace().equals(gone) ? null : now);
        if (old == null || !old.workspace().equals(gone)) {
            return;
        }
        background.execute(() -> dismiss(old.waiting()::end));
        Supervisor supervisor = old.supervisor();
        if (supervisor != null) {
            supervisor.retire(() -> {
                try {
                    remove(gone);
                } catch (AgentVMException e) {
                    LOG.debug("{} stays in {}", gone.directory(), calls.vmName(), e);
                }
            });
        }
    }

    private void dismiss(Runnable ending) {
        try {
            ending.run();
        } catch (AgentVMException e) {
            LOG.debug("Shells still wait in {}", calls.vmName(), e);
        }
    }

    private void remove(Workspace old) {
        AgentCalls.Status unused =
                scripts.run("Removing the workspace", Scripts.REMOVE_WORKSPACE, List.of(old.directory()), PREPARATION);
    }

    private Site site() {
        Site ready = site.get();
        if (ready != null) {
            return ready;
        }
        preparing.lock();
        try {
            ready = site.get();
            if (ready == null) {
                Workspace workspace = makeWorkspace();
                ready = new Site(workspace, waitingShells(workspace), null);
                site.set(ready);
            }
            return ready;
        } finally {
            preparing.unlock();
        }
    }

    private WaitingShells waitingShells(Workspace workspace) {
        return new WaitingShells(calls, killer, housekeeping, background, numbers::incrementAndGet, workspace, waiting);
    }

    private Streaming streaming() throws Starter.WorkspaceGoneException {
        preparing.lock();
        try {
            Site ready = site();
            Supervisor supervisor = ready.supervisor();
            if (supervisor == null) {
                Workspace workspace = ready.workspace();
                prepareStreams(workspace);
                supervisor = new Supervisor(calls, scripts, housekeeping, background, patience, workspace.directory());
                // Unless it was left meanwhile, since its directory is gone; then that is found out again.
                boolean unused = site.compareAndSet(ready, new Site(workspace, ready.waiting(), supervisor));
            }
            return new Streaming(ready.workspace(), supervisor);
        } finally {
            preparing.unlock();
        }
    }

    private void prepareStreams(Workspace place) throws Starter.WorkspaceGoneException {
        AgentCalls.Status status = scripts.run(
                "Preparing the guest for streams",
                Scripts.PREPARE_STREAMS,
                List.of(place.directory(), Scripts.STREAMS),
                PREPARATION);
        if (status.exitCode().equals(OptionalInt.of(Scripts.NO_DIRECTORY))) {
            throw new Starter.WorkspaceGoneException(
                    place,
                    new GuestAgentException(
                            "The directory " + place.directory() + " in the guest of " + calls.vmName()
                                    + " was removed",
                            calls.context()));
        }
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
