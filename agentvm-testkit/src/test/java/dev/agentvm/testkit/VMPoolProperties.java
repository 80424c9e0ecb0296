package dev.agentvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.OperationTimeoutException;
import dev.agentvm.VM;
import dev.agentvm.VMState;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.pool.PoolClosedException;
import dev.agentvm.pool.PoolMetrics;
import dev.agentvm.pool.VMLease;
import dev.agentvm.pool.VMPool;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.state.Action;
import net.jqwik.api.state.ActionChain;
import net.jqwik.api.state.Transformer;

/** Whatever happens to a pool in whatever order, its promises hold after each step, and at the end nothing is left. */
class VMPoolProperties {
    private static final List<Fault> FAULTS = List.of(
            Fault.HOST_UNREACHABLE,
            Fault.DISK_FULL,
            Fault.GUEST_PANICS,
            Fault.AGENT_NEVER_ANSWERS,
            Fault.RESTORE_FAILS);

    @Property(tries = 200, shrinking = ShrinkingMode.OFF)
    void pool_anyStepsInAnyOrder_keepsItsPromises(@ForAll("chains") ActionChain<Run> chain) {
        Run run = chain.withInvariant("promises", Run::check).run();
        run.end();
    }

    @Property(tries = 200, shrinking = ShrinkingMode.OFF)
    void pool_thatResets_keepsItsPromisesAndShowsNobodyAnothersState(
            @ForAll("chainsWithResets") ActionChain<Run> chain) {
        Run run = chain.withInvariant("promises", Run::check).run();
        run.end();
    }

    @Provide
    Arbitrary<ActionChain<Run>> chains() {
        return chains(1);
    }

    @Provide
    Arbitrary<ActionChain<Run>> chainsWithResets() {
        return chains(3);
    }

    private static Arbitrary<ActionChain<Run>> chains(int maxUses) {
        return ActionChain.startWith(() -> new Run(maxUses))
                .withAction(6, step("acquire", times(), (run, time) -> run.acquire(time)))
                .withAction(4, step("release", indexes(), (run, index) -> run.release(index)))
                .withAction(2, step("release twice", indexes(), (run, index) -> run.releaseTwice(index)))
                .withAction(6, step("advance", times(), (run, time) -> run.fixture.advance(time)))
                .withAction(2, step("a ready or lent VM dies", indexes(), (run, index) -> run.kill(index)))
                .withAction(1, step("interrupt", indexes(), (run, index) -> run.interrupt(index)))
                .withAction(
                        2,
                        step(
                                "fail the next launch",
                                Arbitraries.of(FAULTS),
                                (run, fault) -> run.host().failNext(fault)))
                .withAction(
                        1,
                        step(
                                "fail every launch",
                                Arbitraries.of(FAULTS),
                                (run, fault) -> run.host().failEvery(fault)))
                .withAction(
                        2, step("heal", indexes(), (run, unused) -> run.host().heal()))
                .withAction(1, step("the next VM is unfit", indexes(), (run, unused) -> run.unfit()))
                .withAction(
                        1,
                        step(
                                "the host keeps a VM",
                                indexes(),
                                (run, unused) -> run.fixture.hypervisor().failCloses(1)))
                .withMaxTransformations(60);
    }

    private static Arbitrary<Duration> times() {
        return Arbitraries.of(1L, 500L, 1_000L, 2_000L, 3_000L, 10_000L, 30_000L, 90_000L)
                .map(Duration::ofMillis);
    }

    private static Arbitrary<Integer> indexes() {
        return Arbitraries.integers().between(0, 9);
    }

    private static <T> Action.Independent<Run> step(String name, Arbitrary<T> arguments, Step<T> step) {
        return new Action.Independent<>() {
            @Override
            public Arbitrary<Transformer<Run>> transformer() {
                return arguments.map(argument -> Transformer.mutate(name + " " + argument, run -> {
                    step.run(run, argument);
                    run.fixture.settle();
                }));
            }
        };
    }

    /** What an action does. */
    @FunctionalInterface
    private interface Step<T> {
        void run(Run run, T argument);
    }

    /** A call that waits or has ended, and when it had to. */
    private record Waiting(Call<VMLease> call, Instant deadline) {}

    /** A pool on a fake host, and those who use it. */
    static final class Run {
        private static final int MIN = 2;
        private static final int MAX = 4;

        private final PoolFixture fixture = new PoolFixture(FakeHypervisor.create());
        private final VirtualTime.Hold hold = fixture.time().hold();
        private final List<Waiting> waiting = new ArrayList<>();
        private final List<VMLease> leases = new ArrayList<>();
        private final List<VMLease> closed = new ArrayList<>();
        private final Map<UUID, Integer> lent = new HashMap<>();
        private final int maxUses;
        private final VMPool pool;
        private volatile boolean nextIsUnfit;

        Run(int maxUses) {
            this.maxUses = maxUses;
            pool = fixture.pool()
                    .min(MIN)
                    .max(MAX)
                    .maxUses(maxUses)
                    .maxAge(Duration.ofMinutes(1))
                    .idleTimeout(Duration.ofSeconds(20))
                    .healthCheck(vm -> !takeUnfit(), Duration.ofSeconds(5))
                    .open();
            fixture.settle();
        }

        private FakeHypervisor host() {
            return fixture.host();
        }

        private synchronized boolean takeUnfit() {
            boolean unfit = nextIsUnfit;
            nextIsUnfit = false;
            return unfit;
        }

        private void unfit() {
            nextIsUnfit = true;
        }

        private void acquire(Duration timeout) {
            if (waiting.size() < 6) {
                Instant deadline = fixture.time().now().plus(timeout);
                waiting.add(new Waiting(fixture.acquire(pool, timeout), deadline));
            }
        }

        private void release(int index) {
            pick(leases, index).ifPresent(lease -> {
                lease.close();
                leases.remove(lease);
                closed.add(lease);
            });
        }

        private void releaseTwice(int index) {
            pick(closed, index).ifPresent(VMLease::close);
        }

        private void kill(int index) {
            pick(host().list(), index)
                    .filter(vm -> vm.state() == VMState.RUNNING)
                    .ifPresent(VM::destroy);
        }

        private void interrupt(int index) {
            pick(waiting, index).ifPresent(one -> {
                one.call().interrupt();
                PoolFixture.until(one.call()::isOver);
            });
        }

        private static <T> Optional<T> pick(List<T> among, int index) {
            return among.isEmpty() ? Optional.empty() : Optional.of(among.get(index % among.size()));
        }

        private void check() {
            fixture.settle();
            Instant now = fixture.time().now();
            waiting.stream()
                    .filter(one -> !one.deadline().isAfter(now))
                    .forEach(one -> PoolFixture.until(one.call()::isOver));
            PoolFixture.until(() -> pool.metrics().waiting()
                    == waiting.stream().filter(one -> !one.call().isOver()).count());
            boolean anEarlierWaits = false;
            for (Iterator<Waiting> all = waiting.iterator(); all.hasNext(); ) {
                Waiting one = all.next();
                if (one.call().isOver()) {
                    all.remove();
                    take(one.call(), anEarlierWaits);
                } else {
                    anEarlierWaits = true;
                }
            }
            PoolMetrics metrics = pool.metrics();
            assertThat(metrics.live())
                    .as("live")
                    .isEqualTo(metrics.building()
                            + metrics.idle()
                            + metrics.leased()
                            + metrics.resetting()
                            + metrics.closing())
                    .isEqualTo(fixture.hypervisor().live());
            assertThat(fixture.hypervisor().most()).as("live at once").isLessThanOrEqualTo(MAX);
            assertThat(metrics.leased()).as("lent").isEqualTo(leases.size());
            assertThat(metrics.waiting()).as("waiting").isEqualTo(waiting.size());
            assertThat(metrics.idle() == 0 || metrics.waiting() == 0)
                    .as("nobody waits while a VM stands ready")
                    .isTrue();
            assertThat(metrics.idle() + metrics.building() + metrics.resetting() >= MIN
                            || metrics.live() == MAX
                            || metrics.lastFailure().isPresent())
                    .as("as many as wanted stand ready or are being built, unless launches fail")
                    .isTrue();
        }

        private void take(Call<VMLease> call, boolean anEarlierWaits) {
            Throwable failure = call.failure();
            if (failure == null) {
                VMLease lease = call.value();
                assertThat(lease.vm().state()).isEqualTo(VMState.RUNNING);
                assertThat(leases)
                        .noneMatch(other -> other.vm().id().equals(lease.vm().id()));
                assertThat(lent.merge(lease.vm().id(), 1, Integer::sum))
                        .as("uses")
                        .isLessThanOrEqualTo(maxUses);
                assertThat(lease.vm().networkPolicy()).contains(PoolFixture.TEMPLATE.networkPolicy());
                assertThat(lease.vm().files().exists("/tmp/tenant"))
                        .as("a file of a tenant before")
                        .isFalse();
                lease.vm().files().writeText("/tmp/tenant", "was here");
                lease.vm().setNetworkPolicy(NetworkPolicy.none());
                leases.add(lease);
                assertThat(anEarlierWaits)
                        .as("served before one who came first")
                        .isFalse();
            } else if (!call.interruptKept()) {
                assertThat(failure).isInstanceOf(OperationTimeoutException.class);
            }
        }

        private void end() {
            fixture.hypervisor().failCloses(0);
            pool.close();
            waiting.forEach(one -> assertThat(PoolFixture.failure(one.call())).isInstanceOf(PoolClosedException.class));
            assertThat(fixture.hypervisor().live()).isZero();
            assertThat(host().leftovers()).isEmpty();
            assertThat(pool.metrics().live()).isZero();
            hold.close();
        }
    }
}
