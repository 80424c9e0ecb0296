package dev.agentvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.Hypervisor;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.VM;
import dev.agentvm.VMAlreadyExistsException;
import dev.agentvm.VMState;
import dev.agentvm.VMTemplate;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Many threads use one fake; the long form, with {@code -Dagentvm.soak=true}, goes on for longer. */
@Timeout(120)
class FakeConcurrencyTest {
    private static final int THREADS = 8;
    private static final int ROUNDS = Boolean.getBoolean("agentvm.soak") ? 20_000 : 300;

    private final FakeHypervisor host = FakeHypervisor.create();

    private static VMTemplate template(String name) {
        return new VMTemplate.Builder()
                .name(name)
                .timeToLive(Duration.ofDays(300))
                .build();
    }

    @Test
    void launchesAndCloses_byManyThreads_shareNoNameAddressOrId() {
        Set<String> names = ConcurrentHashMap.newKeySet();
        Set<IPv4Address> addresses = ConcurrentHashMap.newKeySet();
        Set<UUID> ids = ConcurrentHashMap.newKeySet();
        AtomicInteger refused = new AtomicInteger();

        inThreads(i -> {
            Hypervisor hypervisor = i % 2 == 0 ? host : host.anotherProgram();
            for (int round = 0; round < ROUNDS; round++) {
                try (VM vm = hypervisor.launch(template("vm-" + (round + i) % 4))) {
                    IPv4Address address = vm.attachment().orElseThrow().address();
                    assertThat(names.add(vm.name())).as("name").isTrue();
                    assertThat(addresses.add(address)).as("address").isTrue();
                    assertThat(ids.add(vm.id())).as("id").isTrue();
                    assertThat(vm.exec(Command.of("echo", "" + round)).stdoutText())
                            .isEqualTo(round + "\n");
                    names.remove(vm.name());
                    addresses.remove(address);
                } catch (VMAlreadyExistsException e) {
                    refused.incrementAndGet();
                }
            }
        });

        assertThat(ids.size() + refused.get()).isEqualTo((long) THREADS * ROUNDS);
        assertThat(host.leftovers()).isEmpty();
        assertThat(host.list()).isEmpty();
    }

    @Test
    void close_whileOthersLaunch_leavesNothing() {
        for (int round = 0; round < ROUNDS / 10; round++) {
            FakeHypervisor hypervisor = host.anotherProgram();
            CyclicBarrier together = new CyclicBarrier(THREADS);
            inThreads(i -> {
                together.await();
                if (i == 0) {
                    hypervisor.close();
                    assertThat(host.leftovers()).isEmpty();
                    return;
                }
                try {
                    VM vm = hypervisor.launch(template("vm-" + i));
                    hypervisor.close();
                    assertThat(vm.state()).isEqualTo(VMState.DESTROYED);
                } catch (HypervisorUnavailableException e) {
                    assertThat(e).hasMessageContaining("closed");
                }
            });
            assertThat(host.leftovers()).isEmpty();
        }
    }

    @Test
    void guest_usedByManyThreads_losesNothing() {
        FakeVM vm = host.launch(template("shared"));
        vm.whenExec("work").thenAnswer((command, guest) -> {
            guest.connect(Flow.tcp("140.82.112.3", 443));
            return Reply.exit(0).after(Duration.ofMillis(3));
        });

        inThreads(i -> {
            for (int round = 0; round < ROUNDS; round++) {
                assertThat(vm.exec(Command.of("work")).success()).isTrue();
                vm.putFile("/tmp/" + i, "" + round);
                assertThat(vm.exec(Command.of("cat", "/tmp/" + i)).stdoutText()).isEqualTo("" + round);
            }
        });

        ConnectionLog log = vm.connectionLog();
        assertThat(log.attempts()).hasSize(ConnectionLog.MAX_ATTEMPTS);
        assertThat(log.attempts().size() + log.forgotten()).isEqualTo((long) THREADS * ROUNDS);
        assertThat(vm.commands()).hasSize(2 * THREADS * ROUNDS);
    }

    @Test
    void destroy_whileCommandsRun_endsEachWithTheReason() {
        for (int round = 0; round < ROUNDS / 10; round++) {
            FakeVM vm = host.launch(template("shot"));
            VirtualTime.Hold hold = host.time().hold();
            List<Call<Boolean>> commands = IntStream.range(0, THREADS)
                    .mapToObj(i ->
                            Call.begin(() -> vm.exec(Command.of("sleep", "60")).success()))
                    .toList();

            vm.destroy();

            for (Call<Boolean> command : commands) {
                while (!command.isOver()) {
                    Thread.onSpinWait();
                }
                assertThat(command.failure())
                        .isInstanceOf(AgentVMException.class)
                        .hasMessageContaining("is gone");
            }
            hold.close();
        }
    }

    @Test
    void advance_beyondTimeoutAndEndAtOnce_isATimeoutAllTheSame() {
        Command command = Command.of("sleep", "10").withTimeout(Duration.ofSeconds(5));
        FakeVM vm = host.launch(template("late"));
        for (int round = 0; round < ROUNDS / 10; round++) {
            VirtualTime.Hold hold = host.time().hold();
            Call<Boolean> call = Call.begin(() -> vm.exec(command).success());
            // Mostly it waits by then; it is late in any case.
            LockSupport.parkNanos(1_000_000);
            host.time().advance(Duration.ofSeconds(20));
            hold.close();
            while (!call.isOver()) {
                Thread.onSpinWait();
            }
            assertThat(call.failure()).isInstanceOf(CommandTimeoutException.class);
        }
    }

    /** What one thread does. */
    @FunctionalInterface
    private interface Work {
        void run(int thread) throws Exception;
    }

    private static void inThreads(Work work) {
        List<Call<Boolean>> calls = IntStream.range(0, THREADS)
                .mapToObj(i -> Call.begin(() -> {
                    work.run(i);
                    return true;
                }))
                .toList();
        calls.forEach(Call::value);
    }
}
