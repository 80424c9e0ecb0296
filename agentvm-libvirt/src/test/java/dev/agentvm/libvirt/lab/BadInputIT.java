package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.AgentVMException;
import dev.agentvm.GuestImage;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.Hypervisor;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.ImageNotFoundException;
import dev.agentvm.InvalidTemplateException;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.VM;
import dev.agentvm.VMAlreadyExistsException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.HostCheck;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.Cidr;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What goes wrong is said, with how to mend it, and leaves nothing behind. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class BadInputIT {
    private static final Path TINY = Path.of("/var/lib/agentvm/images/tiny");

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @Test
    void launch_unknownImage_saysWhereItLooked() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            assertThatExceptionOfType(ImageNotFoundException.class)
                    .isThrownBy(() -> hypervisor.launch(Lab.tiny("vm").withImage(GuestImage.named("nosuch"))))
                    .withMessageContainingAll("HOST_CHECKED", "nosuch", "/var/lib/agentvm/images", "tiny");
        }
    }

    @Test
    void launch_nameTakenByAForeignDomain_leavesItAlone() throws IOException {
        Path xml = Files.writeString(
                Files.createTempFile("foreign", ".xml"),
                "<domain type='qemu'><name>taken</name><memory unit='MiB'>64</memory>"
                        + "<os><type arch='x86_64'>hvm</type></os></domain>");
        Lab.host("virsh", "create", "--paused", xml.toString());
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            assertThatExceptionOfType(VMAlreadyExistsException.class)
                    .isThrownBy(() -> hypervisor.launch(Lab.tiny("taken")))
                    .withMessageContaining("taken");
            assertThat(hypervisor.find("taken")).isEmpty();
            assertThat(hypervisor.reap().isEmpty()).isTrue();
            assertThat(Lab.host("virsh", "list", "--name")).contains("taken");
        } finally {
            Lab.host("virsh", "destroy", "taken");
        }
    }

    @Test
    void launch_twoOfTheSameNameAtOnce_oneWins() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            AtomicReference<Throwable> failure = new AtomicReference<>();
            Thread other = new Thread(() -> {
                try {
                    hypervisor.launch(Lab.tiny("twin"));
                } catch (AgentVMException e) {
                    failure.set(e);
                }
            });
            other.start();
            try {
                hypervisor.launch(Lab.tiny("twin"));
            } catch (AgentVMException e) {
                failure.set(e);
            }
            other.join();

            assertThat(failure.get()).isInstanceOf(VMAlreadyExistsException.class);
            assertThat(hypervisor.list()).hasSize(1);
        }
    }

    @Test
    void launch_guestWithoutAgent_timesOutWithTheEndOfItsSerialLog() {
        VMTemplate template = Lab.tiny("mute")
                .withImage(GuestImage.kernel(
                        TINY.resolve("vmlinuz"), TINY.resolve("initrd"), "console=ttyS0 rdinit=/bin/sleep -- 1000"));
        LaunchOptions options =
                new LaunchOptions.Builder().timeout(Duration.ofSeconds(25)).build();

        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            assertThatExceptionOfType(OperationTimeoutException.class)
                    .isThrownBy(() -> hypervisor.launch(template, options))
                    .withMessageContainingAll("AGENT_READY", "25 s", "qemu-guest-agent", "  | ");
        }
    }

    @Test
    void launch_guestThatPanics_failsAtOnceWithTheEndOfItsSerialLog() {
        VMTemplate template = Lab.tiny("panic")
                .withImage(GuestImage.kernel(
                        TINY.resolve("vmlinuz"), TINY.resolve("initrd"), "console=ttyS0 panic=-1 rdinit=/bin/false"));

        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            assertThatExceptionOfType(VMDestroyedException.class)
                    .isThrownBy(() -> hypervisor.launch(template))
                    .withMessageContainingAll("AGENT_READY", "panic");
        }
    }

    @Test
    void launch_diskSmallerThanTheImage_isRefused() {
        Path large = Path.of("/var/lib/agentvm/images/large.qcow2");
        Lab.host("qemu-img", "create", "-f", "qcow2", large.toString(), "5G");
        VMTemplate template = Lab.tiny("small").withImage(GuestImage.disk(large));

        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            assertThatExceptionOfType(InvalidTemplateException.class)
                    .isThrownBy(() -> hypervisor.launch(template))
                    .withMessageContainingAll("diskGiB", "at least 5");
        } finally {
            Lab.host("rm", large.toString());
        }
    }

    @Test
    void launch_fullDisk_saysSo() throws IOException {
        Path small = Files.createTempDirectory("full");
        Lab.host("mount", "-t", "tmpfs", "-o", "size=64k,mode=711", "tmpfs", small.toString());
        Files.write(small.resolve("filler"), new byte[60 * 1024]);
        try (Hypervisor hypervisor = new LibvirtHypervisor.Builder()
                .storagePool("full", small.resolve("pool"))
                .connect()) {
            assertThatExceptionOfType(AgentVMException.class)
                    .isThrownBy(() -> hypervisor.launch(Lab.tiny("full")))
                    .withMessageContainingAll("DISK_MADE", "space");
        } finally {
            Lab.host("sh", "-c", "virsh pool-destroy full; virsh pool-undefine full; umount -l " + small);
        }
    }

    @Test
    void launch_libvirtdKilledMeanwhile_failsAndLeavesNothing() throws Exception {
        AtomicReference<Daemon.Start> start = new AtomicReference<>();
        LaunchOptions options = new LaunchOptions.Builder()
                .listener((step, time) -> {
                    if (step == LaunchStep.POLICY_DEFINED) {
                        try {
                            start.set(Daemon.stop("KILL"));
                        } catch (IOException e) {
                            throw new IllegalStateException(e);
                        }
                    }
                })
                .build();
        Hypervisor hypervisor = LibvirtHypervisor.connect();
        assertThatExceptionOfType(HypervisorUnavailableException.class)
                .isThrownBy(() -> hypervisor.launch(Lab.tiny("interrupted"), options))
                .withMessageContaining("DOMAIN_CREATED");
        start.get().start();
        assertThat(hypervisor.reap().failed()).isEmpty();
        Leftovers.assertNone();
        hypervisor.close();
    }

    @Test
    void launch_listenerThrows_undoesWhatWasDone() {
        for (LaunchStep step : LaunchStep.values()) {
            LaunchOptions options = new LaunchOptions.Builder()
                    .listener((done, time) -> {
                        if (done == step) {
                            throw new IllegalStateException("stop at " + step);
                        }
                    })
                    .build();
            try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
                assertThatExceptionOfType(IllegalStateException.class)
                        .isThrownBy(() -> hypervisor.launch(Lab.tiny("stopped"), options));
                Leftovers.assertNone();
            }
        }
    }

    @Test
    void launch_interrupted_undoesWhatWasDoneAndKeepsTheInterrupt() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            for (LaunchStep step : LaunchStep.values()) {
                if (step == LaunchStep.AGENT_READY) {
                    continue;
                }
                LaunchOptions options = new LaunchOptions.Builder()
                        .listener((done, time) -> {
                            if (done == step) {
                                Thread.currentThread().interrupt();
                            }
                        })
                        .build();
                AtomicReference<Boolean> interrupted = new AtomicReference<>();
                Thread caller = new Thread(() -> {
                    try (VM vm = hypervisor.launch(Lab.tiny("interrupted"), options)) {
                        throw new AssertionError("launched " + vm);
                    } catch (AgentVMException e) {
                        interrupted.set(Thread.currentThread().isInterrupted());
                    }
                });
                caller.start();
                caller.join();
                assertThat(interrupted.get()).as("after %s", step).isTrue();
                Leftovers.assertNone();
            }
        }
    }

    @Test
    void launch_confinementRequiredWhereThereIsNone_isRefused() {
        try (Hypervisor hypervisor =
                new LibvirtHypervisor.Builder().requireConfinement().connect()) {
            assertThatExceptionOfType(HostNotReadyException.class)
                    .isThrownBy(() -> hypervisor.launch(Lab.tiny("confined")))
                    .withMessageContainingAll("AppArmor", "To mend it");
        }
    }

    @Test
    void launch_subnetTaken_saysByWhat() {
        LibvirtHypervisor.Builder builder =
                new LibvirtHypervisor.Builder().network("taken").subnet(Cidr.of("10.77.0.0/24"));
        try (Hypervisor hypervisor = builder.connect()) {
            // As a VPN has its routes.
            Lab.host("ip", "route", "add", "10.77.0.128/25", "dev", "lo", "table", "52");
            assertThat(HostCheck.run(builder, Lab.tiny("taken")).toString())
                    .contains("FATAL   network: The subnet 10.77.0.0/24 is taken by a route of table 52");
            Lab.host("ip", "route", "flush", "table", "52");
            Lab.host("ip", "route", "add", "10.77.0.0/25", "dev", Lab.fact("LAB_OUTSIDE_INTERFACE"));
            assertThatExceptionOfType(HostNotReadyException.class)
                    .isThrownBy(() -> hypervisor.launch(Lab.tiny("taken")))
                    .withMessageContainingAll("10.77.0.0/24", "taken by", Lab.fact("LAB_OUTSIDE_INTERFACE"));
        } finally {
            Lab.host("ip", "route", "del", "10.77.0.0/25");
        }
    }

    @Test
    void close_hypervisorDuringLaunches_undoesThemAndThenCloses() throws Exception {
        for (LaunchStep step : List.of(LaunchStep.HOST_CHECKED, LaunchStep.DISK_MADE, LaunchStep.RESUMED)) {
            Hypervisor hypervisor = LibvirtHypervisor.connect();
            CountDownLatch reached = new CountDownLatch(1);
            LaunchOptions options = new LaunchOptions.Builder()
                    .listener((done, time) -> {
                        if (done == step) {
                            reached.countDown();
                        }
                    })
                    .build();
            AtomicReference<Throwable> failure = new AtomicReference<>();
            Thread caller = new Thread(() -> {
                try {
                    hypervisor.launch(Lab.tiny("cut-short"), options);
                } catch (AgentVMException e) {
                    failure.set(e);
                }
            });
            caller.start();
            reached.await();
            hypervisor.close();

            Leftovers.assertNone();
            caller.join();
            assertThat(failure.get()).as("after %s", step).hasMessageContaining("closed");
        }
    }

    @Test
    void close_callerInterruptedMeanwhile_isDoneToItsEnd() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            VM vm = hypervisor.launch(Lab.tiny("interrupted"));
            AtomicReference<Boolean> interrupted = new AtomicReference<>();
            Thread caller = new Thread(() -> {
                vm.close();
                interrupted.set(Thread.currentThread().isInterrupted());
            });
            caller.start();
            while (caller.isAlive()) {
                caller.interrupt();
                Thread.sleep(10);
            }

            Leftovers.assertNone();
            assertThat(interrupted.get()).isTrue();
        }
    }

    @Test
    void connect_withoutTheRight_saysWhoAndHowToGetIt() throws Exception {
        // The capability lets it read the class path, which is not its own; it gives no right to a socket.
        Process stranger = new ProcessBuilder(
                        "setpriv",
                        "--reuid=65534",
                        "--regid=65534",
                        "--clear-groups",
                        "--inh-caps=-all,+dac_read_search",
                        "--ambient-caps=+dac_read_search",
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:-UsePerfData",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Stranger.class.getName())
                .redirectErrorStream(true)
                .start();
        String output = new String(stranger.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertThat(stranger.waitFor()).as(output).isEqualTo(3);
        assertThat(output).contains("libvirt-sock", "group", "libvirt");
    }

    /** A program of a user who may not use libvirt. */
    static final class Stranger {
        private Stranger() {}

        /** Ends with status 3 and the message, if it is refused. */
        public static void main(String[] args) {
            try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
                System.out.println("connected: " + hypervisor.list());
            } catch (HypervisorUnavailableException e) {
                System.out.println(e.getMessage());
                System.exit(3);
            }
        }
    }

    @Test
    void connect_noLibvirt_saysWhatWasTriedAndHowToMendIt() throws IOException {
        assertThatExceptionOfType(HypervisorUnavailableException.class)
                .isThrownBy(() -> new LibvirtHypervisor.Builder()
                        .uri("qemu+unix:///system?socket=/nonexistent/libvirt-sock")
                        .connect())
                .withMessageContaining("/nonexistent/libvirt-sock");
    }

    @Test
    void connect_unwritableStateDirectory_isRefused() {
        assertThatExceptionOfType(HypervisorUnavailableException.class)
                .isThrownBy(() -> new LibvirtHypervisor.Builder()
                        .stateDirectory(Path.of("/proc/agentvm"))
                        .connect())
                .withMessageContainingAll("/proc/agentvm", "stateDirectory(");
    }
}
