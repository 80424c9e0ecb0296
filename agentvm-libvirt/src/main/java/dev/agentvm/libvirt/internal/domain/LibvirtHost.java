package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.Hypervisor;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.Images;
import dev.agentvm.LaunchOptions;
import dev.agentvm.ReapReport;
import dev.agentvm.VM;
import dev.agentvm.VMState;
import dev.agentvm.VMTemplate;
import dev.agentvm.event.VMEvents;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.libvirt.internal.Uninterrupted;
import dev.agentvm.libvirt.internal.connection.DomainListing;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.DomainState;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent;
import dev.agentvm.libvirt.internal.journal.Entry;
import dev.agentvm.libvirt.internal.journal.Resource;
import dev.agentvm.libvirt.internal.life.Guard;
import dev.agentvm.libvirt.internal.network.HostAddresses;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.libvirt.internal.xml.OwnerXml;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.spi.HypervisorMetrics;
import dev.agentvm.spi.VMEventSource;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.WeakHashMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.Phaser;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A host with libvirt on it, and the VMs of this program there. Safe for use by many threads. */
public final class LibvirtHost implements Hypervisor {
    private static final Logger LOG = LoggerFactory.getLogger(LibvirtHost.class);
    private static final int HOUSEKEEPERS = 4;
    private static final Duration RETRY = Duration.ofSeconds(5);
    private static final Duration WATCH = Duration.ofSeconds(1);

    private final Parts parts;
    private final Guard guard;
    private final Sampler sampler;
    private final HypervisorMetrics metrics;
    private final Set<LibvirtVM> launched = ConcurrentHashMap.newKeySet();
    /** Handles on VMs that other programs launched. */
    private final Set<LibvirtVM> found = Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));

    private final ScheduledThreadPoolExecutor housekeeping;
    private final Set<Ledger> unfinished = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean closed = new AtomicBoolean();
    /** Whether the connection is about to be tried again. */
    private final AtomicBoolean retrying = new AtomicBoolean();

    private final Phaser launches = new Phaser(1);

    LibvirtHost(Parts parts, Guard guard, MetricsSink sink) {
        this.parts = parts;
        this.guard = guard;
        this.sampler = new Sampler(parts.libvirt());
        this.metrics = HypervisorMetrics.of(
                sink, parts.events(), () -> launched.stream().map(LibvirtVM::state));
        this.housekeeping = new ScheduledThreadPoolExecutor(HOUSEKEEPERS, work -> {
            Thread thread = new Thread(work, "agentvm-housekeeping");
            thread.setDaemon(true);
            return thread;
        });
        housekeeping.setRemoveOnCancelPolicy(true);
        housekeeping.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        parts.libvirt().addListener(this::onEvent);
        repeat(WATCH, this::refreshPolicies);
        repeat(
                WATCH,
                () -> allHandles().stream().map(LibvirtVM::activity).distinct().forEach(Activity::tellIfDue));
        repeat(parts.sampling(), this::sample);
    }

    private void repeat(Duration interval, Runnable work) {
        Future<?> unused = housekeeping.scheduleWithFixedDelay(
                () -> keepHouse(work), interval.toMillis(), interval.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Connects to libvirt, and leaves there what programs that died have left. */
    public static LibvirtHost openAsIs(Settings settings) {
        Parts parts = Parts.open(settings);
        return new LibvirtHost(
                parts, GuardProgram.guard(settings, parts.journals().ownerId()), settings.metrics());
    }

    /** Connects to libvirt, and removes what programs that died have left there. */
    public static LibvirtHost open(Settings settings) {
        LibvirtHost host = openAsIs(settings);
        try {
            host.reap().failed().forEach(failure -> LOG.warn("left behind by a program that died: {}", failure));
        } catch (RuntimeException e) {
            host.close();
            throw e;
        }
        return host;
    }

    Parts parts() {
        return parts;
    }

    /** What ends the VMs with this program that libvirt does not. */
    Guard guard() {
        return guard;
    }

    @Override
    public VM launch(VMTemplate template, LaunchOptions options) {
        launches.register();
        try {
            return new Launch(this, template, options).run();
        } finally {
            launches.arriveAndDeregister();
        }
    }

    /** A VM of this program that is being launched. */
    LibvirtVM register(LibvirtVM.Identity identity, VMEventSource events, Ledger ledger) {
        DomainRef domain = identity.domain();
        LibvirtVM vm = new LibvirtVM(
                parts, identity, VMState.STARTING, newCommon(domain), events, () -> clear(domain, ledger));
        launched.add(vm);
        return vm;
    }

    private Common newCommon(DomainRef domain) {
        return new Common(new Activity(parts.clock(), mark -> parts.mark(domain, mark)));
    }

    /** The VM stays on the list until all of it is gone, so that {@link #reap} and {@link #close} try again. */
    private void clear(DomainRef domain, Ledger ledger) {
        Cleaner.combined(ledger.clear(parts.cleaner())).ifPresent(failure -> {
            throw failure.during("Removal of '" + domain.name() + "'");
        });
        guard.release(domain.uuid());
        launched.removeIf(vm -> vm.id().equals(domain.uuid()));
    }

    /** Removes what a launch that failed has made; what cannot be removed now is tried again later. */
    void undo(UUID domain, Ledger ledger, Throwable failure) {
        try {
            Uninterrupted.run(() -> {
                List<Cleaner.Failure> left = ledger.clear(parts.cleaner());
                left.forEach(one -> failure.addSuppressed(one.cause()));
                if (left.isEmpty()) {
                    guard.release(domain);
                } else {
                    unfinished.add(ledger);
                }
            });
        } catch (RuntimeException e) {
            unfinished.add(ledger);
            failure.addSuppressed(e);
        }
    }

    /** Its launch failed and is about to be undone. */
    void forget(LibvirtVM vm) {
        launched.remove(vm);
        vm.died("its launch failed");
        vm.policy().ifPresent(PolicyInForce::retire);
        vm.release();
    }

    /** Ends the VM when its time is over. */
    void watch(LibvirtVM vm, VMTemplate template) {
        template.timeToLive().ifPresent(time -> {
            vm.activity().expires(parts.clock().instant().plus(time).truncatedTo(ChronoUnit.MILLIS));
            schedule(vm, timer(vm), time, () -> vm.destroy("its time to live of " + time + " is over"));
        });
        template.idleTimeout().ifPresent(time -> {
            vm.activity().limit(time);
            AtomicReference<Future<?>> timer = timer(vm);
            schedule(vm, timer, time, () -> destroyIfIdle(vm, time, timer));
        });
        vm.activity().tell();
    }

    private void destroyIfIdle(LibvirtVM vm, Duration timeout, AtomicReference<Future<?>> timer) {
        if (vm.endReason().isPresent()) {
            return;
        }
        Duration left = leftByThisProgram(vm, timeout);
        if (!isPositive(left)) {
            left = leftByOthers(vm);
        }
        if (!isPositive(left)) {
            // Others were asked, which may have taken long.
            left = leftByThisProgram(vm, timeout);
        }
        if (isPositive(left)) {
            schedule(vm, timer, left, () -> destroyIfIdle(vm, timeout, timer));
        } else {
            vm.destroy("it was idle for " + timeout);
        }
    }

    private static boolean isPositive(Duration left) {
        return left.compareTo(Duration.ZERO) > 0;
    }

    private static Duration leftByThisProgram(LibvirtVM vm, Duration timeout) {
        return timeout.minus(vm.activity().idleTime());
    }

    /** Other programs use the VM by handles of their own. What cannot be seen now is looked at again. */
    private Duration leftByOthers(LibvirtVM vm) {
        try {
            Optional<DomainXml> xml = parts.domainXml(vm.domain());
            if (xml.isEmpty() || vm.isReturning()) {
                return RETRY;
            }
            return xml.flatMap(IdleTime::of)
                    .filter(vm.activity()::isOthers)
                    .map(idle -> idle.left(parts.clock().instant()))
                    .orElse(Duration.ZERO);
        } catch (AgentVMException e) {
            LOG.debug("whether others use '{}' is not known yet: {}", vm.name(), e.getMessage());
            return RETRY;
        }
    }

    /** What is scheduled for a VM, and cancelled when the VM ends. */
    private static AtomicReference<Future<?>> timer(LibvirtVM vm) {
        AtomicReference<Future<?>> timer = new AtomicReference<>(CompletableFuture.completedFuture(null));
        vm.onEnd(() -> timer.get().cancel(false));
        return timer;
    }

    private void schedule(LibvirtVM vm, AtomicReference<Future<?>> timer, Duration delay, Runnable work) {
        timer.set(housekeeping.schedule(() -> keepHouse(work), delay.toMillis(), TimeUnit.MILLISECONDS));
        if (vm.endReason().isPresent()) {
            timer.get().cancel(false);
        }
    }

    /** What fails here stays on the lists, for {@link #reap} and {@link #close}. */
    private static void keepHouse(Runnable work) {
        try {
            work.run();
        } catch (AgentVMException e) {
            LOG.warn("housekeeping failed: {}", e.getMessage());
        } catch (RuntimeException e) {
            // Work that is repeated would end with it.
            LOG.warn("housekeeping failed", e);
        }
    }

    @Override
    public Optional<VM> find(String name) {
        requireOpen("find");
        return marked().stream()
                .filter(domain -> domain.domain().name().equals(name))
                .findFirst()
                .flatMap(this::handle);
    }

    @Override
    public List<VM> list() {
        requireOpen("list");
        return marked().stream().flatMap(domain -> handle(domain).stream()).toList();
    }

    @Override
    public VMEvents events() {
        return parts.events();
    }

    @Override
    public Images images() {
        return new LibvirtImages(this);
    }

    private List<DomainListing> marked() {
        return parts.libvirt().domains().list(OwnerXml.NAMESPACE).stream()
                .filter(domain -> domain.metadata().isPresent() && isAlive(domain.state()))
                .toList();
    }

    static boolean isAlive(DomainState state) {
        return state.state() != DomainState.State.SHUTOFF && state.state() != DomainState.State.CRASHED;
    }

    private Optional<VM> handle(DomainListing domain) {
        Optional<LibvirtVM> own = launched.stream()
                .filter(vm -> vm.domain().equals(domain.domain()))
                .findFirst();
        return own.isPresent() ? own.map(FoundVM::new) : foreign(domain);
    }

    private Optional<VM> foreign(DomainListing listing) {
        DomainRef domain = listing.domain();
        Optional<DomainXml> read = parts.domainXml(domain);
        if (read.isEmpty()) {
            return Optional.empty();
        }
        DomainXml xml = read.get();
        OwnerXml mark = Parts.mark(xml);
        boolean paused = listing.state().state() == DomainState.State.PAUSED;
        // Events wait for the lock, so libvirt is asked before it is taken.
        Optional<PolicyInForce> policy = policy(domain)
                .or(() -> parts.networking()
                        .attached(xml)
                        .map(attached -> PolicyInForce.unknown(parts.networking(), domain, attached)));
        LibvirtVM vm;
        synchronized (found) {
            Optional<LibvirtVM> other = handles(domain.uuid()).stream().findFirst();
            vm = new LibvirtVM(
                    parts,
                    new LibvirtVM.Identity(domain, mark.labelMap(), List.of(), false),
                    paused ? VMState.PAUSED : VMState.RUNNING,
                    other.map(LibvirtVM::common).orElseGet(() -> newCommon(domain)),
                    events(domain, mark),
                    () -> clear(domain, ledger(domain)));
            Parts.expires(xml).ifPresent(vm.activity()::expires);
            IdleTime.of(xml).ifPresent(idle -> vm.activity().limit(idle.timeout()));
            policy(domain).or(() -> policy).ifPresent(vm::policy);
            ConnectionLog nothing = ConnectionLog.empty(
                    vm.policy().map(unused -> "the VM is watched by the program that launched it, not by this one"));
            vm.watchedBy(() -> nothing);
            found.add(vm);
        }
        // Word of an end that came before it was on the list has not reached it, and none will.
        if (parts.libvirt().domains().state(domain).isEmpty()) {
            found.remove(vm);
            return Optional.empty();
        }
        return Optional.of(vm);
    }

    /** One for all handles on the VM, of which one may be older than its place on a network. */
    private Optional<PolicyInForce> policy(DomainRef domain) {
        return handles(domain.uuid()).stream()
                .flatMap(vm -> vm.policy().stream())
                .findFirst();
    }

    private VMEventSource events(DomainRef domain, OwnerXml mark) {
        return VMEventSource.ofForeign(
                parts.events(),
                parts.clock(),
                new VMIdentity.Builder()
                        .id(domain.uuid())
                        .name(domain.name())
                        .template(mark.template == null ? domain.name() : mark.template)
                        .owner(Optional.ofNullable(mark.id))
                        .labels(mark.labelMap())
                        .build());
    }

    /** The host may get other addresses, or stop to hand bridged packets to iptables, while VMs run. */
    private void refreshPolicies() {
        List<LibvirtVM> running = allHandles().stream()
                .filter(vm -> vm.endReason().isEmpty() && vm.networkPolicy().isPresent())
                .toList();
        if (running.isEmpty()) {
            return;
        }
        HostAddresses addresses = parts.networking().hostAddresses();
        for (LibvirtVM vm : running) {
            vm.policy()
                    .ifPresent(policy -> keepHouse(() -> {
                        if (policy.refresh(addresses)) {
                            LOG.warn("the host has changed; the policy of {} was put in force anew", vm.name());
                        }
                    }));
        }
    }

    private void sample() {
        if (parts.events().hasListeners()) {
            sampler.sample(launched.stream()
                    .filter(vm -> vm.launchIsOver()
                            && !vm.isReturning()
                            && vm.endReason().isEmpty())
                    .toList());
        }
    }

    private Ledger ledger(DomainRef domain) {
        return ledger(parts, domain);
    }

    /** A domain that no journal tells of was launched with another state directory: then only it itself is known. */
    static Ledger ledger(Parts parts, DomainRef domain) {
        return new Ledger(
                parts.journals().at(domain.uuid()),
                parts.journals()
                        .entries(domain.uuid())
                        .orElseGet(() -> List.of(
                                new Entry(Resource.DOMAIN, List.of(domain.uuid().toString(), domain.name())))));
    }

    @Override
    public ReapReport reap(boolean dryRun) {
        requireOpen("reap");
        if (!dryRun) {
            finishOwn();
        }
        ReapReport report = new Reaper(parts, this::ledger, dryRun).reap();
        if (!dryRun) {
            metrics.reaped(report);
        }
        return report;
    }

    /** Tries again to remove what this program could not remove before. */
    private void finishOwn() {
        unfinished.removeIf(ledger -> ledger.clear(parts.cleaner()).isEmpty());
        for (LibvirtVM vm : launched) {
            if (vm.endReason().isPresent() && vm.launchIsOver()) {
                keepHouse(vm::destroy);
            }
        }
    }

    private void onEvent(LibvirtEvent event) {
        if (event instanceof LibvirtEvent.DomainLifecycle lifecycle) {
            onLifecycle(lifecycle);
        } else if (event instanceof LibvirtEvent.AgentLifecycle agent && agent.connected()) {
            handles(agent.domain().uuid()).forEach(LibvirtVM::agentConnected);
        } else if (event instanceof LibvirtEvent.ConnectionRegained) {
            housekeep(this::checkAfterReconnect);
        } else if (event instanceof LibvirtEvent.ConnectionLost || event instanceof LibvirtEvent.ConnectionGivenUp) {
            retryConnection();
        }
    }

    private void onLifecycle(LibvirtEvent.DomainLifecycle event) {
        UUID id = event.domain().uuid();
        switch (event.type()) {
            case STOPPED -> onStopped(id, event.detailText());
            case RESUMED -> handles(id).forEach(vm -> vm.running(true));
            case SUSPENDED -> handles(id).forEach(vm -> vm.running(false));
            default -> LOG.debug("{}", event);
        }
    }

    /** A VM that is put back stops on the way, and word of that may come when it runs again: then libvirt is asked. */
    private void onStopped(UUID id, String how) {
        List<LibvirtVM> handles = handles(id);
        if (handles.stream().anyMatch(LibvirtVM::hasReturned)) {
            housekeep(() -> endIfGone(id, how));
        } else {
            handles.forEach(vm -> vm.stopped(how));
            housekeep(() -> cleanUpAfter(id));
        }
    }

    private void endIfGone(UUID id, String how) {
        Map<LibvirtVM, Integer> before = new HashMap<>();
        handles(id).forEach(vm -> before.put(vm, vm.returns()));
        if (before.keySet().stream().anyMatch(LibvirtVM::isReturning)) {
            return;
        }
        boolean gone;
        try {
            gone = parts.libvirt().domains().lookup(id).isEmpty();
        } catch (AgentVMException e) {
            LOG.debug("whether {} has ended is not known yet: {}", id, e.getMessage());
            if (!closed.get()) {
                Future<?> unused = housekeeping.schedule(
                        () -> keepHouse(() -> endIfGone(id, how)), RETRY.toMillis(), TimeUnit.MILLISECONDS);
            }
            return;
        }
        if (gone && before.entrySet().stream().allMatch(seen -> seen.getKey().returns() == seen.getValue())) {
            before.keySet().forEach(vm -> vm.stopped(how));
            cleanUpAfter(id);
        }
    }

    /** Somebody may wait for the end of a VM although nobody makes a call, so the connection is tried for ever. */
    private void retryConnection() {
        if (closed.get() || retrying.getAndSet(true)) {
            return;
        }
        Future<?> unused = housekeeping.schedule(
                () -> {
                    retrying.set(false);
                    try {
                        parts.libvirt().host().hostname();
                        checkAfterReconnect();
                    } catch (AgentVMException e) {
                        LOG.debug("libvirt is still away: {}", e.getMessage());
                        retryConnection();
                    }
                },
                RETRY.toMillis(),
                TimeUnit.MILLISECONDS);
    }

    /** All handles of this program on a VM. */
    List<LibvirtVM> handles(UUID id) {
        return allHandles().stream().filter(vm -> vm.id().equals(id)).toList();
    }

    private List<LibvirtVM> allHandles() {
        List<LibvirtVM> all = new ArrayList<>(launched);
        synchronized (found) {
            all.addAll(found);
        }
        return all;
    }

    /** A VM that ended by itself leaves its disk, filter and address; a launch that is under way undoes itself. */
    private void cleanUpAfter(UUID id) {
        for (LibvirtVM vm : launched) {
            if (vm.id().equals(id) && vm.launchIsOver()) {
                vm.destroy("its domain stopped");
            }
        }
    }

    /** Nobody told of the domains that ended while the connection was lost. */
    private void checkAfterReconnect() {
        for (LibvirtVM vm : allHandles()) {
            try {
                vm.endIfLost();
            } catch (HypervisorUnavailableException e) {
                LOG.debug("libvirt was lost again: {}", e.getMessage());
                retryConnection();
                return;
            } catch (AgentVMException e) {
                LOG.warn("whether '{}' has ended is not known: {}", vm.name(), e.getMessage());
                continue;
            }
            keepHouse(() -> {
                if (vm.endReason().isPresent()) {
                    cleanUpAfter(vm.id());
                } else {
                    vm.reopenConsole();
                }
            });
        }
    }

    private void housekeep(Runnable work) {
        if (!closed.get()) {
            housekeeping.execute(() -> keepHouse(work));
        }
    }

    void requireOpen(String operation) {
        if (closed.get()) {
            throw new HypervisorUnavailableException(
                    "The hypervisor was closed; connect again", FailureContext.of(operation));
        }
    }

    /** Makes a change of what that VM is, while nobody else makes one. For a thread that nobody interrupts. */
    void change(LibvirtVM vm, String operation, Runnable work) {
        vm.changes().lock();
        try {
            requireOpen(operation);
            vm.requireAlive(operation);
            work.run();
        } finally {
            vm.changes().unlock();
        }
    }

    /** A second caller waits for the first. */
    @Override
    public synchronized void close() {
        if (closed.getAndSet(true)) {
            return;
        }
        List<AgentVMException> failures = Collections.synchronizedList(new ArrayList<>());
        try {
            Uninterrupted.run(() -> {
                launched.stream()
                        .filter(vm -> !vm.launchIsOver())
                        .forEach(vm -> vm.died("the hypervisor was closed during its launch"));
                launches.arriveAndAwaitAdvance();
                failures.addAll(closeAll());
                unfinished.forEach(ledger ->
                        Cleaner.combined(ledger.clear(parts.cleaner())).ifPresent(failures::add));
            });
        } finally {
            housekeeping.shutdownNow();
            guard.close();
            metrics.close();
            parts.close();
        }
        if (!failures.isEmpty()) {
            AgentVMException first = failures.get(0);
            failures.stream().skip(1).forEach(first::addSuppressed);
            throw first;
        }
    }

    private List<AgentVMException> closeAll() {
        List<Future<?>> closing = new ArrayList<>();
        for (LibvirtVM vm : launched) {
            closing.add(housekeeping.submit(vm::close));
        }
        synchronized (found) {
            found.forEach(LibvirtVM::release);
        }
        List<AgentVMException> failures = new ArrayList<>();
        for (Future<?> one : closing) {
            try {
                one.get();
            } catch (ExecutionException e) {
                failures.add(
                        e.getCause() instanceof AgentVMException failure
                                ? failure
                                : new AgentVMException(
                                        "Closing a VM failed: " + e.getCause(),
                                        FailureContext.of("close"),
                                        e.getCause()));
            } catch (InterruptedException e) {
                throw new AssertionError("nobody interrupts this thread", e);
            }
        }
        return failures;
    }
}
