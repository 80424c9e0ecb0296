package dev.agentvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.InvalidValueException;
import dev.agentvm.LaunchOptions;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.VM;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMFiles;
import dev.agentvm.VMState;
import dev.agentvm.VMTemplate;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.pool.PoolClosedException;
import dev.agentvm.pool.PoolMetrics;
import dev.agentvm.pool.PoolTime;
import dev.agentvm.pool.VMLease;
import dev.agentvm.pool.VMPool;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class VMPoolTest {
    private static final Duration BOOT = Duration.ofSeconds(2);
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final PoolFixture fixture = new PoolFixture(FakeHypervisor.create());
    private final FakeHypervisor host = fixture.host();
    private final VirtualTime time = fixture.time();

    private VMPool pool = fixture.pool().min(0).max(1).open();

    private void open(VMPool.Builder builder) {
        pool.close();
        pool = builder.open();
    }

    /** A pool whose VMs stand ready; time is held from then on. */
    private void warm(VMPool.Builder builder) {
        open(builder);
        PoolFixture.until(() -> pool.metrics().building() == 0);
        VirtualTime.Hold unused = time.hold();
        fixture.settle();
    }

    @AfterEach
    void everyPool_closed_leavesNothing() {
        pool.close();
        assertThat(fixture.hypervisor().live()).isZero();
        assertThat(host.leftovers()).isEmpty();
    }

    private static Duration seconds(long seconds) {
        return Duration.ofSeconds(seconds);
    }

    private String ready() {
        return host.list().stream().map(VM::name).reduce((one, other) -> other).orElseThrow();
    }

    @Nested
    class Acquire {
        @Test
        void open_min_launchesThatManyAtOnceInTheBackground() {
            VirtualTime.Hold hold = time.hold();
            open(fixture.pool().min(3).max(5));
            fixture.settle();
            assertThat(pool.metrics().building()).isEqualTo(3);

            fixture.advance(BOOT);

            assertThat(pool.metrics().idle()).isEqualTo(3);
            assertThat(host.list()).hasSize(3);
            hold.close();
        }

        @Test
        void acquire_vmStandsReady_lendsItWithoutTimePassing() {
            warm(fixture.pool().min(1).max(1));
            Instant before = time.now();

            try (VMLease lease = pool.acquire(Duration.ofMillis(1))) {
                assertThat(lease.vm().exec(Command.of("echo", "hello")).stdoutText())
                        .isEqualTo("hello\n");
            }

            assertThat(time.now()).isEqualTo(before);
        }

        @Test
        void acquire_nothingReady_waitsForALaunchAndNoLonger() {
            open(fixture.pool().min(0).max(1));
            Instant before = time.now();

            VMLease lease = pool.acquire(PATIENCE);

            assertThat(lease.vm().state()).isEqualTo(VMState.RUNNING);
            assertThat(time.now()).isEqualTo(before.plus(BOOT));
        }

        @Test
        void acquire_aVMIsLent_launchesAnotherToStandReady() {
            warm(fixture.pool().min(2).max(3));

            VMLease first = pool.acquire(PATIENCE);
            fixture.settle();
            assertThat(pool.metrics().building()).isEqualTo(1);
            fixture.advance(BOOT);
            VMLease second = pool.acquire(PATIENCE);
            fixture.advance(BOOT);

            assertThat(pool.metrics().idle()).as("max leaves room for").isEqualTo(1);
            assertThat(first.vm().id()).isNotEqualTo(second.vm().id());
        }

        @Test
        void acquire_allLent_timesOutAndSaysWhatThePoolIsDoing() {
            open(fixture.pool().min(0).max(2));
            VMLease first = pool.acquire(PATIENCE);
            VMLease second = pool.acquire(PATIENCE);
            Instant before = time.now();

            assertThatExceptionOfType(OperationTimeoutException.class)
                    .isThrownBy(() -> pool.acquire(seconds(7)))
                    .withMessage(
                            "The pool of 'job' had no VM to lend within PT7S: 2 of at most 2 VMs are live (2 lent, 0"
                                    + " being built, 0 ready, 0 being reset, 0 being destroyed), and 0 other callers wait")
                    .satisfies(e -> assertThat(e.retryable()).isTrue());

            assertThat(time.now()).isEqualTo(before.plusSeconds(7));
            assertThat(first.vm().state()).isEqualTo(second.vm().state()).isEqualTo(VMState.RUNNING);
            assertThat(pool.metrics().waiting()).isZero();
        }

        @Test
        void acquire_several_areServedInTheirOrder() {
            warm(fixture.pool().min(0).max(1));
            Call<VMLease> first = fixture.acquire(pool, PATIENCE);
            Call<VMLease> second = fixture.acquire(pool, PATIENCE);
            Call<VMLease> third = fixture.acquire(pool, PATIENCE);
            List<Call<VMLease>> served = new ArrayList<>();

            for (Call<VMLease> expected : List.of(first, second, third)) {
                fixture.advance(BOOT);
                PoolFixture.until(expected::isOver);
                served.add(expected);
                assertThat(List.of(first, second, third))
                        .filteredOn(Call::isOver)
                        .isEqualTo(served);
                PoolFixture.value(expected).close();
                fixture.settle();
            }
        }

        @Test
        void acquire_firstGivesUp_nextIsServed() {
            warm(fixture.pool().min(0).max(1));
            Call<VMLease> first = fixture.acquire(pool, seconds(1));
            Call<VMLease> second = fixture.acquire(pool, PATIENCE);

            fixture.advance(seconds(1));
            PoolFixture.until(first::isOver);
            fixture.advance(seconds(1));

            assertThat(PoolFixture.failure(first)).isInstanceOf(OperationTimeoutException.class);
            assertThat(PoolFixture.value(second).vm().state()).isEqualTo(VMState.RUNNING);
        }

        @Test
        void acquire_interrupted_failsKeepsTheStatusAndLosesNoVM() {
            warm(fixture.pool().min(0).max(1));
            Call<VMLease> first = fixture.acquire(pool, PATIENCE);
            Call<VMLease> second = fixture.acquire(pool, PATIENCE);

            first.interrupt();
            PoolFixture.until(first::isOver);
            fixture.advance(BOOT);

            assertThat(PoolFixture.failure(first))
                    .isExactlyInstanceOf(AgentVMException.class)
                    .hasMessageContaining("interrupted");
            assertThat(first.interruptKept()).isTrue();
            assertThat(PoolFixture.value(second).vm().state()).isEqualTo(VMState.RUNNING);
        }

        @Test
        void acquire_interruptedBefore_failsAtOnce() {
            warm(fixture.pool().min(1).max(1));
            Thread.currentThread().interrupt();

            assertThatThrownBy(() -> pool.acquire(PATIENCE)).hasMessageContaining("interrupted");

            assertThat(Thread.interrupted()).isTrue();
            assertThat(pool.metrics().idle()).isEqualTo(1);
        }

        @Test
        void acquire_timeoutOutOfRange_isRefused() {
            open(fixture.pool().min(0).max(1));
            for (Duration bad :
                    List.of(Duration.ZERO, seconds(-1), Duration.ofDays(3650).plusNanos(1))) {
                assertThatExceptionOfType(InvalidValueException.class)
                        .isThrownBy(() -> pool.acquire(bad))
                        .withMessage("timeout '" + bad + "': must be more than zero and at most 3650 days");
            }
        }
    }

    @Nested
    class Release {
        @Test
        void close_ofALease_destroysItsVMAndLaunchesAnother() {
            warm(fixture.pool().min(1).max(1));
            VMLease lease = pool.acquire(PATIENCE);
            VM lent = host.vm(lease.vm().name());

            lease.close();
            fixture.advance(BOOT);

            assertThat(lent.state()).isEqualTo(VMState.DESTROYED);
            VMLease next = pool.acquire(PATIENCE);
            assertThat(next.vm().id()).isNotEqualTo(lent.id());
            assertThat(next.vm().name()).isNotEqualTo(lent.name());
        }

        @Test
        void close_ofALeaseTwice_takesNothingFromTheNext() {
            warm(fixture.pool().min(1).max(1));
            VMLease lease = pool.acquire(PATIENCE);
            lease.close();
            fixture.advance(BOOT);
            VMLease next = pool.acquire(PATIENCE);

            lease.close();
            lease.vm().close();
            lease.vm().destroy();
            fixture.settle();

            assertThat(next.vm().state()).isEqualTo(VMState.RUNNING);
            assertThat(pool.metrics().leased()).isEqualTo(1);
        }

        @Test
        void vm_leaseIsClosed_isGoneForItsTenantAtOnce() {
            open(fixture.pool().min(0).max(1));
            fixture.hypervisor().failCloses(1);
            VMLease lease = pool.acquire(PATIENCE);
            VM vm = lease.vm();
            assertThat(vm.endReason()).isEmpty();

            lease.close();
            fixture.settle();

            assertThat(host.vm(vm.name()).state()).as("it still runs").isEqualTo(VMState.RUNNING);
            assertThat(vm.state()).isEqualTo(VMState.DESTROYED);
            assertThat(vm.endReason()).contains("its lease was closed");
            assertThat(vm.awaitEnd(PATIENCE)).isTrue();
            List<Runnable> calls = List.of(
                    () -> vm.exec(Command.of("echo")),
                    () -> vm.start(Command.of("echo")),
                    () -> vm.setNetworkPolicy(PoolFixture.TEMPLATE.networkPolicy()),
                    () -> vm.setBandwidth(PoolFixture.TEMPLATE.bandwidth()),
                    vm::isolation);
            for (Runnable call : calls) {
                assertThatExceptionOfType(VMDestroyedException.class)
                        .isThrownBy(call::run)
                        .withMessage("The VM '" + vm.name() + "' was given back to its pool when its lease was closed;"
                                + " acquire another");
            }
        }

        @Test
        void close_ofTheVM_closesItsLease() {
            open(fixture.pool().min(0).max(1));
            VMLease lease = pool.acquire(PATIENCE);

            lease.vm().close();
            fixture.settle();

            assertThat(pool.metrics().live()).isZero();
        }

        @Test
        void close_hostCannotDestroyTheVM_keepsItsPlaceAndTriesAgain() {
            warm(fixture.pool().min(0).max(1));
            Call<VMLease> first = fixture.acquire(pool, PATIENCE);
            fixture.advance(BOOT);
            fixture.hypervisor().failCloses(2);
            PoolFixture.value(first).close();
            fixture.settle();
            assertThat(pool.metrics().closing()).isEqualTo(1);
            Call<VMLease> second = fixture.acquire(pool, PATIENCE);
            assertThat(pool.metrics().building()).as("max allows").isZero();

            fixture.advance(seconds(10));
            assertThat(pool.metrics().closing()).isEqualTo(1);
            fixture.advance(seconds(10));
            fixture.advance(BOOT);

            assertThat(PoolFixture.value(second).vm().state()).isEqualTo(VMState.RUNNING);
            assertThat(fixture.hypervisor().most()).isEqualTo(1);
        }
    }

    @Nested
    class Failures {
        @Test
        void acquire_everyLaunchFails_triesLessAndLessOftenAndTellsWhy() {
            open(fixture.pool().min(0).max(4));
            host.failEvery(Fault.DISK_FULL);
            Instant before = time.now();

            assertThatExceptionOfType(OperationTimeoutException.class)
                    .isThrownBy(() -> pool.acquire(PATIENCE))
                    .withMessageContaining("No space left on device")
                    .withMessageContaining("the next attempt is in 3 s")
                    .withCauseExactlyInstanceOf(AgentVMException.class);

            assertThat(time.now()).isEqualTo(before.plus(PATIENCE));
            assertThat(fixture.hypervisor().names())
                    .as("at 0, 1, 3, 7, 15 and 31 s")
                    .hasSize(6);
            assertThat(pool.metrics().launchesFailed()).isEqualTo(6);
            assertThat(pool.metrics().lastFailure().orElseThrow()).contains("No space left on device");
        }

        @Test
        void launches_failForDays_areTriedEachMinute() {
            VirtualTime.Hold hold = time.hold();
            host.failEvery(Fault.HOST_UNREACHABLE);
            open(fixture.pool().min(1).max(4));
            for (int i = 0; i < 200; i++) {
                fixture.advance(seconds(1));
            }
            int before = fixture.hypervisor().names().size();

            for (int i = 0; i < 600; i++) {
                fixture.advance(seconds(1));
            }

            assertThat(fixture.hypervisor().names()).hasSize(before + 10);
            hold.close();
        }

        @Test
        void launches_manyFailTogether_countAsOneFailureAndOneIsTried() {
            VirtualTime.Hold hold = time.hold();
            host.failEvery(Fault.GUEST_PANICS);
            open(fixture.pool().min(8).max(8));
            fixture.settle();
            assertThat(fixture.hypervisor().names()).hasSize(8);

            fixture.advance(seconds(1));
            assertThat(fixture.hypervisor().names()).hasSize(9);
            host.heal();
            fixture.advance(seconds(2));
            assertThat(pool.metrics().building()).as("tried").isEqualTo(1);
            fixture.advance(BOOT);

            assertThat(pool.metrics().building()).as("since one succeeded").isEqualTo(7);
            assertThat(pool.metrics().lastFailure()).isEmpty();
            hold.close();
        }

        @Test
        void acquire_hostRecovers_isServed() {
            open(fixture.pool().min(0).max(1));
            host.failNext(Fault.HOST_NOT_READY);
            host.failNext(Fault.ADDRESSES_USED_UP);
            Instant before = time.now();

            VMLease lease = pool.acquire(PATIENCE);

            assertThat(lease.vm().state()).isEqualTo(VMState.RUNNING);
            assertThat(time.now()).isEqualTo(before.plusSeconds(1 + 2).plus(BOOT));
            assertThat(pool.metrics().lastFailure()).isEmpty();
        }

        @Test
        void acquire_launchTimesOut_nextAttemptServes() {
            open(fixture.pool()
                    .min(0)
                    .max(1)
                    .launchOptions(LaunchOptions.standard().withTimeout(seconds(5))));
            host.failNext(Fault.AGENT_NEVER_ANSWERS);
            Instant before = time.now();

            VMLease lease = pool.acquire(PATIENCE);

            assertThat(lease.vm().state()).isEqualTo(VMState.RUNNING);
            assertThat(time.now()).isEqualTo(before.plusSeconds(5 + 1).plus(BOOT));
        }

        @Test
        void acquire_readyVMHasDied_lendsAnother() {
            warm(fixture.pool().min(1).max(2));
            String dead = ready();
            host.vm(dead).powerOff();

            Call<VMLease> call = fixture.acquire(pool, PATIENCE);
            fixture.advance(seconds(1));
            fixture.advance(BOOT);

            assertThat(PoolFixture.value(call).vm().name()).isNotEqualTo(dead);
            assertThat(PoolFixture.value(call).vm().state()).isEqualTo(VMState.RUNNING);
        }

        @Test
        void acquire_readyVMStandsStill_lendsAnother() {
            warm(fixture.pool().min(1).max(2));
            String still = ready();
            host.vm(still).suspend();

            Call<VMLease> call = fixture.acquire(pool, PATIENCE);
            fixture.advance(seconds(1));
            fixture.advance(BOOT);

            assertThat(PoolFixture.value(call).vm().name()).isNotEqualTo(still);
        }

        @Test
        void vm_diesWhileItStandsReady_isNoticedWithinHalfAMinuteAndReplaced() {
            warm(fixture.pool().min(2).max(2));
            String dead = ready();
            host.vm(dead).powerOff();
            assertThat(pool.metrics().idle()).isEqualTo(2);

            fixture.advance(seconds(30));
            fixture.advance(seconds(1));
            fixture.advance(BOOT);

            assertThat(pool.metrics().idle()).isEqualTo(2);
            assertThat(host.list()).hasSize(2).noneMatch(vm -> vm.name().equals(dead));
        }

        @Test
        void vm_diesWhileItIsLent_keepsItsPlaceUntilItsLeaseIsClosed() {
            warm(fixture.pool().min(1).max(1));
            VMLease lease = pool.acquire(PATIENCE);
            host.vm(lease.vm().name()).powerOff();
            fixture.advance(seconds(60));

            assertThat(lease.vm().state()).isEqualTo(VMState.DESTROYED);
            assertThat(pool.metrics().leased()).isEqualTo(1);
            lease.close();
            fixture.advance(BOOT);
            assertThat(pool.metrics().idle()).isEqualTo(1);
        }

        @Test
        void hypervisor_isClosedUnderThePool_failsCallersWithTheReason() {
            warm(fixture.pool().min(1).max(1));
            host.close();

            Call<VMLease> call = fixture.acquire(pool, seconds(5));
            for (int i = 0; i < 5; i++) {
                fixture.advance(seconds(1));
            }

            assertThat(PoolFixture.failure(call))
                    .isInstanceOf(OperationTimeoutException.class)
                    .hasMessageContaining("The hypervisor was closed");
        }
    }

    @Nested
    class Times {
        @Test
        void maxAge_readyVM_isReplacedThen() {
            warm(fixture.pool().min(1).max(1).maxAge(Duration.ofMinutes(10)));
            String old = ready();

            fixture.advance(Duration.ofMinutes(10).minusNanos(1));
            assertThat(ready()).isEqualTo(old);
            fixture.advance(Duration.ofNanos(1));
            fixture.advance(BOOT);

            assertThat(ready()).isNotEqualTo(old);
            assertThat(pool.metrics().idle()).isEqualTo(1);
        }

        @Test
        void maxAge_lentVM_isLeftAlone() {
            warm(fixture.pool().min(0).max(1).maxAge(Duration.ofMinutes(10)));
            Call<VMLease> call = fixture.acquire(pool, PATIENCE);
            fixture.advance(BOOT);

            fixture.advance(Duration.ofMinutes(20));

            assertThat(PoolFixture.value(call).vm().state()).isEqualTo(VMState.RUNNING);
        }

        @Test
        void idleTimeout_moreThanMinStandReady_thoseGoAndNoOther() {
            warm(fixture.pool().min(1).max(3).idleTimeout(Duration.ofMinutes(5)));
            VMLease lease = pool.acquire(PATIENCE);
            Call<VMLease> impatient = fixture.acquire(pool, seconds(1));
            fixture.advance(seconds(1));
            fixture.advance(seconds(1));
            assertThat(PoolFixture.failure(impatient)).isInstanceOf(OperationTimeoutException.class);
            assertThat(pool.metrics().idle()).isEqualTo(2);

            fixture.advance(Duration.ofMinutes(5));

            assertThat(pool.metrics().idle()).isEqualTo(1);
            assertThat(pool.metrics().leased()).isEqualTo(1);
            fixture.advance(Duration.ofDays(1));
            assertThat(pool.metrics().idle()).isEqualTo(1);
            assertThat(lease.vm().state()).isEqualTo(VMState.RUNNING);
        }

        @Test
        void timeToLive_ofTheTemplate_endsReadyVMsWhichAreReplaced() {
            VMTemplate mortal = PoolFixture.TEMPLATE.withTimeToLive(Duration.ofMinutes(3));
            warm(new VMPool.Builder(fixture.hypervisor(), mortal)
                    .time(time)
                    .min(1)
                    .max(1));
            String first = ready();

            for (int i = 0; i < 220; i++) {
                fixture.advance(seconds(1));
            }

            assertThat(ready()).isNotEqualTo(first);
            assertThat(pool.metrics().idle()).isEqualTo(1);
        }
    }

    @Nested
    class Health {
        @Test
        void command_succeeds_vmIsLent() {
            host.whenExec("ready?").thenReturn("yes");
            open(fixture.pool().min(0).max(1).healthCheck(Command.of("ready?")));

            VMLease lease = pool.acquire(PATIENCE);

            assertThat(host.vm(lease.vm().name()).commands())
                    .extracting(Command::argv)
                    .containsExactly(List.of("ready?"));
        }

        @Test
        void command_failsInEveryVM_doesNotSpinAndTellsWhy() {
            host.whenExec("ready?").thenFail(3, "");
            open(fixture.pool().min(0).max(4).healthCheck(Command.of("ready?")));

            assertThatExceptionOfType(OperationTimeoutException.class)
                    .isThrownBy(() -> pool.acquire(PATIENCE))
                    .withMessageContaining("its health check 'ready?' ended with exit code 3");

            assertThat(fixture.hypervisor().names())
                    .as("at 0, 3, 7, 13, 23 and 41 s")
                    .hasSize(6);
        }

        @Test
        void command_takesTooLong_anotherVMIsLent() {
            host.whenExec("ready?").thenHang().thenReturn("yes");
            open(fixture.pool().min(0).max(1).healthCheck(Command.of("ready?").withTimeout(seconds(5))));
            Instant before = time.now();

            VMLease lease = pool.acquire(PATIENCE);

            assertThat(lease.vm().state()).isEqualTo(VMState.RUNNING);
            assertThat(time.now())
                    .isEqualTo(before.plus(BOOT).plusSeconds(5 + 1).plus(BOOT));
        }

        @Test
        void check_hangsAndItsCallerGivesUp_nextCallerIsLentAnother() {
            host.whenExec("ready?").thenHang().thenReturn("yes");
            warm(fixture.pool().min(2).max(2).healthCheck(Command.of("ready?")));
            Call<VMLease> first = fixture.acquire(pool, seconds(5));
            fixture.advance(seconds(5));
            assertThat(PoolFixture.failure(first)).isInstanceOf(OperationTimeoutException.class);

            Call<VMLease> second = fixture.acquire(pool, seconds(5));

            assertThat(PoolFixture.value(second).vm().state()).isEqualTo(VMState.RUNNING);
        }

        @Test
        void predicate_takesTooLong_isInterruptedAndAnotherVMIsLent() {
            CountDownLatch never = new CountDownLatch(1);
            AtomicBoolean interrupted = new AtomicBoolean();
            AtomicInteger calls = new AtomicInteger();
            warm(fixture.pool()
                    .min(2)
                    .max(2)
                    .healthCheck(
                            vm -> {
                                if (calls.incrementAndGet() == 1) {
                                    try {
                                        never.await();
                                    } catch (InterruptedException e) {
                                        interrupted.set(true);
                                    }
                                }
                                return true;
                            },
                            seconds(5)));
            Call<VMLease> call = Call.begin(() -> pool.acquire(PATIENCE));
            PoolFixture.until(() -> calls.get() == 1);

            time.advance(seconds(5));

            PoolFixture.until(call::isOver);
            fixture.settle();
            assertThat(interrupted).isTrue();
            assertThat(PoolFixture.value(call).vm().state()).isEqualTo(VMState.RUNNING);
            assertThat(host.list()).hasSize(1);
        }

        @Test
        void predicate_throwsOrSaysNo_vmIsNotLent() {
            AtomicInteger calls = new AtomicInteger();
            Set<String> refused = new HashSet<>();
            open(fixture.pool()
                    .min(0)
                    .max(1)
                    .healthCheck(
                            vm -> {
                                int call = calls.incrementAndGet();
                                if (call < 3) {
                                    refused.add(vm.name());
                                }
                                if (call == 1) {
                                    throw new IllegalStateException("no idea");
                                }
                                return call > 2;
                            },
                            seconds(5)));

            VMLease lease = pool.acquire(PATIENCE);

            assertThat(refused).hasSize(2).doesNotContain(lease.vm().name());
        }

        @Test
        void launches_succeedAgain_neededNoCheckToShowThat() {
            VirtualTime.Hold hold = time.hold();
            host.failNext(Fault.DISK_FULL);
            open(fixture.pool().min(3).max(3).healthCheck(Command.of("true")));
            fixture.advance(seconds(1));
            assertThat(pool.metrics().lastFailure()).isPresent();

            fixture.advance(BOOT);

            assertThat(pool.metrics().lastFailure()).isEmpty();
            hold.close();
        }

        @Test
        void check_callerGivesUpMeanwhile_vmStandsReadyForTheNext() {
            host.whenExec("ready?").thenAnswer((command, vm) -> Reply.exit(0).after(seconds(10)));
            warm(fixture.pool().min(1).max(1).healthCheck(Command.of("ready?")));
            Call<VMLease> call = fixture.acquire(pool, seconds(3));

            fixture.advance(seconds(3));
            PoolFixture.until(call::isOver);
            fixture.advance(seconds(7));

            assertThat(PoolFixture.failure(call)).isInstanceOf(OperationTimeoutException.class);
            assertThat(pool.metrics().idle()).isEqualTo(1);
            assertThat(fixture.hypervisor().names()).hasSize(1);
        }

        @Test
        void check_closesItsOwnPool_waitsForNothing() {
            AtomicReference<VMPool> own = new AtomicReference<>();
            open(fixture.pool()
                    .min(1)
                    .max(1)
                    .healthCheck(
                            vm -> {
                                own.get().close();
                                return true;
                            },
                            seconds(5)));
            own.set(pool);

            assertThatExceptionOfType(PoolClosedException.class).isThrownBy(() -> pool.acquire(PATIENCE));
        }
    }

    @Nested
    class Close {
        @Test
        void close_inAllItsStates_leavesNothingAndTellsAll() {
            warm(fixture.pool().min(2).max(4));
            VMLease lease = pool.acquire(PATIENCE);
            VMLease other = pool.acquire(PATIENCE);
            fixture.settle();
            assertThat(pool.metrics().building()).isEqualTo(2);
            Call<VMLease> waiter = fixture.acquire(pool, PATIENCE);

            pool.close();

            assertThat(host.leftovers()).isEmpty();
            assertThat(PoolFixture.failure(waiter))
                    .isInstanceOf(PoolClosedException.class)
                    .hasMessage("The pool of 'job' was closed");
            assertThatThrownBy(() -> lease.vm().exec(Command.of("echo"))).isInstanceOf(VMDestroyedException.class);
            other.close();
            pool.close();
            assertThat(pool.metrics().live()).isZero();
            assertThat(pool.metrics().launchesFailed()).isZero();
            assertThatExceptionOfType(PoolClosedException.class).isThrownBy(() -> pool.acquire(PATIENCE));
        }

        @Test
        void close_healthCheckIsUnderWay_interruptsIt() {
            CountDownLatch never = new CountDownLatch(1);
            CountDownLatch begun = new CountDownLatch(1);
            warm(fixture.pool()
                    .min(1)
                    .max(1)
                    .healthCheck(
                            vm -> {
                                begun.countDown();
                                try {
                                    never.await();
                                } catch (InterruptedException e) {
                                    return false;
                                }
                                return true;
                            },
                            seconds(5)));
            Call<VMLease> waiter = Call.begin(() -> pool.acquire(PATIENCE));
            PoolFixture.until(() -> begun.getCount() == 0);

            pool.close();

            assertThat(PoolFixture.failure(waiter)).isInstanceOf(PoolClosedException.class);
        }

        @Test
        void close_launchSucceedsNevertheless_destroysItsVM() {
            CountDownLatch launched = new CountDownLatch(1);
            CountDownLatch never = new CountDownLatch(1);
            SpoiltHypervisor deaf = new SpoiltHypervisor(host) {
                @Override
                VM launched(VM vm) {
                    launched.countDown();
                    try {
                        never.await();
                    } catch (InterruptedException e) {
                        return vm;
                    }
                    return vm;
                }
            };
            open(new VMPool.Builder(deaf, PoolFixture.TEMPLATE).time(time).max(1));
            PoolFixture.until(() -> launched.getCount() == 0);

            pool.close();

            assertThat(host.leftovers()).isEmpty();
        }

        @Test
        void close_byManyThreads_eachReturnsWhenAllIsGone() {
            warm(fixture.pool().min(8).max(8));
            List<Call<Integer>> closers = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                closers.add(Call.begin(() -> {
                    pool.close();
                    return host.leftovers().size();
                }));
            }

            assertThat(closers).allMatch(closer -> PoolFixture.value(closer) == 0);
        }

        @Test
        void close_callerIsInterrupted_finishesAndKeepsTheStatus() {
            warm(fixture.pool().min(2).max(2));
            Thread.currentThread().interrupt();

            pool.close();

            assertThat(Thread.interrupted()).isTrue();
            assertThat(host.leftovers()).isEmpty();
        }

        @Test
        void close_vmsDestroyTogether_notOneAfterTheOther() throws InterruptedException {
            CountDownLatch together = new CountDownLatch(4);
            VMPool parallel = new VMPool.Builder(
                            new SpoiltHypervisor(host) {
                                @Override
                                VM launched(VM vm) {
                                    return new SpoiltVM(vm) {
                                        @Override
                                        public void close() {
                                            together.countDown();
                                            awaitInRealTime(together);
                                            super.close();
                                        }
                                    };
                                }
                            },
                            PoolFixture.TEMPLATE)
                    .time(time)
                    .min(4)
                    .max(4)
                    .open();
            PoolFixture.until(() -> parallel.metrics().idle() == 4);

            parallel.close();

            assertThat(together.await(0, TimeUnit.SECONDS)).isTrue();
        }

        @Test
        void close_hostKeepsVMs_saysSo() {
            warm(fixture.pool().min(3).max(3));
            fixture.hypervisor().failCloses(2);

            assertThatExceptionOfType(AgentVMException.class)
                    .isThrownBy(() -> pool.close())
                    .withMessageStartingWith("2 VMs of the pool of 'job' could not be destroyed")
                    .withRootCauseInstanceOf(IllegalStateException.class)
                    .satisfies(e -> assertThat(e.getSuppressed()).hasSize(1));

            assertThat(host.list()).hasSize(2);
            host.close();
            assertThat(fixture.hypervisor().live()).isEqualTo(2);
            fixture.hypervisor().forget(2);
        }

        @Test
        void close_machinesOwnTime_leavesNoThread() throws InterruptedException {
            VMPool real = new VMPool.Builder(fixture.hypervisor(), PoolFixture.TEMPLATE.withName("real"))
                    .min(2)
                    .max(4)
                    .maxAge(Duration.ofHours(1))
                    .open();
            VMLease lease = real.acquire(PATIENCE);
            List<Thread> threads = PoolFixture.threads("real");
            assertThat(threads).isNotEmpty().allMatch(Thread::isDaemon);
            assertThat(lease.vm().state()).isEqualTo(VMState.RUNNING);
            for (int i = 0; i < 3; i++) {
                assertThat(real.acquire(PATIENCE).vm().state()).isEqualTo(VMState.RUNNING);
            }
            assertThatExceptionOfType(OperationTimeoutException.class)
                    .isThrownBy(() -> real.acquire(Duration.ofMillis(20)));

            real.close();

            for (Thread thread : threads) {
                thread.join(10_000);
            }
            PoolFixture.until(() -> PoolFixture.threads("real").isEmpty());
        }
    }

    /** The host has no room for some of the threads that are to be made: the JVM says so by an {@link OutOfMemoryError}. */
    @Nested
    class NoRoomForThreads {
        private final AtomicInteger made = new AtomicInteger();
        private volatile IntPredicate missing = number -> false;
        /** What a thread inherits is looked at as it is made. */
        private final InheritableThreadLocal<Boolean> room = new InheritableThreadLocal<>() {
            @Override
            protected Boolean childValue(Boolean parent) {
                if (missing.test(made.incrementAndGet())) {
                    throw new OutOfMemoryError("unable to create native thread");
                }
                return parent;
            }
        };

        @BeforeEach
        void begin() {
            room.set(true);
        }

        @AfterEach
        void end() {
            room.remove();
        }

        @Test
        void launch_cannotBegin_isTriedLater() {
            missing = number -> number <= 2;
            open(fixture.pool().min(0).max(1));
            Instant before = time.now();

            VMLease lease = pool.acquire(PATIENCE);

            assertThat(lease.vm().state()).isEqualTo(VMState.RUNNING);
            assertThat(pool.metrics().launchesFailed()).isEqualTo(2);
            assertThat(time.now()).isEqualTo(before.plusSeconds(1 + 2).plus(BOOT));
        }

        @Test
        void launch_canNeverBegin_failsCallersWithTheReason() {
            missing = number -> true;
            open(fixture.pool().min(0).max(1));

            assertThatExceptionOfType(OperationTimeoutException.class)
                    .isThrownBy(() -> pool.acquire(PATIENCE))
                    .withMessageContaining("unable to create native thread");

            assertThat(pool.metrics().live()).isZero();
        }

        @Test
        void check_cannotBegin_isTriedLaterOfTheSameVM() {
            // The first launches, and is still busy when what it launched is to be looked at.
            missing = number -> number == 2;
            open(fixture.pool().min(0).max(1));
            Instant before = time.now();

            VMLease lease = pool.acquire(PATIENCE);

            assertThat(lease.vm().state()).isEqualTo(VMState.RUNNING);
            assertThat(fixture.hypervisor().names()).hasSize(1);
            assertThat(time.now()).isEqualTo(before.plus(BOOT).plusSeconds(1));
        }

        @Test
        void close_cannotDestroyAVM_saysSoAndReturns() {
            open(fixture.pool().min(0).max(20));
            for (int i = 0; i < 20; i++) {
                assertThat(pool.acquire(PATIENCE).vm().state()).isEqualTo(VMState.RUNNING);
            }
            int next = made.get() + 1;
            missing = number -> number == next;

            assertThatExceptionOfType(AgentVMException.class)
                    .isThrownBy(() -> pool.close())
                    .withMessageStartingWith("1 VMs of the pool of 'job' could not be destroyed")
                    .withRootCauseInstanceOf(OutOfMemoryError.class);

            assertThat(host.list()).hasSize(1);
            host.close();
            fixture.hypervisor().forget(1);
        }

        @Test
        void acquire_failsAsItBegins_isLentNothingLater() {
            AtomicBoolean breaks = new AtomicBoolean();
            warm(fixture.pool().min(2).max(2).maxAge(Duration.ofHours(1)).time(timeThatBreaksOnce(breaks)));
            breaks.set(true);

            assertThatThrownBy(() -> pool.acquire(PATIENCE)).hasMessage("no alarm");
            fixture.settle();

            assertThat(pool.metrics().leased()).isZero();
            assertThat(pool.metrics().waiting()).isZero();
            assertThat(pool.acquire(PATIENCE).vm().state()).isEqualTo(VMState.RUNNING);
        }

        private PoolTime timeThatBreaksOnce(AtomicBoolean breaks) {
            return new PoolTime() {
                @Override
                public Instant now() {
                    return time.now();
                }

                @Override
                public Alarm after(Duration delay, Runnable work) {
                    if (breaks.getAndSet(false)) {
                        throw new OutOfMemoryError("no alarm");
                    }
                    return time.after(delay, work);
                }

                @Override
                public boolean await(CompletableFuture<?> event, Instant deadline) throws InterruptedException {
                    return time.await(event, deadline);
                }

                @Override
                public Runnable task(Runnable work) {
                    return time.task(work);
                }
            };
        }
    }

    @Nested
    class Values {
        @Test
        void names_ofTemplatesShortAndLong_areValidAndUnique() {
            for (String name : List.of("v", "a".repeat(61))) {
                CountedHypervisor counted = new CountedHypervisor(host);
                VMTemplate template = PoolFixture.TEMPLATE.withName(name);
                VMPool.Builder builder =
                        new VMPool.Builder(counted, template).time(time).min(20).max(20);
                try (VMPool one = builder.open();
                        VMPool other = builder.open()) {
                    PoolFixture.until(
                            () -> one.metrics().idle() + other.metrics().idle() == 40);
                }
                assertThat(counted.names())
                        .hasSize(40)
                        .doesNotHaveDuplicates()
                        .allMatch(vm -> vm.startsWith(name.substring(0, Math.min(name.length(), 44)) + "-"))
                        .allMatch(vm -> vm.length() <= 61);
            }
        }

        @Test
        void metrics_sayWhatThePoolIsAndWasDoing() {
            warm(fixture.pool().min(1).max(2));
            VMLease first = pool.acquire(PATIENCE);
            fixture.settle();
            Call<VMLease> second = fixture.acquire(pool, PATIENCE);
            Call<VMLease> third = fixture.acquire(pool, PATIENCE);

            assertThat(pool.metrics())
                    .isEqualTo(new PoolMetrics.Builder()
                            .live(2)
                            .building(1)
                            .idle(0)
                            .leased(1)
                            .resetting(0)
                            .closing(0)
                            .waiting(2)
                            .acquired(1)
                            .launches(1)
                            .launchesFailed(0)
                            .resets(0)
                            .resetsFailed(0)
                            .totalWait(Duration.ZERO)
                            .longestWait(Duration.ZERO)
                            .build());

            fixture.advance(BOOT);
            PoolFixture.until(second::isOver);
            assertThat(pool.metrics().longestWait()).isEqualTo(BOOT);
            assertThat(pool.metrics().totalWait()).isEqualTo(BOOT);
            assertThat(pool.metrics().meanWait()).isEqualTo(seconds(1));
            first.close();
            fixture.advance(BOOT);
            assertThat(PoolFixture.value(third).vm().state()).isEqualTo(VMState.RUNNING);
            assertThat(pool.metrics().longestWait()).isEqualTo(BOOT.multipliedBy(2));
            assertThat(pool.toString()).contains("pool of 'job'", "leased=2");
        }

        @Test
        void open_valueOutOfRange_isRefused() {
            assertRefused(fixture.pool(), "max 'null': must be said: how many VMs may there be, 1 to 1000");
            assertRefused(fixture.pool().max(0), "max '0': must be from 1 to 1000");
            assertRefused(fixture.pool().max(1001), "max '1001': must be from 1 to 1000");
            assertRefused(fixture.pool().min(-1).max(3), "min '-1': must be from 0 to max, which is 3");
            assertRefused(fixture.pool().min(4).max(3), "min '4': must be from 0 to max, which is 3");
            VMPool.Builder detached =
                    fixture.pool().max(1).launchOptions(LaunchOptions.standard().withDetached(true));
            assertThatExceptionOfType(InvalidValueException.class)
                    .isThrownBy(detached::open)
                    .withMessageStartingWith("launchOptions ")
                    .withMessageEndingWith("must not be detached: a pool's VMs go when it is closed");
            for (Duration bad : List.of(Duration.ZERO, seconds(-1), Duration.ofDays(3651))) {
                for (Runnable set : List.<Runnable>of(
                        () -> fixture.pool().maxAge(bad),
                        () -> fixture.pool().idleTimeout(bad),
                        () -> fixture.pool().healthCheck(vm -> true, bad))) {
                    assertThatExceptionOfType(InvalidValueException.class)
                            .isThrownBy(set::run)
                            .withMessageEndingWith("'" + bad + "': must be more than zero and at most 3650 days");
                }
            }
        }

        private void assertRefused(VMPool.Builder builder, String message) {
            assertThatExceptionOfType(InvalidValueException.class)
                    .isThrownBy(builder::open)
                    .withMessage(message);
        }
    }

    private static void awaitInRealTime(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void leftToItself_hostIsNotReady_failsWithItsReason() {
        host.failEvery(Fault.HOST_NOT_READY);
        open(fixture.pool().min(2).max(2));

        assertThatThrownBy(() -> pool.acquire(seconds(3))).hasCauseInstanceOf(HostNotReadyException.class);
    }

    @Nested
    class Reuse {
        private static final Duration RESET = Duration.ofMillis(500);

        @Test
        void release_usesLeft_resetsTheVMAndLendsItAgain() {
            warm(fixture.pool().min(1).max(1).maxUses(2));
            VMLease first = pool.acquire(PATIENCE);
            first.vm().files().writeText("/tmp/tenant", "was here");
            first.vm().snapshot("mine");
            first.vm().setNetworkPolicy(NetworkPolicy.none());
            first.vm().setBandwidth(BandwidthLimit.unlimited());
            VMFiles files = first.vm().files();

            first.close();
            fixture.settle();
            assertThat(pool.metrics().resetting()).isEqualTo(1);
            fixture.advance(RESET);
            VMLease second = pool.acquire(PATIENCE);

            assertThat(second.vm().id()).isEqualTo(first.vm().id());
            assertThat(second.vm().files().exists("/tmp/tenant")).isFalse();
            assertThat(second.vm().snapshots()).isEmpty();
            assertThat(second.vm().networkPolicy()).contains(PoolFixture.TEMPLATE.networkPolicy());
            assertThat(host.vm(second.vm().name()).bandwidth()).isEqualTo(PoolFixture.TEMPLATE.bandwidth());
            assertThat(pool.metrics().resets()).isEqualTo(1);
            assertThatExceptionOfType(VMDestroyedException.class).isThrownBy(() -> files.exists("/tmp"));
            second.close();
            fixture.settle();
            assertThat(pool.metrics().resetting()).isZero();
        }

        @Test
        void leasedVM_leaseClosed_showsNothingOfTheNextTenant() {
            warm(fixture.pool().min(1).max(1).maxUses(9));
            VMLease first = pool.acquire(PATIENCE);
            VM before = first.vm();
            first.close();
            fixture.settle();
            fixture.advance(RESET);
            VMLease second = pool.acquire(PATIENCE);
            FakeVM guest = host.vm(second.vm().name());

            guest.print("a secret of the second tenant");
            guest.connect(Flow.tcp("140.82.112.3", 443));
            second.vm().setNetworkPolicy(NetworkPolicy.none());

            assertThat(before.serialLog()).doesNotContain("secret");
            assertThat(before.connectionLog().attempts()).isEmpty();
            assertThat(before.networkPolicy()).contains(PoolFixture.TEMPLATE.networkPolicy());
            assertThat(before.state()).isEqualTo(VMState.DESTROYED);
            assertThat(before.awaitEnd(Duration.ZERO)).isTrue();
            before.destroy();
            assertThat(second.vm().state()).isEqualTo(VMState.RUNNING);
        }

        @Test
        void release_resetFails_replacesTheVM() {
            warm(fixture.pool().min(1).max(1).maxUses(9));
            VMLease first = pool.acquire(PATIENCE);
            host.failNext(Fault.RESTORE_FAILS);

            first.close();
            fixture.settle();
            fixture.advance(RESET);
            fixture.advance(BOOT);
            VMLease second = pool.acquire(PATIENCE);

            assertThat(second.vm().id()).isNotEqualTo(first.vm().id());
            assertThat(pool.metrics().resetsFailed()).isEqualTo(1);
        }

        @Test
        void release_callUnderWay_replacesTheVM() {
            warm(fixture.pool().min(1).max(1).maxUses(9));
            VMLease first = pool.acquire(PATIENCE);
            Call<Boolean> call =
                    Call.begin(() -> first.vm().exec(Command.of("sleep", "100")).success());
            PoolFixture.until(() -> !host.vm(first.vm().name()).commands().isEmpty());

            first.close();
            fixture.settle();
            assertThat(pool.metrics().resets()).isZero();
            assertThat(pool.metrics().resetting()).isZero();
            fixture.advance(BOOT);

            assertThat(PoolFixture.failure(call)).isInstanceOf(VMDestroyedException.class);
            assertThat(pool.acquire(PATIENCE).vm().id()).isNotEqualTo(first.vm().id());
        }

        @Test
        void release_olderThanMaxAge_replacesTheVM() {
            warm(fixture.pool().min(1).max(1).maxUses(9).maxAge(seconds(60)));
            VMLease first = pool.acquire(PATIENCE);
            fixture.advance(seconds(61));

            first.close();
            fixture.settle();
            assertThat(pool.metrics().resetting()).isZero();
        }

        @Test
        void close_whileAVMIsReset_leavesNothing() {
            warm(fixture.pool().min(1).max(1).maxUses(9));
            pool.acquire(PATIENCE).close();
            fixture.settle();
            assertThat(pool.metrics().resetting()).isEqualTo(1);

            pool.close();

            assertThat(host.leftovers()).isEmpty();
        }

        @Test
        void maxUses_outOfBounds_isRefused() {
            for (int bad : new int[] {0, -1, 1_000_001}) {
                assertThatThrownBy(() -> fixture.pool().max(1).maxUses(bad).open())
                        .isInstanceOf(InvalidValueException.class)
                        .hasMessageContaining("maxUses '" + bad + "'");
            }
        }
    }
}
