package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.io.File;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Many launches, in a row and at once: none fails, and nothing is left in the host or in this program. */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class ManyLaunchesIT {
    private static final int IN_A_ROW = Lab.soak() ? 100 : 10;
    private static final int AT_ONCE = 8;

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @Test
    void launch_manyInARow_leaveNeitherDescriptorsNorThreads() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            launchAndClose(hypervisor, "warm-up");
            int descriptors = descriptors();
            int threads = threads();

            for (int i = 0; i < IN_A_ROW; i++) {
                launchAndClose(hypervisor, "vm-" + i);
                Leftovers.assertNone();
            }

            Awaitility.await().atMost(Duration.ofSeconds(15)).untilAsserted(() -> {
                assertThat(descriptors()).as("file descriptors").isLessThanOrEqualTo(descriptors);
                assertThat(threads()).as("threads: %s", threadNames()).isLessThanOrEqualTo(threads);
            });
        }
    }

    @Test
    void launch_manyAtOnce_allWorkOnAddressesOfTheirOwn() throws Exception {
        ExecutorService callers = Executors.newFixedThreadPool(AT_ONCE);
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            List<Future<VM>> launches = new ArrayList<>();
            for (int i = 0; i < AT_ONCE; i++) {
                String name = "vm-" + i;
                launches.add(callers.submit(() -> hypervisor.launch(Lab.tiny(name))));
            }
            List<VM> vms = new ArrayList<>();
            for (Future<VM> launch : launches) {
                vms.add(launch.get());
            }

            assertThat(vms)
                    .extracting(vm -> vm.attachment().orElseThrow().address())
                    .doesNotHaveDuplicates();
            for (VM vm : vms) {
                assertThat(Lab.output(vm, Command.of("echo", vm.name()))).isEqualTo(vm.name());
            }
        } finally {
            callers.shutdownNow();
        }
    }

    @Test
    void connect_manyTimes_leavesNeitherDescriptorsNorThreads() {
        LibvirtHypervisor.connect().close();
        int descriptors = descriptors();
        int threads = threads();

        for (int i = 0; i < 20; i++) {
            LibvirtHypervisor.connect().close();
        }

        Awaitility.await().atMost(Duration.ofSeconds(15)).untilAsserted(() -> {
            assertThat(descriptors()).isLessThanOrEqualTo(descriptors);
            assertThat(threads()).isLessThanOrEqualTo(threads);
        });
        assertThat(Leftovers.owners()).isEmpty();
    }

    private static void launchAndClose(Hypervisor hypervisor, String name) {
        try (VM vm = hypervisor.launch(Lab.tiny(name))) {
            assertThat(Lab.output(vm, Command.of("echo", name))).isEqualTo(name);
        }
    }

    private static int descriptors() {
        return Objects.requireNonNull(new File("/proc/self/fd").list()).length;
    }

    private static int threads() {
        return threadNames().size();
    }

    /** Without the JVM's own, whose number depends on what it compiles. */
    private static List<String> threadNames() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("agentvm"))
                .sorted()
                .toList();
    }
}
