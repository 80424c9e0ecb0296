package dev.agentvm.testkit;

import dev.agentvm.Accelerator;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.Images;
import dev.agentvm.InvalidValueException;
import dev.agentvm.LaunchOptions;
import dev.agentvm.ReapReport;
import dev.agentvm.VM;
import dev.agentvm.VMNotFoundException;
import dev.agentvm.VMTemplate;
import dev.agentvm.event.VMEventListener;
import dev.agentvm.event.VMEvents;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.spi.EventDispatcher;
import dev.agentvm.spi.HypervisorMetrics;
import dev.agentvm.spi.VMEventSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * A hypervisor in memory, for tests of programs that use one. It refuses what a real one refuses, and its VMs live, answer
 * and end as {@link Hypervisor} and {@link VM} say; the guest's answers are what the test says they are. Nobody sleeps: time
 * is {@link VirtualTime}. Safe for use by many threads.
 *
 * <pre>{@code
 * try (FakeHypervisor hypervisor = FakeHypervisor.create()) {
 *     hypervisor.whenExec("git", "status").thenReturn("nothing to commit\n");
 *     runTheAgent(hypervisor);
 *     assertTrue(hypervisor.vm("agent").connectionLog().attempts().isEmpty());
 * }
 * }</pre>
 *
 * <p>What it does not imitate: a kernel, a shell, real network traffic, limits of connections and of bandwidth over time,
 * and bridges.
 */
public final class FakeHypervisor implements Hypervisor {
    private final FakeHost host;
    private final Consumer<FakeVM> launchWatcher;
    private final String owner = UUID.randomUUID().toString();
    private final EventDispatcher events = new EventDispatcher();
    private final Set<Machine> launched = ConcurrentHashMap.newKeySet();
    private final HypervisorMetrics metrics;
    private final List<Thread> launching = new ArrayList<>();
    private volatile boolean closed;
    private volatile boolean alive = true;

    private FakeHypervisor(FakeHost host, Consumer<FakeVM> launchWatcher, MetricsSink sink) {
        this.host = host;
        this.launchWatcher = launchWatcher;
        this.metrics =
                HypervisorMetrics.of(sink, events, () -> launched.stream().map(Machine::vmState));
    }

    /** A hypervisor with all defaults, on a host of its own. */
    public static FakeHypervisor create() {
        return new Builder().build();
    }

    @Override
    public FakeVM launch(VMTemplate template) {
        return launch(template, LaunchOptions.standard());
    }

    @Override
    public FakeVM launch(VMTemplate template, LaunchOptions options) {
        Thread caller = Thread.currentThread();
        synchronized (launching) {
            launching.add(caller);
        }
        host.time().enter();
        try {
            Machine machine = new FakeLaunch(this, host, template, options).run();
            FakeVM vm = new FakeVM(this, machine, options.detached() ? FakeVM.Kind.DETACHED : FakeVM.Kind.ATTACHED);
            launchWatcher.accept(vm);
            return vm;
        } finally {
            host.time().leave();
            synchronized (launching) {
                launching.remove(caller);
                launching.notifyAll();
            }
        }
    }

    @Override
    public Optional<VM> find(String name) {
        requireOpen("find");
        return host.find(name).map(machine -> new FakeVM(this, machine, FakeVM.Kind.FOUND));
    }

    @Override
    public List<VM> list() {
        requireOpen("list");
        return host.list().stream()
                .<VM>map(machine -> new FakeVM(this, machine, FakeVM.Kind.FOUND))
                .toList();
    }

    /**
     * The running VM of that name, to play its guest.
     *
     * @throws VMNotFoundException if there is none
     */
    public FakeVM vm(String name) {
        requireOpen("find");
        return host.find(name)
                .map(machine -> new FakeVM(this, machine, FakeVM.Kind.FOUND))
                .orElseThrow(() -> new VMNotFoundException(
                        "There is no VM named '" + name + "'; there are " + list(),
                        FailureContext.of("find").vm(name)));
    }

    /**
     * The images of the fake host, which are there for all its programs. Of files that are added, the lengths and sums are
     * kept, and nothing of their content.
     */
    @Override
    public Images images() {
        return new OpenImages(this, host.images());
    }

    @Override
    public ReapReport reap(boolean dryRun) {
        requireOpen("reap");
        ReapReport report =
                new ReapReport.Builder().addAllRemoved(host.reap(dryRun)).build();
        if (!dryRun) {
            metrics.reaped(report);
        }
        return report;
    }

    /**
     * What happens to the VMs that this program launched, in its virtual time. It is told by threads of its own, as on a real
     * host: a test waits for it by {@link dev.agentvm.event.Registration#awaitDelivery}. The fake measures no traffic and
     * resolves no names; a test may {@linkplain VMEvents#publish publish} such events itself.
     */
    @Override
    public VMEvents events() {
        return events;
    }

    /** What tells of a VM that this program is about to launch. */
    VMEventSource launching(UUID id, VMTemplate template) {
        return VMEventSource.ofLaunch(
                events,
                host.time()::now,
                identity(id, template, owner),
                template.networkMode().equals(NetworkMode.ISOLATED)
                        ? Optional.empty()
                        : Optional.of(template.networkPolicy()));
    }

    /** What tells of what this program does to a VM. */
    VMEventSource source(Machine machine) {
        return machine.program() == this
                ? machine.source()
                : VMEventSource.ofForeign(
                        events, host.time()::now, identity(machine.id(), machine.template(), machine.program().owner));
    }

    private static VMIdentity identity(UUID id, VMTemplate template, String owner) {
        return new VMIdentity.Builder()
                .id(id)
                .name(template.name())
                .owner(owner)
                .labels(template.labels())
                .build();
    }

    /** Launches that are under way fail and are undone before this returns. */
    @Override
    public void close() {
        closed = true;
        host.time().wake();
        awaitLaunches();
        launched.forEach(machine -> {
            if (machine.isDetached()) {
                machine.unwatch();
            } else {
                machine.close("closed by its program");
            }
        });
        metrics.close();
        boolean unused = events.close(EventDispatcher.LAST_DELIVERY);
    }

    /** A listener may close the hypervisor during its own launch, which is not waited for. */
    private void awaitLaunches() {
        boolean interrupted = false;
        synchronized (launching) {
            while (launching.stream().anyMatch(thread -> thread != Thread.currentThread())) {
                try {
                    launching.wait();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Ends the program that uses this hypervisor, as {@code kill -9} would: its attached VMs go with it, but their disks,
     * filters and addresses stay on the host until another program reaps them.
     */
    public void kill() {
        closed = true;
        alive = false;
        metrics.close();
        events.close();
        launched.forEach(Machine::unwatch);
        host.abandon(this);
        host.time().wake();
    }

    /** A hypervisor as another program has it, on the same host, with the same time, scripts and faults. */
    public FakeHypervisor anotherProgram() {
        return anotherProgram(MetricsSink.none());
    }

    /** {@link #anotherProgram()} that gives what is measured there to {@code sink}. */
    public FakeHypervisor anotherProgram(MetricsSink sink) {
        return new FakeHypervisor(host, launchWatcher, sink);
    }

    /** The time in which all this happens. */
    public VirtualTime time() {
        return host.time();
    }

    /** Says what guests answer to certain commands; the newest that matches answers, and those of a VM come first. */
    public ExecScript whenExec(CommandMatcher matcher) {
        return host.scripts().add(matcher);
    }

    /** Says what guests answer to exactly this program with these arguments. */
    public ExecScript whenExec(String... argv) {
        return whenExec(CommandMatcher.argv(argv));
    }

    /** Makes the next launch, command or restore that comes to where {@code fault} happens fail so. */
    public void failNext(Fault fault) {
        host.faults().add(fault);
    }

    /** Makes every launch, command or restore from now on fail so, until {@link #heal}. */
    public void failEvery(Fault fault) {
        host.faults().always(fault);
    }

    /** Takes back all faults that were asked for; those at random go on. */
    public void heal() {
        host.faults().clear();
    }

    /**
     * Everything that VMs have on the host, in words such as {@code domain vm} and {@code address 192.168.101.10}; empty
     * if nothing is left. Answers when this is closed, too.
     */
    public List<String> leftovers() {
        return host.things();
    }

    void register(Machine machine) {
        launched.add(machine);
    }

    void forget(Machine machine) {
        launched.remove(machine);
    }

    boolean isClosed() {
        return closed;
    }

    boolean isAlive() {
        return alive;
    }

    void requireOpen(String operation) {
        if (closed) {
            throw new HypervisorUnavailableException(
                    "The hypervisor was closed; connect again", FailureContext.of(operation));
        }
    }

    @Override
    public String toString() {
        return "fake hypervisor " + host.things();
    }

    /** Says what the fake host is like. Not thread-safe. */
    public static final class Builder {
        private final Set<GuestImage> images = new LinkedHashSet<>(Set.of(GuestImage.named("default")));
        private VirtualTime time = VirtualTime.create();
        private Accelerator accelerator = Accelerator.KVM;
        private Cidr subnet = Cidr.of("192.168.101.0/24");
        private Duration bootTime = Duration.ofSeconds(2);
        private boolean shaping = true;
        private long seed;
        private double probability;
        private Consumer<FakeVM> launchWatcher = vm -> {};
        private final List<VMEventListener> listeners = new ArrayList<>();
        private MetricsSink metrics = MetricsSink.none();

        /** Starts with all defaults. */
        public Builder() {}

        /** An image that the host has, beside {@code default}. */
        public Builder addImage(String name) {
            return addImage(GuestImage.named(name));
        }

        /** An image that the host has, beside {@code default}. */
        public Builder addImage(GuestImage image) {
            images.add(Objects.requireNonNull(image, "image"));
            return this;
        }

        /** Its time; one of its own if not said. */
        public Builder time(VirtualTime value) {
            time = Objects.requireNonNull(value, "time");
            return this;
        }

        /** How long a guest takes until its agent answers, not negative; two seconds if not said. */
        public Builder bootTime(Duration value) {
            if (value.isNegative()) {
                throw new InvalidValueException("bootTime", value, "must not be negative");
            }
            bootTime = value;
            return this;
        }

        /** What runs guests; KVM if not said. */
        public Builder accelerator(Accelerator value) {
            accelerator = Objects.requireNonNull(value, "accelerator");
            return this;
        }

        /** The addresses of its network, from a /28 to a /22; 192.168.101.0/24 if not said. The first ten go to no VM. */
        public Builder subnet(Cidr value) {
            if (value.prefixLength() < 22 || value.prefixLength() > 28) {
                throw new InvalidValueException("subnet", value, "must be from a /28 to a /22");
            }
            subnet = value;
            return this;
        }

        /** The host cannot limit bandwidth, as some kernels cannot. */
        public Builder withoutTrafficShaping() {
            shaping = false;
            return this;
        }

        /**
         * Makes launches, commands and restores fail at random, each in one of the ways of {@link Fault}; the same seed
         * gives the same faults to the same calls in the same order.
         *
         * @param seed where chance starts
         * @param probability of a fault in each launch, each command and each restore, 0 to 1
         * @throws InvalidValueException if the probability is out of its range
         */
        public Builder randomFaults(long seed, double probability) {
            if (!(probability >= 0 && probability <= 1)) {
                throw new InvalidValueException("probability", probability, "must be from 0 to 1");
            }
            this.seed = seed;
            this.probability = probability;
            return this;
        }

        /**
         * Is given each VM once it is launched, before whoever launched it is: to play its guest, or to ask it things after
         * the program under test has closed it.
         */
        public Builder onLaunch(Consumer<FakeVM> watcher) {
            launchWatcher = Objects.requireNonNull(watcher, "watcher");
            return this;
        }

        /** Is told of all that happens, as by {@link VMEvents#listen}, from before the first launch. */
        public Builder addListener(VMEventListener listener) {
            listeners.add(Objects.requireNonNull(listener, "listener"));
            return this;
        }

        /** Is given what is measured, in virtual time; nobody if not said. */
        public Builder metrics(MetricsSink sink) {
            metrics = Objects.requireNonNull(sink, "sink");
            return this;
        }

        /** Makes the hypervisor. */
        public FakeHypervisor build() {
            FakeHost host = new FakeHost(
                    new FakeHost.Settings(time, Set.copyOf(images), accelerator, subnet, shaping, bootTime),
                    new FaultPlan(seed, probability));
            FakeHypervisor hypervisor = new FakeHypervisor(host, launchWatcher, metrics);
            listeners.forEach(hypervisor.events::listen);
            return hypervisor;
        }
    }
}
