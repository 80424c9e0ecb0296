package dev.agentvm.testkit;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExecResult;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import dev.agentvm.InvalidValueException;
import dev.agentvm.Isolation;
import dev.agentvm.OutputLimit;
import dev.agentvm.OutputLimitException;
import dev.agentvm.Snapshot;
import dev.agentvm.VM;
import dev.agentvm.VMFiles;
import dev.agentvm.VMProcess;
import dev.agentvm.VMState;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.ConnectionAttempt;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import dev.agentvm.spi.VMEventSource;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A VM of a {@link FakeHypervisor}: it keeps the promises of {@link VM}, and a test may play its guest. Safe for use by
 * many threads.
 *
 * <p>Commands are answered by what {@link #whenExec} was told, then by what {@link FakeHypervisor#whenExec} was told,
 * then by the guest's own programs: {@code true}, {@code false}, {@code echo}, {@code cat}, {@code tee}, {@code mkdir},
 * {@code rm}, {@code pwd}, {@code env}, {@code sleep}, {@code yes}, {@code pidof} and {@code poweroff}, which know a
 * few files in memory and their plainest options. Any other program, a shell as well, is not there, as in a guest that
 * lacks it. {@link #files} and the guest's own programs see the same files. What {@link #start} starts has written its
 * whole reply at once, and ends when the reply's time is over; {@link Reply#echo} is live.
 */
public final class FakeVM implements VM {
    private static final Duration SILENCE = Duration.ofMinutes(1);

    private final FakeHypervisor program;
    private final Machine machine;
    private final Kind kind;
    private final ExecScript.Book scripts;
    private final VMEventSource events;
    /** What was started through this handle. */
    private final Queue<FakeProcess> started = new ConcurrentLinkedQueue<>();

    /** How a handle came to be. */
    enum Kind {
        /** By a launch; closing it destroys the VM. */
        ATTACHED,
        /** By a launch; closing it does not. */
        DETACHED,
        /** By name. */
        FOUND
    }

    FakeVM(FakeHypervisor program, Machine machine, Kind kind) {
        this.program = program;
        this.machine = machine;
        this.kind = kind;
        this.scripts = machine.scripts();
        this.events = program.source(machine);
    }

    /** The name of the filter that a real host would have for that VM. */
    static String filter(UUID id) {
        return "agentvm-" + id;
    }

    @Override
    public String name() {
        return machine.template().name();
    }

    @Override
    public UUID id() {
        return machine.id();
    }

    @Override
    public Map<String, String> labels() {
        return machine.template().labels();
    }

    @Override
    public VMState state() {
        VMState state = machine.vmState();
        if (kind == Kind.FOUND && state == VMState.STARTING) {
            return machine.isPaused() ? VMState.PAUSED : VMState.RUNNING;
        }
        return state;
    }

    @Override
    public Optional<String> endReason() {
        return Optional.ofNullable(machine.endReason());
    }

    @Override
    public boolean awaitEnd(Duration timeout) {
        try {
            return program.time().await(machine::isGone, timeout);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AgentVMException("Interrupted while waiting for '" + name() + "'", context("await the end"), e);
        }
    }

    @Override
    public Optional<NetworkAttachment> attachment() {
        return machine.attachment();
    }

    @Override
    public ExecResult exec(Command command) {
        require("exec");
        requireNotRestoring("exec");
        if (Thread.currentThread().isInterrupted()) {
            throw new AgentVMException(
                    "The thread was interrupted; the command was not started", context("run a command"));
        }
        return events.tellEnd(command, () -> run(command));
    }

    private ExecResult run(Command command) {
        program.time().enter();
        Instant begin = program.time().now();
        // Who sees the command run may restore at once.
        int era = machine.era();
        boolean silent = isSilent();
        long pid = machine.begin(command);
        try {
            Reply reply = reply(command, silent, era).withStdin(command.stdin());
            machine.begin(pid, reply.children());
            await(command, reply, era);
            return new ExecResult.Builder()
                    .exitCode(reply.exitCode())
                    .signal(reply.signal())
                    .stdout(kept(reply.stdout(), command.outputLimit()))
                    .stdoutOmission(omission(reply.stdout(), command.outputLimit()))
                    .stderr(kept(reply.stderr(), command.outputLimit()))
                    .stderrOmission(omission(reply.stderr(), command.outputLimit()))
                    .duration(Duration.between(begin, program.time().now()))
                    .build();
        } finally {
            machine.finish(pid);
            program.time().leave();
        }
    }

    private static Optional<ExecResult.Omission> omission(byte[] all, OutputLimit limit) {
        int end = limit.bytes() / 2;
        return limit.excess() == OutputLimit.Excess.FAIL || all.length <= 2 * end
                ? Optional.empty()
                : Optional.of(new ExecResult.Omission(end, all.length - 2L * end));
    }

    private static byte[] kept(byte[] all, OutputLimit limit) {
        return omission(all, limit)
                .map(omission -> {
                    int end = omission.position();
                    byte[] ends = Arrays.copyOf(all, 2 * end);
                    System.arraycopy(all, all.length - end, ends, end, end);
                    return ends;
                })
                .orElse(all);
    }

    @Override
    public VMProcess start(Command command) {
        require("start");
        requireNotRestoring("start");
        if (Thread.currentThread().isInterrupted()) {
            throw new AgentVMException(
                    "The thread was interrupted; the command was not started", context("start a command"));
        }
        program.time().enter();
        Instant begin = program.time().now();
        int era = machine.era();
        boolean silent = isSilent();
        long pid = machine.begin(command);
        try {
            Reply reply = reply(command, silent, era);
            require("start");
            machine.begin(pid, reply.children());
            FakeProcess process = FakeProcess.begin(
                    program.time(),
                    machine,
                    command,
                    pid,
                    reply,
                    status -> events.commandEnded(command, begin, status));
            started.removeIf(earlier -> !earlier.isAlive());
            started.add(process);
            if (machine.era() != era) {
                process.lost(machine.restored("start"));
            }
            return process;
        } catch (AgentVMException e) {
            machine.finish(pid);
            events.commandFailed(command, begin, e);
            throw e;
        } catch (RuntimeException | Error e) {
            machine.finish(pid);
            throw e;
        } finally {
            program.time().leave();
        }
    }

    /** Files in memory, whose permissions are remembered and bind nobody. */
    @Override
    public VMFiles files() {
        return new FakeFiles(machine, this::beReady);
    }

    private void beReady(String operation) {
        require(operation);
        requireNotRestoring(operation);
        if (Thread.currentThread().isInterrupted()) {
            throw new AgentVMException("The " + operation + " was interrupted", context(operation));
        }
        if (isSilent()) {
            program.time().enter();
            try {
                throw silent(operation, machine.era());
            } finally {
                program.time().leave();
            }
        }
        machine.touch();
    }

    /** Whoever sees a command run may let the guest stand still at once: then it is under way. */
    private boolean isSilent() {
        return machine.isPaused() || !machine.isLaunched();
    }

    private Reply reply(Command command, boolean silent, int era) {
        if (silent) {
            throw silent(name(command), era);
        }
        Optional<Fault> fault = machine.host().faults().ofCommand();
        if (fault.isPresent()) {
            return reply(command, fault.get(), era);
        }
        command.workingDirectory()
                .filter(directory -> !machine.files().isDirectory(GuestFiles.resolve("/", directory)))
                .ifPresent(directory -> {
                    throw new CommandStartException(
                            name(command) + " was not started, since its working directory " + directory
                                    + " cannot be entered",
                            context("run a command"));
                });
        command.user().filter(user -> !GuestPrograms.USERS.containsKey(user)).ifPresent(user -> {
            throw new CommandStartException(
                    name(command) + " was not started, since the guest has no user " + user + "; a fake one has "
                            + GuestPrograms.USERS.keySet(),
                    context("run a command"));
        });
        Optional<Responder> responder =
                scripts.find(command).or(() -> machine.host().scripts().find(command));
        if (responder.isPresent()) {
            return reply(command, responder.get());
        }
        return GuestPrograms.run(command, machine).orElseThrow(() -> {
            String program = command.argv().get(0);
            return new CommandStartException(
                    "The guest has no program " + program
                            + (program.contains("/") ? "" : "; its PATH is " + GuestPrograms.PATH)
                            + ". A test gives the fake guest one by whenExec(…)",
                    context("run a command"));
        });
    }

    private Reply reply(Command command, Responder responder) {
        int calls = program.time().suspend();
        try {
            return responder.reply(command, this);
        } finally {
            program.time().resume(calls);
        }
    }

    private Reply reply(Command command, Fault fault, int era) {
        return switch (fault) {
            case COMMAND_HANGS -> Reply.hang();
            case AGENT_FALLS_SILENT -> throw silent(name(command), era);
            case GUEST_DISK_FULL ->
                throw new GuestAgentException(
                        name(command) + " ended, but its output may be incomplete, since the guest takes no more: No"
                                + " space left on device",
                        context("run a command"));
            case CONNECTION_LOST_DURING_COMMAND -> throw machine.host().unreachable("run a command", name());
            case GUEST_DIES -> {
                machine.die("its domain stopped (crashed)");
                yield Reply.exit(0);
            }
            default -> throw new AssertionError(fault + " is not of commands");
        };
    }

    private AgentVMException silent(String what, int era) {
        pass(what, SILENCE, era);
        return new GuestAgentException(
                "The guest agent does not answer; " + what + " may still be running",
                FailureContext.of("run a command").vm(name()).retryable(true));
    }

    /** Lets the command run as long as it takes. */
    private void await(Command command, Reply reply, int era) {
        if (machine.isGone()) {
            machine.requireAlive("exec");
        }
        OutputLimit limit = command.outputLimit();
        boolean fails = limit.excess() == OutputLimit.Excess.FAIL;
        Duration running = reply.isEndless() && !fails ? VirtualTime.FOREVER : reply.duration();
        if (!passRunning(name(command), running, command.timeout(), era)) {
            throw new CommandTimeoutException(
                    name(command) + " ran longer than its timeout of " + command.timeout()
                            + "; it was killed, with all its processes except daemons",
                    context("run a command"));
        }
        if (fails && reply.exceeds(limit.bytes())) {
            throw new OutputLimitException(
                    name(command) + " wrote more than " + limit.bytes()
                            + " bytes of output; it was killed, with all its processes except daemons; let it write"
                            + " to a file in the guest",
                    context("run a command"));
        }
    }

    /**
     * Lets the guest run for that long, which takes longer if it stands still meanwhile.
     *
     * @return whether it took no longer than the timeout
     */
    private boolean passRunning(String what, Duration running, Duration timeout, int era) {
        Instant deadline = program.time().now().plus(timeout);
        Duration since = machine.timeRun();
        while (true) {
            boolean still = machine.isPaused();
            Duration left = running.minus(machine.timeRun().minus(since));
            Duration untilDeadline = Duration.between(program.time().now(), deadline);
            boolean inTime = left.compareTo(untilDeadline) <= 0;
            Duration next = inTime && !still ? left : untilDeadline;
            if (next.isNegative()) {
                next = Duration.ZERO;
            }
            pass(what, next, era, () -> machine.isPaused() != still);
            if (!still && left.compareTo(Duration.ZERO) <= 0) {
                return inTime;
            }
            if (untilDeadline.compareTo(Duration.ZERO) <= 0) {
                return false;
            }
        }
    }

    private void pass(String what, Duration time, int era) {
        pass(what, time, era, () -> false);
    }

    /** Lets that time pass, unless something is so before. */
    private void pass(String what, Duration time, int era, BooleanSupplier before) {
        try {
            program.time()
                    .awaitInside(
                            () -> machine.isGone()
                                    || program.isClosed()
                                    || machine.era() != era
                                    || before.getAsBoolean(),
                            time);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AgentVMException(
                    "The wait for " + what + " was interrupted; it was killed, with all its processes except daemons",
                    context("run a command"),
                    e);
        }
        require("exec");
        if (machine.era() != era) {
            throw machine.restored("exec");
        }
    }

    private void requireNotRestoring(String operation) {
        if (machine.isRestoring()) {
            throw machine.restored(operation);
        }
    }

    /** Whether another program launched it, which alone knows some of it. */
    private boolean isForeign() {
        return machine.program() != program;
    }

    private void require(String operation) {
        machine.requireAlive(operation);
        program.requireOpen(operation);
    }

    @Override
    public Isolation isolation() {
        require("read the isolation");
        Isolation.Builder isolation =
                new Isolation.Builder().accelerator(machine.host().settings().accelerator());
        if (machine.attachment().isPresent()) {
            isolation.filter(filter(id()));
        }
        return isolation.build();
    }

    @Override
    public List<String> warnings() {
        return isForeign() ? List.of() : machine.warnings();
    }

    @Override
    public String serialLog() {
        return isForeign() ? "" : machine.serialText();
    }

    @Override
    public Snapshot snapshot(String name) {
        Snapshot snapshot = new Snapshot(name, program.time().now());
        requireOwn("take a snapshot");
        changing("take a snapshot", () -> machine.take(snapshot));
        return snapshot;
    }

    @Override
    public void restore(String name) {
        requireOwn("restore");
        changing("restore", () -> machine.restore(name));
    }

    @Override
    public List<Snapshot> snapshots() {
        if (!machine.isGone()) {
            requireOwn("list the snapshots");
        }
        return machine.snapshots();
    }

    @Override
    public void deleteSnapshot(String name) {
        requireOwn("delete a snapshot");
        machine.delete(name);
    }

    @Override
    public void reset() {
        requireOwn("reset");
        changing("reset", machine::reset);
    }

    @Override
    public void pause() {
        requireOwn("pause it");
        uninterrupted(() -> {
            if (machine.stand(true, "pause it")) {
                events.paused();
            }
        });
    }

    @Override
    public void resume() {
        requireOwn("resume it");
        uninterrupted(() -> {
            if (machine.stand(false, "resume it")) {
                events.resumed();
            }
        });
    }

    private void uninterrupted(Change change) {
        program.time().enter();
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    change.make();
                    return;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            program.time().leave();
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private interface Change {
        void make() throws InterruptedException;
    }

    private void changing(String operation, Change change) {
        if (machine.isPaused()) {
            throw new AgentVMException("The VM '" + name() + "' is paused, and must run for this", context(operation));
        }
        if (Thread.currentThread().isInterrupted()) {
            throw interrupted(operation, null);
        }
        program.time().enter();
        try {
            change.make();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw interrupted(operation, e);
        } finally {
            program.time().leave();
        }
    }

    private AgentVMException interrupted(String operation, @Nullable Throwable cause) {
        return new AgentVMException(
                "The thread was interrupted; nothing was done to " + operation, context(operation), cause);
    }

    private void requireOwn(String operation) {
        require(operation);
        if (!machine.isOf(program)) {
            throw new AgentVMException(
                    "The VM '" + name() + "' was launched by another program, which alone can " + operation,
                    context(operation));
        }
    }

    @Override
    public void destroy() {
        if (kind != Kind.ATTACHED && !machine.isGone()) {
            program.requireOpen("destroy");
        }
        machine.close("destroyed by its program", events);
    }

    @Override
    public void close() {
        if (kind == Kind.ATTACHED) {
            machine.close("closed by its program", events);
        } else if (!machine.isGone()) {
            started.forEach(FakeProcess::endWithHandle);
        }
    }

    @Override
    public void setNetworkPolicy(NetworkPolicy policy) {
        require("change the network policy");
        requireNetwork("networkPolicy", policy);
        Optional<NetworkPolicy> before = machine.policy(policy, program);
        events.policyChanged(before, policy);
    }

    @Override
    public Optional<NetworkPolicy> networkPolicy() {
        return machine.attachment().flatMap(unused -> machine.policyAsKnownTo(program));
    }

    @Override
    public void setBandwidth(BandwidthLimit limit) {
        require("change the bandwidth");
        requireNetwork("bandwidth", limit);
        machine.bandwidth(machine.host().possible(limit, name()));
    }

    private NetworkAttachment requireNetwork(String field, Object value) {
        return machine.attachment()
                .orElseThrow(() -> new InvalidValueException(
                        field, value, "the VM '" + name() + "' is in NetworkMode.ISOLATED and has no network"));
    }

    /** The bandwidth limit in force; unlimited where the fake host cannot shape traffic. */
    public BandwidthLimit bandwidth() {
        return machine.bandwidth();
    }

    /**
     * Plays an attempt to communicate: it is judged by the policy in force, remembered, and told as an event. A limit
     * of connections is not counted, since nothing tells when one ends.
     *
     * @return what becomes of it
     * @throws InvalidValueException for a VM without a network
     */
    public Verdict connect(Flow flow) {
        require("connect");
        NetworkAttachment attachment = requireNetwork("flow", flow);
        Verdict verdict = machine.policy().evaluate(flow, attachment);
        Instant now = program.time().now();
        machine.add(new ConnectionAttempt(now, flow, Optional.of(verdict)));
        machine.source().publish(ConnectionAttempted.of(now, machine.source().vm(), flow, verdict, Optional.empty()));
        return verdict;
    }

    /** What {@link #connect} was asked for, in its order. */
    @Override
    public ConnectionLog connectionLog() {
        return machine.connectionLog(program);
    }

    /** All commands that were asked for, in their order. Answers for a VM that is gone too. */
    public List<Command> commands() {
        return machine.commands();
    }

    /** Says what this guest answers to certain commands; the newest that matches answers. */
    public ExecScript whenExec(CommandMatcher matcher) {
        return scripts.add(matcher);
    }

    /** Says what this guest answers to exactly this program with these arguments. */
    public ExecScript whenExec(String... argv) {
        return whenExec(CommandMatcher.argv(argv));
    }

    /**
     * Writes a file in the guest, and makes its directory.
     *
     * @param path absolute
     * @throws InvalidValueException if a file or directory is in the way
     */
    public FakeVM putFile(String path, byte[] content) {
        String file = GuestFiles.resolve("/", path);
        if (!machine.files().makeDirectories(GuestFiles.parent(file))
                || !machine.files().write(file, content)) {
            throw new InvalidValueException("path", path, "must be a file in a directory; something is in the way");
        }
        return this;
    }

    /** Writes a file in the guest in UTF-8, and makes its directory. */
    public FakeVM putFile(String path, String content) {
        return putFile(path, content.getBytes(StandardCharsets.UTF_8));
    }

    /** What a file in the guest holds, if it is there. Answers for a VM that is gone too. */
    public Optional<byte[]> file(String path) {
        return machine.files().read(GuestFiles.resolve("/", path));
    }

    /** Writes to the serial console, as the guest does. */
    public void print(String text) {
        machine.print(text);
    }

    /** The guest ends by itself, as by {@code poweroff}. */
    public void powerOff() {
        machine.die("its domain stopped (shutdown)");
    }

    /** The guest stands still, as after {@code virsh suspend}: its agent is silent. {@link #resume} lets it run on. */
    public void suspend() {
        machine.requireAlive("suspend");
        machine.paused(true);
    }

    private static String name(Command command) {
        return "'" + String.join(" ", command.argv()) + "'";
    }

    private FailureContext context(String operation) {
        return FailureContext.of(operation).vm(name());
    }

    @Override
    public String toString() {
        return "fake VM " + name() + " " + state();
    }
}
