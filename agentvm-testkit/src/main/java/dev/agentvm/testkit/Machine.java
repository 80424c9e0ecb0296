package dev.agentvm.testkit;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import dev.agentvm.LaunchStep;
import dev.agentvm.Snapshot;
import dev.agentvm.SnapshotAlreadyExistsException;
import dev.agentvm.SnapshotNotFoundException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMRestoredException;
import dev.agentvm.VMState;
import dev.agentvm.VMTemplate;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.ConnectionAttempt;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.spi.VMEventSource;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One fake VM, whatever handles there are on it. Safe for use by many threads. */
final class Machine {
    private static final int SERIAL_CAPACITY = 64 * 1024;
    /** How long it takes to put a VM back to a state whose memory was kept. */
    private static final Duration RESTORE_TIME = Duration.ofMillis(500);
    /** What the state after the launch is kept as; no snapshot can be called so. */
    private static final String LAUNCH = "(launch)";

    private final Object teardown = new Object();
    private final FakeHost host;
    private final FakeHypervisor program;
    private final VMEventSource source;
    private final boolean detached;
    private final UUID id;
    private final VMTemplate template;
    private final Optional<NetworkAttachment> attachment;
    private final List<String> warnings;
    private final ExecScript.Book scripts = new ExecScript.Book();
    private final GuestFiles files;
    private final List<Command> commands = new ArrayList<>();
    private final TreeMap<Long, String> programs = new TreeMap<>();
    /** What programs that run have started. */
    private final Map<Long, List<Long>> children = new HashMap<>();

    private final Set<FakeProcess> processes = ConcurrentHashMap.newKeySet();
    private final List<VirtualTime.Timer> timers = new ArrayList<>();
    private final StringBuilder serial = new StringBuilder();
    private final Set<FakeHypervisor> policyKnownTo = ConcurrentHashMap.newKeySet();
    private volatile NetworkPolicy policy;
    private volatile BandwidthLimit bandwidth;
    private volatile @Nullable String endReason;
    private volatile boolean paused = true;
    private Duration ran = Duration.ZERO;
    private Instant runsSince;
    private volatile boolean launched;
    private Instant idleSince;
    private volatile Instant expires = Instant.MAX;
    private long lastPid = 1;
    private ConnectionLog connectionLog = ConnectionLog.empty(Optional.empty());
    private final Map<String, Kept> snapshots = new LinkedHashMap<>();
    /** What programs that nobody waits for run, since the state that they ran in came back. */
    private Map<Long, String> revived = Map.of();

    private @Nullable State afterLaunch;
    private boolean resettable;
    private volatile boolean restoring;
    /** Counts the restores: what began in one era has not happened in the next. */
    private volatile int era;

    /** What a snapshot keeps. */
    private record State(Map<String, GuestFiles.Node> files, Map<Long, String> programs) {}

    private record Kept(Snapshot snapshot, State state) {}

    Machine(
            FakeHost host,
            FakeHypervisor program,
            VMEventSource source,
            boolean detached,
            UUID id,
            VMTemplate template,
            Optional<NetworkAttachment> attachment,
            List<String> warnings,
            BandwidthLimit bandwidth) {
        this.host = host;
        this.program = program;
        this.source = source;
        this.detached = detached;
        this.id = id;
        this.template = template;
        this.attachment = attachment;
        this.warnings = List.copyOf(warnings);
        this.policy = template.networkPolicy();
        this.policyKnownTo.add(program);
        this.bandwidth = bandwidth;
        this.idleSince = host.time().now();
        this.runsSince = idleSince;
        this.files = new GuestFiles(() -> host.time().now());
    }

    FakeHost host() {
        return host;
    }

    FakeHypervisor program() {
        return program;
    }

    /** What tells the program that launched it. */
    VMEventSource source() {
        return source;
    }

    UUID id() {
        return id;
    }

    VMTemplate template() {
        return template;
    }

    Optional<NetworkAttachment> attachment() {
        return attachment;
    }

    List<String> warnings() {
        return warnings;
    }

    boolean isDetached() {
        return detached;
    }

    ExecScript.Book scripts() {
        return scripts;
    }

    GuestFiles files() {
        return files;
    }

    NetworkPolicy policy() {
        return policy;
    }

    /**
     * Sets it, after which that program knows it.
     *
     * @return what that program knew of the policy before
     */
    synchronized Optional<NetworkPolicy> policy(NetworkPolicy value, FakeHypervisor by) {
        Optional<NetworkPolicy> before = policyAsKnownTo(by);
        policy = value;
        policyKnownTo.add(by);
        return before;
    }

    /** A VM does not tell a program that did not launch it. */
    Optional<NetworkPolicy> policyAsKnownTo(FakeHypervisor asking) {
        return policyKnownTo.contains(asking) ? Optional.of(policy) : Optional.empty();
    }

    BandwidthLimit bandwidth() {
        return bandwidth;
    }

    void bandwidth(BandwidthLimit value) {
        bandwidth = value;
    }

    boolean isPaused() {
        return paused;
    }

    void paused(boolean value) {
        setPaused(value);
        pausedOrNot();
    }

    private synchronized void setPaused(boolean value) {
        if (paused != value) {
            ran = timeRun();
            runsSince = host.time().now();
            paused = value;
        }
    }

    /** How long its guest has run. */
    synchronized Duration timeRun() {
        return paused ? ran : ran.plus(Duration.between(runsSince, host.time().now()));
    }

    private void pausedOrNot() {
        List.copyOf(processes).forEach(FakeProcess::followVM);
        host.time().wake();
    }

    /**
     * Lets its guest stand still or run, for the program that launched it, once no restore is under way.
     *
     * @return whether that is something else than it did
     */
    boolean stand(boolean still, String operation) throws InterruptedException {
        while (true) {
            host.time().awaitInside(() -> !restoring || isGone(), Duration.ofDays(1));
            synchronized (this) {
                requireAlive(operation);
                if (!launched) {
                    throw new AgentVMException(
                            "The VM '" + template.name() + "' is being launched; " + operation + " when that is over",
                            context(operation));
                }
                if (paused == still && !restoring) {
                    return false;
                }
                if (!restoring) {
                    setPaused(still);
                    break;
                }
            }
        }
        pausedOrNot();
        return true;
    }

    boolean isLaunched() {
        return launched;
    }

    /** Its guest agent answers; its times begin to count. */
    void launched(boolean keepsMemory) {
        synchronized (this) {
            launched = true;
            afterLaunch = state();
            resettable = keepsMemory;
            if (keepsMemory) {
                host.made(id, savedState(LAUNCH));
            }
            idleSince = host.time().now();
        }
        template.timeToLive().ifPresent(time -> {
            expires = host.time().now().plus(time);
            schedule(time, () -> close("its time to live of " + time + " is over"));
        });
        template.idleTimeout().ifPresent(time -> schedule(time, () -> endIfIdle(time)));
    }

    /** Why it should be gone by now, if it should. */
    synchronized Optional<String> overdue() {
        if (!host.time().now().isBefore(expires)) {
            return Optional.of("its time to live is over");
        }
        return template.idleTimeout()
                .filter(timeout -> launched && idleTime().compareTo(timeout) >= 0)
                .map(timeout -> "it was idle for " + timeout);
    }

    private void endIfIdle(Duration timeout) {
        Duration idle = idleTime();
        if (idle.compareTo(timeout) >= 0) {
            close("it was idle for " + timeout);
        } else {
            schedule(timeout.minus(idle), () -> endIfIdle(timeout));
        }
    }

    private synchronized void schedule(Duration delay, Runnable work) {
        if (endReason == null && program.isAlive()) {
            timers.add(host.time().schedule(delay, work));
        }
    }

    /** The program that launched it is gone, and with it whoever would have watched its times. */
    void unwatch() {
        List<VirtualTime.Timer> all;
        synchronized (this) {
            all = List.copyOf(timers);
            timers.clear();
        }
        all.forEach(host.time()::cancel);
    }

    synchronized long begin(Command command) {
        commands.add(command);
        lastPid++;
        programs.put(lastPid, command.argv().get(0).replaceFirst(".*/(?=.)", ""));
        return lastPid;
    }

    /** A program that runs has started others, which end with it. */
    synchronized void begin(long parent, List<String> started) {
        for (String child : started) {
            lastPid++;
            programs.put(lastPid, child);
            children.computeIfAbsent(parent, unused -> new ArrayList<>()).add(lastPid);
        }
    }

    synchronized void finish(long pid) {
        programs.remove(pid);
        Optional.ofNullable(children.remove(pid)).ifPresent(programs.keySet()::removeAll);
        idleSince = host.time().now();
    }

    /** Something was done in it. */
    synchronized void touch() {
        idleSince = host.time().now();
    }

    /** That process ends when this VM does. */
    void watch(FakeProcess process) {
        processes.add(process);
        String reason = endReason;
        if (reason != null) {
            process.lost(gone("start", reason));
        }
    }

    void unwatch(FakeProcess process) {
        processes.remove(process);
    }

    private synchronized Duration idleTime() {
        return programs.isEmpty() ? Duration.between(idleSince, host.time().now()) : Duration.ZERO;
    }

    synchronized Map<Long, String> runningPrograms() {
        Map<Long, String> running = new TreeMap<>(revived);
        running.putAll(programs);
        return running;
    }

    synchronized List<Command> commands() {
        return List.copyOf(commands);
    }

    synchronized void add(ConnectionAttempt attempt) {
        connectionLog = connectionLog.plus(attempt);
    }

    /** A program sees what the VMs do that it launched. */
    synchronized ConnectionLog connectionLog(FakeHypervisor asking) {
        return asking == program
                ? connectionLog
                : ConnectionLog.empty(
                        attachment.map(unused -> "the VM is watched by the program that launched it, not by this one"));
    }

    synchronized void print(String text) {
        serial.append(text);
        serial.delete(0, Math.max(0, serial.length() - SERIAL_CAPACITY));
    }

    synchronized String serialText() {
        return serial.toString();
    }

    @Nullable String endReason() {
        return endReason;
    }

    boolean isGone() {
        return endReason != null;
    }

    /** Its program closes it, or its time is over. */
    void close(String reason) {
        close(reason, source);
    }

    /** The program with those events destroys it. */
    void close(String reason, VMEventSource by) {
        end(reason, why -> {
            by.closed(why);
            // Another program that launched it knows only that it is gone.
            source.died("its domain stopped (destroyed)");
        });
    }

    /** It ends without that. */
    void die(String reason) {
        end(reason, source::died);
    }

    /** It is gone, with all that its launch made; the first reason counts, and another call waits for the first. */
    void end(String reason, Consumer<String> tell) {
        synchronized (teardown) {
            if (stop(reason)) {
                host.remove(this);
                tell.accept(reason);
                // Only now: who closes its program meanwhile waits here until all of it is gone.
                program.forget(this);
            }
        }
    }

    /**
     * It is gone, and what its launch made is left on the host.
     *
     * @return whether it was there
     */
    boolean stop(String reason) {
        synchronized (this) {
            if (endReason != null) {
                return false;
            }
            endReason = reason;
        }
        unwatch();
        List.copyOf(processes).forEach(process -> process.lost(gone("start", reason)));
        host.time().wake();
        return true;
    }

    boolean isRestoring() {
        return restoring;
    }

    /** Where it is in its life, for the program that launched it. */
    VMState vmState() {
        if (isGone()) {
            return VMState.DESTROYED;
        }
        if (!launched) {
            return VMState.STARTING;
        }
        if (restoring) {
            return VMState.RESTORING;
        }
        return paused ? VMState.PAUSED : VMState.RUNNING;
    }

    int era() {
        return era;
    }

    /** Whether that program may take and restore its snapshots. */
    boolean isOf(FakeHypervisor asking) {
        return asking == program;
    }

    synchronized void take(Snapshot snapshot) {
        if (!resettable) {
            throw new AgentVMException(
                    "The VM '" + template.name()
                            + "' was not launched with LaunchOptions.resettable, which snapshots need",
                    context("take a snapshot"));
        }
        if (snapshots.containsKey(snapshot.name())) {
            throw new SnapshotAlreadyExistsException(
                    "The VM '" + template.name() + "' has a snapshot '" + snapshot.name() + "' already",
                    context("take a snapshot"));
        }
        if (snapshots.size() == Snapshot.MAX_PER_VM) {
            throw new AgentVMException(
                    "The VM '" + template.name() + "' has " + Snapshot.MAX_PER_VM
                            + " snapshots, which is the most; delete one",
                    context("take a snapshot"));
        }
        host.made(id, savedState(snapshot.name()));
        snapshots.put(snapshot.name(), new Kept(snapshot, state()));
    }

    synchronized List<Snapshot> snapshots() {
        return endReason != null
                ? List.of()
                : snapshots.values().stream().map(Kept::snapshot).toList();
    }

    synchronized void delete(String name) {
        kept(name, "delete a snapshot");
        snapshots.remove(name);
        host.removed(id, savedState(name));
    }

    private synchronized Kept kept(String name, String operation) {
        Kept found = snapshots.get(name);
        if (found == null) {
            throw new SnapshotNotFoundException(
                    "The VM '" + template.name() + "' has no snapshot '" + name + "'; it has " + snapshots.keySet(),
                    context(operation));
        }
        return found;
    }

    private synchronized State state() {
        return new State(files.all(), runningPrograms());
    }

    private String savedState(String name) {
        return "saved state " + id + " " + name;
    }

    /** Puts it back to a snapshot. */
    void restore(String name) throws InterruptedException {
        begin("restore");
        VMEventSource.Restore telling = source.restoring(Optional.of(name));
        revive(kept(name, "restore").state(), RESTORE_TIME, telling);
        telling.done();
    }

    /** Puts it back to what it was after its launch. */
    void reset() throws InterruptedException {
        begin("reset");
        VMEventSource.Restore telling = source.restoring(Optional.empty());
        State first = Objects.requireNonNull(afterLaunch);
        revive(first, resettable ? RESTORE_TIME : host.settings().bootTime(), telling);
        snapshots().forEach(snapshot -> delete(snapshot.name()));
        telling.done();
    }

    /** One at a time. */
    private void begin(String operation) throws InterruptedException {
        while (true) {
            host.time().awaitInside(() -> !restoring || isGone(), Duration.ofDays(1));
            requireAlive(operation);
            synchronized (this) {
                requireNotPaused(operation);
                if (!restoring) {
                    return;
                }
            }
        }
    }

    private void requireNotPaused(String operation) {
        if (paused) {
            throw new AgentVMException(
                    "The VM '" + template.name() + "' is paused, and must run for this", context(operation));
        }
    }

    private void revive(State state, Duration time, VMEventSource.Restore telling) {
        boolean interrupted = false;
        synchronized (this) {
            requireNotPaused("restore");
            restoring = true;
        }
        try {
            synchronized (this) {
                era++;
                programs.clear();
                children.clear();
            }
            host.time().wake();
            List.copyOf(processes).forEach(process -> process.lost(restored("start")));
            telling.step(LaunchStep.DISK_MADE);
            telling.step(LaunchStep.DOMAIN_CREATED);
            attachment.ifPresent(unused -> telling.step(LaunchStep.POLICY_VERIFIED));
            telling.step(LaunchStep.RESUMED);
            interrupted = !passUnlessInterrupted(time);
            requireAlive("restore");
            if (host.faults().ofRestore().isPresent()) {
                die("its restore failed");
                throw new GuestAgentException(
                        "The guest agent of '" + template.name()
                                + "' does not answer after the restore; the VM was destroyed",
                        context("restore"));
            }
            telling.step(LaunchStep.AGENT_READY);
            files.become(state.files());
            synchronized (this) {
                revived = state.programs();
                connectionLog = ConnectionLog.empty(Optional.empty());
                serial.setLength(0);
                idleSince = host.time().now();
            }
        } finally {
            restoring = false;
            host.time().wake();
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** What has begun goes on to its end. */
    private boolean passUnlessInterrupted(Duration time) {
        try {
            host.time().awaitInside(() -> isGone() || program.isClosed(), time);
            return true;
        } catch (InterruptedException e) {
            return false;
        }
    }

    AgentVMException restored(String operation) {
        return new VMRestoredException(
                "The VM '" + template.name() + "' was put back to an earlier state; call again", context(operation));
    }

    private FailureContext context(String operation) {
        return FailureContext.of(operation).vm(template.name());
    }

    void requireAlive(String operation) {
        String reason = endReason;
        if (reason != null) {
            throw gone(operation, reason);
        }
    }

    AgentVMException gone(String operation, String reason) {
        return new VMDestroyedException(
                "The VM '" + template.name() + "' is gone: " + reason,
                FailureContext.of(operation).vm(template.name()));
    }
}
