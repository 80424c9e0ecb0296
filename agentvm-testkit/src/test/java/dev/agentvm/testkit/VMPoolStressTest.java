package dev.agentvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.pool.PoolMetrics;
import dev.agentvm.pool.VMLease;
import dev.agentvm.pool.VMPool;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Many threads use one pool on a bad host; the long form, with {@code -Dagentvm.soak=true}, goes on for longer. */
@Timeout(300)
class VMPoolStressTest {
    private static final int THREADS = 64;
    private static final int ROUNDS = Boolean.getBoolean("agentvm.soak") ? 500 : 12;
    private static final int MAX = 10;

    /** Who has been lent which VM, and how often it was lent. */
    private final Set<UUID> lent = ConcurrentHashMap.newKeySet();

    private final Map<UUID, Integer> uses = new ConcurrentHashMap<>();

    private final AtomicInteger served = new AtomicInteger();
    private final AtomicInteger late = new AtomicInteger();

    @ParameterizedTest
    @CsvSource({"1, 1", "20, 1", "1, 5", "300, 5"})
    void pool_usedBy64ThreadsOnABadHost_keepsItsPromises(long seed, int maxUses) {
        PoolFixture fixture = new PoolFixture(
                new FakeHypervisor.Builder().randomFaults(seed, 0.1).build());
        VirtualTime time = fixture.time();
        VMPool pool = fixture.pool(PoolFixture.TEMPLATE.withName("stress"))
                .min(4)
                .max(MAX)
                .maxUses(maxUses)
                .maxAge(Duration.ofMinutes(2))
                .idleTimeout(Duration.ofSeconds(30))
                .healthCheck(Command.of("true").withTimeout(Duration.ofSeconds(5)))
                .open();
        VirtualTime.Hold hold = time.hold();
        List<Call<Boolean>> users = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            Random random = new Random(seed + i);
            users.add(Call.begin(() -> use(fixture, pool, random)));
        }

        while (!users.stream().allMatch(Call::isOver)) {
            if (!time.isBusy()) {
                time.advance(Duration.ofMillis(100));
            }
            PoolMetrics metrics = pool.metrics();
            assertThat(metrics.live())
                    .isEqualTo(metrics.building()
                            + metrics.idle()
                            + metrics.leased()
                            + metrics.resetting()
                            + metrics.closing())
                    .isLessThanOrEqualTo(MAX);
        }
        assertThat(users).allMatch(Call::value);
        assertThat(fixture.hypervisor().most()).as("live at once").isLessThanOrEqualTo(MAX);
        assertThat(served.get() + late.get()).isEqualTo(THREADS * ROUNDS);
        assertThat(served.get()).as("served").isGreaterThan(THREADS * ROUNDS / 2);
        assertThat(late.get()).as("late").isPositive();
        assertThat(pool.metrics().acquired()).isEqualTo(served.get());
        assertThat(pool.metrics().waiting()).isZero();
        assertThat(pool.metrics().launchesFailed()).as("faults").isPositive();
        assertThat(uses.values()).allMatch(count -> count <= maxUses);
        assertThat(pool.metrics().resets() > 0).as("resets").isEqualTo(maxUses > 1);

        pool.close();

        assertThat(fixture.hypervisor().live()).isZero();
        assertThat(fixture.host().leftovers()).isEmpty();
        PoolFixture.until(() -> PoolFixture.threads("stress").isEmpty());
        hold.close();
    }

    /** Takes VMs and gives them back, some of which have died meanwhile. */
    private boolean use(PoolFixture fixture, VMPool pool, Random random) {
        for (int round = 0; round < ROUNDS; round++) {
            try (VMLease lease = pool.acquire(patience(random))) {
                served.incrementAndGet();
                UUID id = lease.vm().id();
                assertThat(lent.add(id)).as("lent to nobody else").isTrue();
                uses.merge(id, 1, Integer::sum);
                try {
                    work(fixture, lease, random);
                } finally {
                    // Before the lease is closed, since another may have the VM a moment later.
                    lent.remove(id);
                }
            } catch (OperationTimeoutException e) {
                late.incrementAndGet();
            }
        }
        return true;
    }

    private static Duration patience(Random random) {
        return random.nextInt(8) == 0 ? Duration.ofMillis(1 + random.nextInt(3000)) : Duration.ofHours(1);
    }

    private static void work(PoolFixture fixture, VMLease lease, Random random) {
        try {
            FakeVM vm = fixture.host().vm(lease.vm().name());
            assertThat(lease.vm().files().exists("/tmp/tenant"))
                    .as("a file of a tenant before")
                    .isFalse();
            lease.vm().files().writeText("/tmp/tenant", "was here");
            lease.vm().exec(Command.of("echo", "work").withTimeout(Duration.ofSeconds(5)));
            if (random.nextInt(4) == 0) {
                vm.powerOff();
            }
        } catch (OperationTimeoutException e) {
            throw new AssertionError("commands do not throw this", e);
        } catch (AgentVMException e) {
            assertThat(e.vmName()).contains(lease.vm().name());
        }
    }
}
