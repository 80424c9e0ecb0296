package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.FailureContext;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.InvalidValueException;
import dev.agentvm.Isolation;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.Snapshot;
import dev.agentvm.VM;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMFiles;
import dev.agentvm.VMProcess;
import dev.agentvm.VMRestoredException;
import dev.agentvm.VMState;
import dev.agentvm.event.ObservationLimited;
import dev.agentvm.libvirt.internal.Uninterrupted;
import dev.agentvm.libvirt.internal.capture.Judge;
import dev.agentvm.libvirt.internal.capture.TapWatch;
import dev.agentvm.libvirt.internal.connection.ByteStream;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.DomainState;
import dev.agentvm.libvirt.internal.files.Ports;
import dev.agentvm.libvirt.internal.guest.GuestAgent;
import dev.agentvm.libvirt.internal.nativeaccess.ConnectionTracking;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.Flow;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import dev.agentvm.spi.VMEventSource;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A VM on libvirt: a handle on its domain, and on all else that its launch made. */
final class LibvirtVM implements VM {
    private static final Logger LOG = LoggerFactory.getLogger(LibvirtVM.class);
    private static final Duration END_BECOMES_KNOWN = Duration.ofSeconds(10);
    private static final Duration STATE_BECOMES_KNOWN = Duration.ofSeconds(10);
    /** An agent that does not answer shall not keep its guest running. */
    private static final Duration QUIET_COMES = Duration.ofSeconds(2);

    private final Parts parts;
    private final Identity identity;
    private final VMEventSource events;
    private final long begunNanos = System.nanoTime();
    private final Runnable remains;
    private final Ports ports;
    private final Commands commands;
    private final SerialLog serial = new SerialLog();

    private final CompletableFuture<String> end = new CompletableFuture<>();
    /** Tells of the end, once all is told that came before it. */
    private final AtomicReference<@Nullable Runnable> lastWord = new AtomicReference<>();

    private final AtomicReference<VMState> state;
    private final Common common;
    private volatile GuestAgent agent;
    private volatile CompletableFuture<Void> agentReady = new CompletableFuture<>();
    private volatile CompletableFuture<Void> runsAgain = new CompletableFuture<>();
    private volatile CompletableFuture<Void> standsStill = new CompletableFuture<>();
    /** How often its domain was destroyed and created anew. */
    private final AtomicInteger returns = new AtomicInteger();

    /** Whether this handle was closed, and the VM lives on. */
    private volatile boolean letGo;

    private volatile boolean removing;
    private final List<String> returnWarnings = new CopyOnWriteArrayList<>();
    private volatile Optional<Requirements.Shaping> otherBandwidth = Optional.empty();
    private volatile Optional<PolicyInForce> policy = Optional.empty();
    private volatile Optional<Own> own = Optional.empty();
    private volatile List<String> bandwidthWarnings = List.of();
    private volatile @Nullable TapWatch tapWatch;
    private volatile Supplier<ConnectionLog> connectionLog = () -> ConnectionLog.empty(Optional.empty());

    private final Object bandwidthLock = new Object();
    private boolean removed;

    private final Object consoleLock = new Object();
    private @Nullable ByteStream console;
    private boolean wantsConsole;

    /** What only the program that launched a VM can do with it. */
    private record Own(Snapshots snapshots, Standstill standstill) {}

    /**
     * Who a VM is.
     *
     * @param domain its domain
     * @param labels its template's labels
     * @param warnings the promises that are kept in a weaker form for as long as it lives
     * @param attached whether closing it destroys it
     */
    record Identity(DomainRef domain, Map<String, String> labels, List<String> warnings, boolean attached) {
        /** Copies the collections. */
        Identity {
            labels = Collections.unmodifiableMap(new LinkedHashMap<>(labels));
            warnings = List.copyOf(warnings);
        }
    }

    /**
     * A handle.
     *
     * @param common what it shares with other handles of this program on the VM
     * @param events tells what happens to the VM
     * @param remains removes the domain and all else that the launch made, and throws if anything stays
     */
    LibvirtVM(Parts parts, Identity identity, VMState state, Common common, VMEventSource events, Runnable remains) {
        this.parts = parts;
        this.identity = identity;
        this.state = new AtomicReference<>(state);
        this.common = common;
        this.events = events;
        this.remains = remains;
        this.agent = parts.agent(identity.domain());
        this.ports = new Ports(
                DomainRenderer.BULK_CHANNELS,
                (channel, sink) -> parts.libvirt().consoles().openChannel(identity.domain(), channel, sink));
        this.commands = new Commands(this, this::agent);
    }

    /** What files are copied through, whichever handle they are copied by. */
    Ports ports() {
        return ports;
    }

    /** What all handles of this program on the VM have in common. */
    Common common() {
        return common;
    }

    VMEventSource events() {
        return events;
    }

    /** The files that it has booted, and boots again when it is reset; none of a VM of another program. */
    Stream<Path> bootFiles() {
        return own.stream().flatMap(known -> known.snapshots().boot().files());
    }

    /** When its domain was about to be made. */
    long begunNanos() {
        return begunNanos;
    }

    DomainRef domain() {
        return identity.domain();
    }

    @Override
    public String name() {
        return identity.domain().name();
    }

    @Override
    public UUID id() {
        return identity.domain().uuid();
    }

    @Override
    public Map<String, String> labels() {
        return identity.labels();
    }

    @Override
    public VMState state() {
        return end.isDone() ? VMState.DESTROYED : state.get();
    }

    @Override
    public Optional<String> endReason() {
        return Optional.ofNullable(end.getNow(null));
    }

    @Override
    public boolean awaitEnd(Duration timeout) {
        return await(end, timeout, "await the end");
    }

    @Override
    public Optional<NetworkAttachment> attachment() {
        return policy.map(PolicyInForce::attachment);
    }

    /** It has a network, and a place there that is known. */
    void policy(PolicyInForce inForce) {
        policy = Optional.of(inForce);
    }

    Optional<PolicyInForce> policy() {
        return policy;
    }

    /** That much of its bandwidth limit is kept. */
    void bandwidth(Requirements.Shaping shaping) {
        bandwidthWarnings = shaping.warnings();
    }

    /** A limit that was set since the launch is put on the new domain's card. */
    void keepBandwidth() {
        synchronized (bandwidthLock) {
            otherBandwidth.ifPresent(this::shape);
        }
    }

    private void shape(Requirements.Shaping shaping) {
        parts.libvirt()
                .domains()
                .setBandwidth(
                        domain(),
                        Networking.tap(id()),
                        shaping.limit()
                                .down()
                                .map(DomainRenderer::kilobytesPerSecond)
                                .orElse(0),
                        shaping.limit()
                                .up()
                                .map(DomainRenderer::kilobytesPerSecond)
                                .orElse(0));
    }

    @Override
    public Optional<NetworkPolicy> networkPolicy() {
        return policy.flatMap(PolicyInForce::policy);
    }

    @Override
    public void setNetworkPolicy(NetworkPolicy wanted) {
        requireAlive("change the network policy");
        requireNetwork("networkPolicy", wanted).set(wanted, events);
    }

    @Override
    public void setBandwidth(BandwidthLimit limit) {
        requireAlive("change the bandwidth");
        requireNetwork("bandwidth", limit);
        Requirements.Shaping shaping = parts.requirements().shaping(name(), limit);
        int before = returns();
        try {
            synchronized (bandwidthLock) {
                shape(shaping);
                bandwidth(shaping);
                otherBandwidth = Optional.of(shaping);
            }
        } catch (AgentVMException e) {
            throw explain("change the bandwidth", e, before);
        }
    }

    private PolicyInForce requireNetwork(String field, Object value) {
        return policy.orElseThrow(() -> new InvalidValueException(
                field,
                value,
                "the VM '" + name() + "' "
                        + (launchIsOver()
                                ? "is in NetworkMode.ISOLATED and has no network"
                                : "is being launched, and has no place on a network yet")));
    }

    @Override
    public ExecResult exec(Command command) {
        return commands.exec(command);
    }

    @Override
    public VMProcess start(Command command) {
        return commands.start(command);
    }

    @Override
    public VMFiles files() {
        return commands.files();
    }

    /** As {@link #explain(String, AgentVMException)}; or the VM is put back, or was since there were {@code before} returns. */
    private AgentVMException explain(String operation, AgentVMException failure, int before) {
        return isReturning() || returns() != before ? restored(operation) : explain(operation, failure);
    }

    /** What a failure really means: if the VM is gone, that. */
    AgentVMException explain(String operation, AgentVMException failure) {
        try {
            if (failure instanceof HypervisorUnavailableException) {
                endIfLost();
            } else if (mayBeOfAnEnd(failure) && !isRunning()) {
                boolean unused = awaitEnd(END_BECOMES_KNOWN);
            }
        } catch (AgentVMException e) {
            failure.addSuppressed(e);
        }
        String reason = end.getNow(null);
        return reason == null ? failure : gone(operation, reason);
    }

    private boolean mayBeOfAnEnd(AgentVMException failure) {
        return !end.isDone() && !(failure instanceof OperationTimeoutException);
    }

    /** A guest that ends takes its agent along, and that is known before libvirt tells of the end. */
    private boolean isRunning() {
        return parts.libvirt()
                .domains()
                .state(domain())
                .filter(state -> LibvirtHost.isAlive(state) && state.state() != DomainState.State.SHUTDOWN)
                .isPresent();
    }

    /**
     * Lets the host forget the connections of the VM's address: answers that are still under way to whoever had it before,
     * another VM or the same at another time, shall not reach this guest.
     *
     * @throws IOException if this program may not
     */
    void forgetConnections() throws IOException {
        Optional<NetworkAttachment> attachment = attachment();
        if (attachment.isPresent()) {
            int unused = ConnectionTracking.forget(
                    attachment.get().address().toInetAddress().getAddress());
        }
    }

    /** Writes down from now on what passes its tap. */
    void watchTap(MacAddress own) {
        watchTap(own, false);
    }

    private void watchTap(MacAddress own, boolean amidExchanges) {
        try {
            TapWatch watch = parts.taps().watch(Networking.tap(id()), own, events, new PolicyJudge(), amidExchanges);
            tapWatch = watch;
            connectionLog = watch::log;
        } catch (IOException e) {
            LOG.debug("the tap of '{}' is not watched", name(), e);
            String limitation = "its tap cannot be read: " + e.getMessage();
            ConnectionLog nothing = ConnectionLog.empty(Optional.of(limitation));
            connectionLog = () -> nothing;
            limited(limitation);
        }
    }

    /** Writes down what passes the tap of the new domain, and forgets what passed that of the old one. */
    void watchTapAfresh(MacAddress own) {
        endWatch();
        if (!letGo) {
            watchTap(own, true);
        }
    }

    /** The policy may become known only when the VM has learnt its address. */
    private final class PolicyJudge implements Judge {
        @Override
        public Optional<Verdict> judge(Flow flow) {
            return policy.flatMap(known -> known.judge(flow));
        }

        @Override
        public Optional<Object> version() {
            return policy.flatMap(PolicyInForce::version);
        }
    }

    private void limited(String reason) {
        events.publish(new ObservationLimited.Builder()
                .time(events.now())
                .vm(events.vm())
                .reason(reason)
                .build());
    }

    /** Another handle on it, or another program, watches its tap. */
    void watchedBy(Supplier<ConnectionLog> other) {
        connectionLog = other;
    }

    @Override
    public ConnectionLog connectionLog() {
        return connectionLog.get();
    }

    @Override
    public Isolation isolation() {
        requireAlive("read the isolation");
        int before = returns();
        try {
            return new IsolationProbe(parts.libvirt(), domain()).read();
        } catch (AgentVMException e) {
            throw explain("read the isolation", e, before);
        }
    }

    @Override
    public List<String> warnings() {
        List<String> warnings = new ArrayList<>(identity.warnings());
        warnings.addAll(bandwidthWarnings);
        warnings.addAll(returnWarnings);
        policy.ifPresent(inForce -> warnings.addAll(inForce.warnings()));
        return List.copyOf(warnings);
    }

    @Override
    public String serialLog() {
        return serial.text();
    }

    @Override
    public Snapshot snapshot(String name) {
        return own("take a snapshot").snapshots().take(name);
    }

    @Override
    public void restore(String name) {
        own("restore").snapshots().restore(name);
    }

    @Override
    public List<Snapshot> snapshots() {
        return endReason().isPresent()
                ? List.of()
                : own("list the snapshots").snapshots().list();
    }

    @Override
    public void deleteSnapshot(String name) {
        own("delete a snapshot").snapshots().delete(name);
    }

    @Override
    public void reset() {
        own("reset").snapshots().reset();
    }

    @Override
    public void pause() {
        ownStandstill("pause it").pause();
    }

    @Override
    public void resume() {
        ownStandstill("resume it").resume();
    }

    private Own own(String operation) {
        requireAlive(operation);
        return own.orElseThrow(() -> new AgentVMException(
                "The VM '" + name() + "' was launched by another program, which alone can " + operation,
                FailureContext.of(operation).vm(name())));
    }

    private Standstill ownStandstill(String operation) {
        requireAlive(operation);
        if (!launchIsOver()) {
            throw new AgentVMException(
                    "The VM '" + name() + "' is being launched; " + operation + " when that is over",
                    FailureContext.of(operation).vm(name()));
        }
        return own(operation).standstill();
    }

    /** Held by whoever makes or removes what the VM is made of. */
    ReentrantLock changes() {
        return common.changes();
    }

    /** Does what makes libvirt pause the guest and let it run again, between two calls of its agent. */
    void whileStandingStill(Runnable work) {
        CompletableFuture<Void> again = new CompletableFuture<>();
        runsAgain = again;
        agent.dismissWaiting();
        agent.whileQuiet(work);
        // The events come later than the call returns.
        boolean unused = await(CompletableFuture.anyOf(again, end), STATE_BECOMES_KNOWN, "await the guest");
        tellTimeAfterSnapshot();
    }

    /** Does what makes libvirt pause the guest, between two calls of its agent if that is possible soon. */
    void beginStandstill(Runnable work) {
        CompletableFuture<Void> still = new CompletableFuture<>();
        standsStill = still;
        agent.whileQuiet(QUIET_COMES, work);
        becomes(still, VMState.PAUSED, false);
    }

    /** Does what makes libvirt let the guest run again. */
    void endStandstill(Runnable work) {
        CompletableFuture<Void> again = new CompletableFuture<>();
        runsAgain = again;
        work.run();
        becomes(again, VMState.RUNNING, true);
    }

    /** The event comes later than the call returns, and not at all if the connection is lost meanwhile. */
    private void becomes(CompletableFuture<Void> told, VMState wanted, boolean runs) {
        if (state.get() != wanted) {
            boolean unused = await(CompletableFuture.anyOf(told, end), STATE_BECOMES_KNOWN, "await the guest");
            running(runs);
        }
    }

    /** The guest's clock stood still with it. */
    void tellTime() {
        agent.setTime(parts.clock());
    }

    private void tellTimeAfterSnapshot() {
        try {
            tellTime();
        } catch (AgentVMException e) {
            if (!end.isDone()) {
                returnWarning("snapshot: the guest's clock is behind by as long as it took: " + e.getMessage());
            }
        }
    }

    /** Its domain is about to be destroyed and created anew; what was called for in the old one has not happened. */
    void beginReturn() {
        returns.incrementAndGet();
        returnWarnings.clear();
        state.set(VMState.RESTORING);
        agentReady = new CompletableFuture<>();
        agent.fail(restored("exec"));
        ports.afresh();
        GuestAgent fresh = parts.agent(domain());
        agent = fresh;
        String reason = end.getNow(null);
        if (reason != null) {
            // It ended meanwhile, which the new agent was not told.
            fresh.fail(gone("exec", reason));
        }
    }

    /** Tells the guest, whose agent answers, that its memory is of another time. */
    void reviveGuest() {
        if (!agent.revive(parts.clock())) {
            returnWarnings.add("restore: random numbers repeat those of before for up to a minute, since the guest has"
                    + " neither a kernel with vmgenid nor perl nor python3, by which its kernel could be told");
        }
    }

    private VMRestoredException restored(String operation) {
        return new VMRestoredException(
                "The VM '" + name() + "' was put back to an earlier state; call again",
                FailureContext.of(operation).vm(name()).retryable(true));
    }

    /** The agent is read before the state, which changes first when a VM is put back. */
    GuestAgent agent(String operation) {
        GuestAgent present = agent;
        requireAlive(operation);
        if (isReturning()) {
            throw restored(operation);
        }
        return present;
    }

    /** Its new domain runs, and its agent answers. */
    void endReturn() {
        state.compareAndSet(VMState.RESTORING, VMState.RUNNING);
    }

    boolean isReturning() {
        return state.get() == VMState.RESTORING;
    }

    /** Whether its domain was destroyed once and created anew, so that word of an end may be of the old one. */
    boolean hasReturned() {
        return returns.get() > 0;
    }

    /** How often that was; word of an end that was looked for in between is of no domain that can be told. */
    int returns() {
        return returns.get();
    }

    void returnWarning(String warning) {
        returnWarnings.add(warning);
    }

    @Override
    public void destroy() {
        destroy("destroyed by its program");
    }

    @Override
    public void close() {
        if (identity.attached()) {
            destroy("closed by its program");
        } else {
            // Not while it is put back to an earlier state, which ends well only if this program sees to it.
            changes().lock();
            try {
                if (tapWatch != null && endReason().isEmpty()) {
                    limited("the VM lives on, but its program has let go of it and watches it no more");
                }
                letGo = true;
                release();
            } finally {
                changes().unlock();
            }
            tidyUp(agent);
        }
    }

    boolean isAttached() {
        return identity.attached();
    }

    /** What commands left in the guest goes with the handle; a guest that does not answer keeps it. */
    void tidyUp(GuestAgent used) {
        if (endReason().isEmpty()) {
            try {
                used.release();
            } catch (AgentVMException e) {
                LOG.debug("commands of '{}' are not tidied up", name(), e);
            }
        }
    }

    /** Destroys the VM for that reason, or removes what it left if it has ended. Another call waits for the first. */
    void destroy(String reason) {
        Uninterrupted.run(() -> {
            // Whoever holds the lock to put it back learns of this, and gives up.
            if (ended(reason, () -> events.closed(reason))) {
                events.closing(reason);
            }
            lockForRemoval();
            try {
                if (!removed) {
                    policy.ifPresent(PolicyInForce::retire);
                    remove();
                }
            } finally {
                changes().unlock();
            }
            release();
            sayLastWord();
        });
    }

    /** Writing its memory may take minutes, and ends with the domain. */
    private void lockForRemoval() {
        if (changes().tryLock()) {
            return;
        }
        try {
            boolean unused = parts.libvirt().domains().destroy(domain());
        } catch (AgentVMException e) {
            LOG.debug("'{}' is destroyed when what is done to it is over", name(), e);
        }
        changes().lock();
    }

    private void remove() {
        removing = true;
        try {
            remains.run();
            removed = true;
        } catch (RuntimeException e) {
            if (hasNoDomain()) {
                release();
                sayLastWord();
            }
            // Else it may go on, and so does the watch over it, until another try succeeds.
            throw e;
        } finally {
            removing = false;
        }
    }

    private boolean hasNoDomain() {
        try {
            return parts.libvirt().domains().state(domain()).isEmpty();
        } catch (AgentVMException e) {
            return false;
        }
    }

    /** The domain has ended, and nobody here has destroyed it. */
    void died(String reason) {
        // What was to be removed with it may have failed before.
        if (ended(reason, () -> events.died(reason)) || !removing) {
            endWatch();
            sayLastWord();
        }
    }

    /**
     * The domain is gone, or is about to be; says so to every waiter.
     *
     * @param word what is to be told when all of it is over
     * @return whether that was not known yet
     */
    private boolean ended(String reason, Runnable word) {
        if (!end.complete(reason)) {
            return false;
        }
        lastWord.set(word);
        agent.fail(gone("exec", reason));
        return true;
    }

    /** After the last frames that its tap passed. */
    private void sayLastWord() {
        Runnable word = lastWord.getAndSet(null);
        TapWatch watch = tapWatch;
        if (word == null) {
            return;
        }
        if (watch == null) {
            word.run();
        } else {
            CompletionStage<Void> unused = watch.done().thenRun(word);
        }
    }

    /** libvirt tells that its domain stopped; whoever ended a VM that was overdue did so for that. */
    void stopped(String how) {
        endedElsewhere("its domain stopped (" + how + ")");
    }

    private void endedElsewhere(String how) {
        if (activity().isExpired()) {
            died(how + " after its time to live was over");
        } else if (activity().isIdleForTooLong()) {
            died(how + " after it was idle for more than "
                    + activity().timeout().orElseThrow());
        } else {
            died(how);
        }
    }

    /** A restart of libvirt takes attached VMs along; this waits for the new connection to tell. */
    void endIfLost() {
        int before = returns();
        if (!isReturning()
                && parts.libvirt().domains().state(domain()).isEmpty()
                && !isReturning()
                && returns() == before) {
            endedElsewhere("libvirt was restarted or gave this program up, and the VM ended");
        }
    }

    /**
     * Its launch by this program is complete: it can be put back and paused from here on, but not before {@code tell}
     * has told that it is launched.
     */
    void launched(Snapshots snapshots, Standstill standstill, Runnable tell) {
        changes().lock();
        try {
            own = Optional.of(new Own(snapshots, standstill));
            state.compareAndSet(VMState.STARTING, VMState.RUNNING);
            tell.run();
        } finally {
            changes().unlock();
        }
    }

    /** libvirt says that it runs, or stands still; during a launch that is not the end of it. */
    void running(boolean runs) {
        state.updateAndGet(before -> before == VMState.STARTING || before == VMState.RESTORING
                ? before
                : runs ? VMState.RUNNING : VMState.PAUSED);
        (runs ? runsAgain : standsStill).complete(null);
    }

    boolean launchIsOver() {
        return state.get() != VMState.STARTING;
    }

    /** Runs {@code work} when the VM has ended, at once if it has. */
    void onEnd(Runnable work) {
        CompletableFuture<Void> unused = end.thenRun(work);
    }

    Activity activity() {
        return common.activity();
    }

    /** Reads the serial console from now on, until {@link #release}. */
    void openConsole() {
        synchronized (consoleLock) {
            wantsConsole = true;
        }
        reopenConsole();
    }

    /** Reads that of the new domain, and forgets what the old one wrote. */
    void reopenConsoleAfresh() {
        closeConsole();
        serial.clear();
        reopenConsole();
    }

    private void closeConsole() {
        ByteStream open;
        synchronized (consoleLock) {
            open = console;
            console = null;
        }
        if (open != null) {
            open.close();
        }
    }

    /** Reads it again on a new connection, if it was being read. */
    void reopenConsole() {
        synchronized (consoleLock) {
            if (!wantsConsole) {
                return;
            }
        }
        ByteStream opened = parts.libvirt().consoles().openConsole(domain(), serial);
        ByteStream old;
        synchronized (consoleLock) {
            old = wantsConsole ? console : opened;
            console = wantsConsole ? opened : null;
        }
        if (old != null) {
            old.close();
        }
    }

    String serialTail() {
        return serial.tail();
    }

    void agentConnected() {
        agentReady.complete(null);
    }

    /**
     * Waits until the guest has opened the agent's channel, or the VM has ended.
     *
     * @return whether either happened
     */
    boolean awaitAgent(Duration timeout) {
        return await(CompletableFuture.anyOf(agentReady, end), timeout, "await the guest agent");
    }

    /** Lets go of the console and the tap. */
    void release() {
        endWatch();
        synchronized (consoleLock) {
            wantsConsole = false;
        }
        closeConsole();
    }

    private void endWatch() {
        TapWatch watch = tapWatch;
        if (watch != null) {
            watch.end();
        }
    }

    private boolean await(Future<?> future, Duration timeout, String operation) {
        try {
            // Unlike Duration.toNanos, the longest time there is if it is longer.
            future.get(Math.max(0, TimeUnit.NANOSECONDS.convert(timeout)), TimeUnit.NANOSECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AgentVMException(
                    "Interrupted while waiting for '" + name() + "'",
                    FailureContext.of(operation).vm(name()),
                    e);
        } catch (ExecutionException e) {
            throw new AssertionError("nothing completes it with a failure", e);
        }
    }

    void requireAlive(String operation) {
        String reason = end.getNow(null);
        if (reason != null) {
            throw gone(operation, reason);
        }
    }

    private VMDestroyedException gone(String operation, String reason) {
        return new VMDestroyedException(
                "The VM '" + name() + "' is gone: " + reason,
                FailureContext.of(operation).vm(name()));
    }

    @Override
    public String toString() {
        return "VM " + identity.domain() + " " + state();
    }
}
