package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.pool.PoolMetrics;
import dev.agentvm.pool.VMLease;
import dev.agentvm.pool.VMPool;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A pool of real VMs lends each many times, and no tenant sees anything of those before.
 *
 * <p>The long form lends {@code agentvm.leases} times, 500 if not said.
 */
@Timeout(value = 10, unit = TimeUnit.HOURS)
class PoolIT {
    private static final int LEASES = Lab.soak() ? Integer.getInteger("agentvm.leases", 500) : 8;
    private static final int VMS = 2;
    private static final Duration PATIENCE = Duration.ofMinutes(10);
    private static final Path VOLUMES = Path.of("/var/lib/libvirt/agentvm");
    private static final Pattern MARK = Pattern.compile("canary-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");

    private final VMTemplate template = Lab.tiny("pooled");
    private final Map<UUID, String> looks = new ConcurrentHashMap<>();
    private final Set<String> draws = ConcurrentHashMap.newKeySet();
    private final Map<UUID, Tenant> last = new ConcurrentHashMap<>();
    private final AtomicInteger leases = new AtomicInteger();

    /** Two tenants at a time, each of whom leaves in every way that there is what the next must not find. */
    @Test
    void acquire_vmThatWasLentBefore_showsNothingOfEarlierTenants() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VMPool pool = new VMPool.Builder(hypervisor, template)
                        .min(0)
                        .max(VMS)
                        .maxUses(10_000)
                        .launchOptions(LaunchOptions.standard().withTimeout(PATIENCE))
                        .open()) {
            List<CompletableFuture<Void>> tenants = IntStream.range(0, VMS)
                    .mapToObj(number -> CompletableFuture.runAsync(() -> lendAll(pool)))
                    .toList();
            for (CompletableFuture<Void> one : tenants) {
                one.get();
            }

            PoolMetrics metrics = pool.metrics();
            System.out.printf("%s; %d of as many random numbers differ%n", metrics, draws.size());
            assertThat(metrics.acquired()).isEqualTo(LEASES);
            assertThat(metrics.resetsFailed()).as("%s", metrics).isZero();
            assertThat(metrics.launches())
                    .as("VMs, each lent again and again: %s", metrics)
                    .isEqualTo(VMS);
            assertThat(metrics.resets()).isGreaterThanOrEqualTo(LEASES - 2 * VMS);
        }
        Leftovers.assertNone();
    }

    private void lendAll(VMPool pool) {
        for (int number = leases.incrementAndGet(); number <= LEASES; number = leases.incrementAndGet()) {
            try (VMLease lease = pool.acquire(PATIENCE)) {
                lend(lease.vm());
                System.out.printf("lease %d of %d%n", number, LEASES);
            } catch (Exception | AssertionError e) {
                throw new IllegalStateException("lease " + number, e);
            }
        }
    }

    private void lend(VM vm) throws Exception {
        Tenant tenant = new Tenant(vm);
        int arrived = earlier(vm).map(Tenant::arrived).orElse(0);
        assertThat(GuestMemory.of(vm.name()).find("canary-", MARK)).as("memory").isEmpty();
        assertThat(filesWithMarks(vm)).as("disks and saved memory").isEmpty();
        assertThat(flowsWithTraces(vm)).as("connections that the host tracks").isEmpty();
        tenant.assertClockIsRight();
        Lab.awaitNetwork(vm);
        assertThat(tenant.look()).isEqualTo(looks.computeIfAbsent(vm.id(), id -> tenant.look()));
        String drawn = tenant.draw();
        assertThat(draws.add(drawn) || vm.warnings().stream().anyMatch(warning -> warning.contains("random numbers")))
                .as("drawn for the first time, or warned of: %s", drawn)
                .isTrue();
        tenant.assertPolicyIsTheTemplates(template.networkPolicy());

        tenant.leaveTraces();

        assertThat(GuestMemory.of(vm.name()).find("canary-", MARK)).as("memory").contains(tenant.mark());
        assertThat(filesWithMarks(vm)).as("disks and saved memory").isNotEmpty();
        assertThat(flowsWithTraces(vm)).as("connections that the host tracks").isNotEmpty();
        assertThat(earlier(vm).map(Tenant::arrived).orElse(0))
                .as("what the tenant before has sent since")
                .isEqualTo(arrived);
        last.put(vm.id(), tenant);
    }

    private Optional<Tenant> earlier(VM vm) {
        return Optional.ofNullable(last.get(vm.id()));
    }

    private static List<String> filesWithMarks(VM vm) {
        String grep = "grep -l -a -E 'canary-[0-9a-f]{8}' " + VOLUMES + "/" + vm.id() + "*";
        return Lab.host("sh", "-c", grep + "; true").lines().toList();
    }

    private static List<String> flowsWithTraces(VM vm) {
        String address = vm.attachment().orElseThrow().address().toString();
        return Lab.host("conntrack", "-L", "-s", address)
                .lines()
                .filter(line -> line.contains("dport=8080 "))
                .toList();
    }
}
