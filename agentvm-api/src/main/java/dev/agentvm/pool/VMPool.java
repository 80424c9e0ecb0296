package dev.agentvm.pool;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.FailureContext;
import dev.agentvm.Hypervisor;
import dev.agentvm.InvalidValueException;
import dev.agentvm.LaunchOptions;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.metrics.Metric;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.spi.MetricsFeed;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * VMs of one template that stand ready before they are needed. Each is lent to one caller; when its lease is closed it is
 * destroyed, and another is launched in its stead, or it is reset, so that nobody meets what somebody else left. Safe for
 * use by many threads.
 *
 * <pre>{@code
 * try (VMPool pool = new VMPool.Builder(hypervisor, template).min(2).max(8).open()) {
 *     try (VMLease lease = pool.acquire(Duration.ofMinutes(1))) {
 *         lease.vm().exec(command);
 *     }
 * }
 * }</pre>
 *
 * <p>VMs are launched and destroyed in the background, on daemon threads of the pool's own whose names begin with {@code
 * agentvm-pool-}. While launches fail, one is tried after one second, two, four, and so on, at most a minute. A VM that
 * ends while it stands ready is never lent; it is noticed within half a minute, and replaced.
 */
public final class VMPool implements AutoCloseable {
    /** How often VMs that stand ready are looked at. */
    static final Duration LOOK = Duration.ofSeconds(30);

    /** So long that nobody means more, so short that counting its nanoseconds cannot overflow. */
    private static final Duration LONGEST = Duration.ofDays(3650);

    private final Hypervisor hypervisor;
    private final Settings settings;
    private final Names names;
    private final Workers workers;
    private final Optional<SystemTime> ownTime;
    private final PoolTime time;
    private final ReentrantLock lock = new ReentrantLock();
    private final Ledger ledger;
    private final CompletableFuture<@Nullable Void> drained = new CompletableFuture<>();
    private final Gauges gauges;
    private final MetricsSink metrics;
    private PoolTime.Alarm alarm = () -> {};

    private VMPool(Hypervisor hypervisor, Settings settings, Optional<PoolTime> given, MetricsSink sink) {
        this.hypervisor = hypervisor;
        this.settings = settings;
        names = new Names(settings.template().name());
        workers = new Workers(settings.template().name());
        ownTime = given.isPresent() ? Optional.empty() : Optional.of(new SystemTime(workers.factory()));
        time = given.orElseGet(ownTime::orElseThrow);
        ledger = new Ledger(settings);
        metrics = MetricsFeed.of(sink);
        gauges = Gauges.of(metrics, settings.template().name(), this::metrics);
    }

    /**
     * Lends a VM that runs and has passed the health check, if there is one. Who came first is served first.
     *
     * @param timeout how long to wait for one, the health check included; more than zero and at most
     *     3650 days
     * @throws OperationTimeoutException if there is none in that time; the message says what the pool's VMs are doing and
     *     why the last launch failed, which is the cause too
     * @throws PoolClosedException if the pool is closed, before or meanwhile
     * @throws AgentVMException if the thread is interrupted, whose interrupt status is then set
     */
    public VMLease acquire(Duration timeout) {
        Duration checked = positive("timeout", timeout);
        if (Thread.currentThread().isInterrupted()) {
            throw interrupted(null);
        }
        Waiter waiter = new Waiter(time.now());
        join(waiter);
        String outcome = "leased";
        try {
            if (!time.await(waiter.given(), waiter.since().plus(checked)) && withdraw(waiter)) {
                outcome = "timeout";
                throw timedOut(timeout);
            }
            return lease(waiter);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            if (withdraw(waiter)) {
                outcome = "interrupted";
                throw interrupted(e);
            }
            return lease(waiter);
        } finally {
            waited(waiter, outcome);
        }
    }

    private void join(Waiter waiter) {
        lock.lock();
        try {
            update(now -> ledger.join(waiter));
        } catch (Throwable e) {
            // Nobody would ever give back what it was lent later.
            boolean unused = ledger.withdraw(waiter);
            throw e;
        } finally {
            lock.unlock();
        }
    }

    private void waited(Waiter waiter, String outcome) {
        String last = waiter.given().isCompletedExceptionally() ? "closed" : outcome;
        metrics.time(
                Metric.POOL_WAIT.with(settings.template().name(), last), Duration.between(waiter.since(), time.now()));
    }

    private boolean withdraw(Waiter waiter) {
        lock.lock();
        try {
            return ledger.withdraw(waiter);
        } finally {
            lock.unlock();
        }
    }

    private VMLease lease(Waiter waiter) {
        Member member;
        try {
            member = waiter.given().join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof PoolClosedException closed ? closed : e;
        }
        return new VMLease(
                member.vm(),
                (quiet, throttled) -> update(now -> {
                    member.throttled(throttled);
                    ledger.released(member, quiet, now);
                }));
    }

    private OperationTimeoutException timedOut(Duration timeout) {
        lock.lock();
        try {
            return new OperationTimeoutException(
                    "The pool of '" + settings.template().name() + "' had no VM to lend within " + timeout + ": "
                            + ledger.describe(time.now()),
                    FailureContext.of("acquire").retryable(true),
                    ledger.failure().orElse(null));
        } finally {
            lock.unlock();
        }
    }

    private static AgentVMException interrupted(@Nullable InterruptedException cause) {
        return new AgentVMException(
                "The thread was interrupted while it waited for a VM", FailureContext.of("acquire"), cause);
    }

    /** What the pool is now, and what it has done. */
    public PoolMetrics metrics() {
        lock.lock();
        try {
            return ledger.metrics();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Destroys all VMs of the pool, at once and those that are lent too; launches that are under way are interrupted and
     * undone, and callers that wait are told. Returns when all of that is done. Does not close the hypervisor. Closing
     * twice does nothing. An interrupt does not end this, and is kept for later.
     *
     * @throws AgentVMException if VMs could not be destroyed, saying why; the end of the hypervisor, or a later {@link
     *     Hypervisor#reap}, takes care of them
     */
    @Override
    public void close() {
        boolean first = shut();
        if (workers.isOne()) {
            // A health check closes its own pool: it cannot wait for itself.
            return;
        }
        drained.join();
        workers.awaitEnd();
        if (first) {
            complain();
        }
    }

    private boolean shut() {
        lock.lock();
        try {
            boolean first = !ledger.isShut();
            if (first) {
                update(now -> ledger.shut(now).forEach(Job::interrupt));
            }
            return first;
        } finally {
            lock.unlock();
        }
    }

    private void complain() {
        if (!ledger.notClosed().isEmpty()) {
            AgentVMException failure = new AgentVMException(
                    ledger.notClosed().size() + " VMs of the pool of '"
                            + settings.template().name() + "' could not be destroyed; close the hypervisor, or call its"
                            + " reap() later",
                    FailureContext.of("close the pool"),
                    ledger.notClosed().get(0));
            ledger.notClosed().stream().skip(1).forEach(failure::addSuppressed);
            throw failure;
        }
    }

    /** Something has happened; begins what follows from it. */
    private void update(Consumer<Instant> event) {
        lock.lock();
        try {
            Instant now = time.now();
            event.accept(now);
            // What cannot be begun is told to the ledger too, and something else may follow from that.
            for (List<Step> steps = ledger.plan(now); !steps.isEmpty(); steps = ledger.plan(now)) {
                steps.forEach(step -> begin(step, now));
            }
            alarm.cancel();
            if (ledger.isDrained()) {
                workers.shutDown();
                ownTime.ifPresent(SystemTime::close);
                gauges.close();
                drained.complete(null);
            } else {
                alarm = ledger.next(now)
                        .map(next -> time.after(Duration.between(now, next), () -> update(later -> {})))
                        .orElse(() -> {});
            }
        } finally {
            lock.unlock();
        }
    }

    private void begin(Step step, Instant now) {
        Member member = step.member();
        Job job = new Job(
                switch (step.kind()) {
                    case LAUNCH -> {
                        VMTemplate template = settings.template().withName(names.next());
                        yield () -> launch(member, template);
                    }
                    case CHECK -> () -> check(member);
                    case RESET -> () -> reset(member);
                    case CLOSE -> () -> close(member);
                });
        member.job(job);
        start(job).ifPresent(reason -> {
            switch (step.kind()) {
                case LAUNCH -> ledger.launchFailed(member, reason, now);
                case CHECK -> ledger.notChecked(member, now);
                case RESET -> ledger.resetFailed(member, reason, now);
                case CLOSE -> ledger.closeFailed(member, reason, now);
            }
        });
    }

    /**
     * Does something on a thread of the pool.
     *
     * @return why it is not done, if it is not: the host may have no room for another thread
     */
    private Optional<Throwable> start(Job job) {
        Runnable task = time.task(job);
        try {
            workers.start(task);
            return Optional.empty();
        } catch (Throwable e) {
            // It was announced, so it is run in any case.
            job.revoke();
            task.run();
            return Optional.of(e);
        }
    }

    // What a thread of the pool does must come to an end in the ledger, whatever is thrown.

    private void launch(Member member, VMTemplate template) {
        VM vm;
        try {
            vm = hypervisor.launch(template, settings.launchOptions());
        } catch (Throwable e) {
            update(now -> ledger.launchFailed(member, e, now));
            return;
        }
        update(now -> ledger.launched(member, vm, now));
    }

    private void check(Member member) {
        HealthCheck check = settings.healthCheck();
        PoolTime.Alarm limit = check.timeout()
                .map(timeout -> time.after(timeout, () -> checkedTooLong(member, timeout)))
                .orElse(() -> {});
        Optional<Throwable> fault = fault(check, member.vm());
        limit.cancel();
        report(member, fault);
    }

    private void checkedTooLong(Member member, Duration timeout) {
        update(now -> {
            Job job = member.job();
            if (ledger.unhealthy(member, unfit(member.vm(), "its health check took longer than " + timeout), now)
                    && job != null) {
                job.interrupt();
            }
        });
    }

    /** Looks at those that stand ready, and will do so again. */
    private void lookLater() {
        PoolTime.Alarm unused = time.after(LOOK, this::lookNow);
    }

    private void lookNow() {
        lock.lock();
        try {
            if (!ledger.isShut()) {
                List<Member> ready = ledger.ready();
                Optional<Throwable> unused = start(new Job(() -> look(ready)));
                lookLater();
            }
        } finally {
            lock.unlock();
        }
    }

    private void look(List<Member> ready) {
        for (Member member : ready) {
            fault(HealthCheck.running(), member.vm()).ifPresent(fault -> report(member, Optional.of(fault)));
        }
    }

    private static Optional<Throwable> fault(HealthCheck check, VM vm) {
        try {
            return check.complaint().apply(vm).map(complaint -> unfit(vm, complaint));
        } catch (Throwable e) {
            return Optional.of(e);
        }
    }

    private static AgentVMException unfit(VM vm, String complaint) {
        return new AgentVMException(
                "The VM '" + vm.name() + "' was not lent: " + complaint,
                FailureContext.of("check the health").vm(vm.name()));
    }

    private void report(Member member, Optional<Throwable> fault) {
        update(now -> {
            if (fault.isPresent()) {
                boolean unused = ledger.unhealthy(member, fault.get(), now);
            } else {
                ledger.healthy(member, now);
            }
        });
    }

    /** What the tenant has changed outside of the guest goes first, so that nothing runs under it afterwards. */
    private void reset(Member member) {
        VM vm = member.vm();
        VMTemplate template = settings.template();
        try {
            if (vm.networkPolicy()
                    .filter(policy -> !policy.equals(template.networkPolicy()))
                    .isPresent()) {
                vm.setNetworkPolicy(template.networkPolicy());
            }
            if (member.isThrottled()) {
                vm.setBandwidth(template.bandwidth());
            }
            vm.reset();
        } catch (Throwable e) {
            update(now -> ledger.resetFailed(member, e, now));
            return;
        }
        update(now -> ledger.reset(member, now));
    }

    private void close(Member member) {
        try {
            member.vm().close();
        } catch (Throwable e) {
            update(now -> ledger.closeFailed(member, e, now));
            return;
        }
        update(now -> ledger.closed(member));
    }

    @Override
    public String toString() {
        return "pool of '" + settings.template().name() + "' " + metrics();
    }

    private static Duration positive(String field, Duration value) {
        if (value.isZero() || value.isNegative() || value.compareTo(LONGEST) > 0) {
            throw new InvalidValueException(
                    field, value, "must be more than zero and at most " + LONGEST.toDays() + " days");
        }
        return value;
    }

    /** Says what a pool is to be. Not thread-safe. */
    public static final class Builder {
        private static final int MOST = 1000;
        private static final int MOST_USES = 1_000_000;

        private final Hypervisor hypervisor;
        private final VMTemplate template;
        private LaunchOptions launchOptions = LaunchOptions.standard();
        private int min = 1;
        private Optional<Integer> max = Optional.empty();
        private int maxUses = 1;
        private Optional<Duration> maxAge = Optional.empty();
        private Optional<Duration> idleTimeout = Optional.empty();
        private HealthCheck healthCheck = HealthCheck.running();
        private Optional<PoolTime> time = Optional.empty();
        private MetricsSink metrics = MetricsSink.none();

        /**
         * Starts with all defaults and no {@link #max}.
         *
         * @param hypervisor where the VMs are launched; it must outlive the pool, which does not close it
         * @param template what they are. Their names are its name, shortened to 44 characters if need be, and what makes
         *     each unique
         */
        public Builder(Hypervisor hypervisor, VMTemplate template) {
            this.hypervisor = Objects.requireNonNull(hypervisor, "hypervisor");
            this.template = Objects.requireNonNull(template, "template");
        }

        /** How many VMs stand ready beside those that are lent, as far as {@code max} allows; 0 to max, 1 if not said. */
        public Builder min(int value) {
            min = value;
            return this;
        }

        /**
         * How many VMs there are at most, 1 to 1000: those that stand ready, are lent, are being launched and are being
         * destroyed together. It must be said.
         */
        public Builder max(int value) {
            max = Optional.of(value);
            return this;
        }

        /**
         * How many leases one VM serves, one after the other, 1 to 1,000,000; 1 if not said, so that each is destroyed when
         * its lease is closed. With more, it is {@linkplain VM#reset reset} instead, under the template's policy and
         * bandwidth, and lent again; its launch {@linkplain LaunchOptions#resettable keeps its memory} for that. If the
         * reset fails, or calls of the tenant are still under way when the lease is closed, the VM is replaced all the
         * same.
         */
        public Builder maxUses(int value) {
            maxUses = value;
            return this;
        }

        /**
         * How long after its launch a VM may still be lent, more than zero and at most 3650 days; for ever if not said. One
         * that has stood ready for so long is replaced. One that is lent stays with whoever has it.
         */
        public Builder maxAge(Duration value) {
            maxAge = Optional.of(positive("maxAge", value));
            return this;
        }

        /**
         * How long a VM beyond {@code min} stands ready before it is destroyed, more than zero and at most 3650 days; for
         * ever if not said. There are such after callers have given up waiting.
         */
        public Builder idleTimeout(Duration value) {
            idleTimeout = Optional.of(positive("idleTimeout", value));
            return this;
        }

        /**
         * What must return 0 in a VM, within the command's own timeout, each time before it is lent. A VM in which it does
         * not is destroyed, and that counts as a failed launch. If not said, a VM must be running, which it must in any
         * case.
         */
        public Builder healthCheck(Command command) {
            healthCheck = HealthCheck.of(command);
            return this;
        }

        /**
         * What must hold of a VM each time before it is lent. A VM of which it does not, or that makes it throw, is
         * destroyed, and that counts as a failed launch.
         *
         * @param check is called on a thread of the pool, for several VMs at once; must heed interruption
         * @param timeout how long it may take, more than zero and at most 3650 days; then it is interrupted
         */
        public Builder healthCheck(Predicate<? super VM> check, Duration timeout) {
            healthCheck = HealthCheck.of(check, positive("timeout", timeout));
            return this;
        }

        /** How the VMs are launched, not detached; {@link LaunchOptions#standard()} if not said. */
        public Builder launchOptions(LaunchOptions value) {
            launchOptions = Objects.requireNonNull(value, "launchOptions");
            return this;
        }

        /**
         * Is given the pool's VMs by what they are doing, and the waits for them, under the name of the template; nobody if not
         * said.
         */
        public Builder metrics(MetricsSink sink) {
            metrics = Objects.requireNonNull(sink, "sink");
            return this;
        }

        /** The time that the pool lives in; this machine's if not said. The testkit's {@code VirtualTime} is another. */
        public Builder time(PoolTime value) {
            time = Optional.of(value);
            return this;
        }

        /**
         * Makes the pool, which begins to launch its VMs.
         *
         * @throws InvalidValueException if a value is out of its range
         */
        public VMPool open() {
            int most = max.orElseThrow(() ->
                    new InvalidValueException("max", null, "must be said: how many VMs may there be, 1 to " + MOST));
            if (most < 1 || most > MOST) {
                throw new InvalidValueException("max", most, "must be from 1 to " + MOST);
            }
            if (min < 0 || min > most) {
                throw new InvalidValueException("min", min, "must be from 0 to max, which is " + most);
            }
            if (maxUses < 1 || maxUses > MOST_USES) {
                throw new InvalidValueException("maxUses", maxUses, "must be from 1 to " + MOST_USES);
            }
            if (launchOptions.detached()) {
                throw new InvalidValueException(
                        "launchOptions", launchOptions, "must not be detached: a pool's VMs go when it is closed");
            }
            VMPool pool = new VMPool(
                    hypervisor,
                    new Settings(
                            template,
                            maxUses == 1 ? launchOptions : launchOptions.withResettable(true),
                            min,
                            most,
                            maxUses,
                            maxAge,
                            idleTimeout,
                            healthCheck),
                    time,
                    metrics);
            pool.update(now -> {});
            pool.lookLater();
            return pool;
        }
    }
}
