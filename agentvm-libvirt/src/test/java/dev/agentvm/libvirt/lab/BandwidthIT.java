package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.withinPercentage;

import dev.agentvm.Command;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.DataRate;
import dev.agentvm.network.NetworkMode;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Bandwidth limits, measured in both directions between a guest and the pretend Internet.
 *
 * <p>What libvirt asks of the kernel goes through {@code lab/stand-in/tc}, which puts a queue that the kernel has in the
 * place of one that it lacks; so here the host is made to look as if it lacked none.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class BandwidthIT {
    private static final String WWW = Lab.fact("WWW_ADDRESS");
    private static final String MODULES = "sch_htb sch_sfq sch_ingress cls_fw cls_u32 act_police";
    /** In which what may pass at full speed at first has passed. */
    private static final long WARM_UP_MILLIS = 3000;

    private static final long MEASURED_MILLIS = 5000;
    private static final BandwidthLimit LIMIT = megabits(8, 4).required();
    private static final VMTemplate TEMPLATE = Lab.tiny("limited").withBandwidth(LIMIT);

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @Test
    void limits_measured_areKeptInBothDirections_andChangeWhileTheVMRuns() throws Exception {
        onHostThatShapes(() -> {
            try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                    VM vm = hypervisor.launch(TEMPLATE)) {
                Lab.awaitNetwork(vm);
                assertThat(vm.warnings())
                        .noneSatisfy(warning -> assertThat(warning).contains("bandwidth"));
                assertKept(vm, 8, 4);

                vm.setBandwidth(megabits(3, 6));
                assertKept(vm, 3, 6);

                vm.setBandwidth(BandwidthLimit.unlimited());
                assertThat(download(vm)).isGreaterThan(12);
                assertThat(upload(vm)).isGreaterThan(12);
                assertThat(vm.warnings())
                        .noneSatisfy(warning -> assertThat(warning).contains("bandwidth"));
            }
            assertThat(Lab.host("ip", "-brief", "link")).doesNotContain("avm");
        });
    }

    @Test
    void limits_onACallersBridge_areKeptInBothDirections() throws Exception {
        VMTemplate bridged = TEMPLATE.withNetworkMode(NetworkMode.bridge(Lan.BRIDGE, Lab.fact("DNS_ADDRESS")));
        onHostThatShapes(() -> {
            try (Lan lan = new Lan()) {
                lan.serveDhcp("10.44.0.100", "10.44.0.150");
                try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                        VM vm = hypervisor.launch(bridged)) {
                    Lab.awaitNetwork(vm);
                    assertKept(vm, 8, 4);
                }
            }
        });
    }

    @Test
    void limit_onHostThatCannotShape_isRefusedIfRequired_andWarnedOfElse() throws Exception {
        onHostThatCannotShape(() -> {
            try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                    VM vm = hypervisor.launch(Lab.tiny("wishful").withBandwidth(megabits(8, 4)))) {
                assertThat(vm.warnings())
                        .anySatisfy(warning -> assertThat(warning).contains("bandwidth", "sch_sfq", "act_police"));
                assertThatExceptionOfType(HostNotReadyException.class)
                        .isThrownBy(() -> hypervisor.launch(TEMPLATE))
                        .withMessageContainingAll("bandwidth", "sch_sfq", "BandwidthLimit.unlimited()");
                assertThatExceptionOfType(HostNotReadyException.class).isThrownBy(() -> vm.setBandwidth(LIMIT));
            }
        });
    }

    private static BandwidthLimit megabits(long down, long up) {
        return BandwidthLimit.of(DataRate.megabitsPerSecond(down), DataRate.megabitsPerSecond(up));
    }

    private static void assertKept(VM vm, int down, int up) throws InterruptedException {
        assertThat(download(vm)).as("Mbit/s down").isCloseTo(down, withinPercentage(15));
        assertThat(upload(vm)).as("Mbit/s up").isCloseTo(up, withinPercentage(15));
    }

    /** Mbit/s that reach the guest. */
    private static double download(VM vm) throws InterruptedException {
        return during(
                vm,
                "wget -q -O /dev/null http://" + WWW + "/bytes/100000000000",
                () -> bytes(Lab.output(vm, Command.of("cat", "/sys/class/net/eth0/statistics/rx_bytes"))));
    }

    /** Mbit/s that leave the host, to which nothing but the guest adds. */
    private static double upload(VM vm) throws InterruptedException {
        return during(
                vm,
                "(printf 'PUT / HTTP/1.0\\r\\nContent-Length: 100000000000\\r\\n\\r\\n'; cat /dev/zero) | nc " + WWW
                        + " 80",
                () -> bytes(Lab.host(
                        "cat", "/sys/class/net/" + Lab.fact("LAB_OUTSIDE_INTERFACE") + "/statistics/tx_bytes")));
    }

    private static double during(VM vm, String traffic, LongSupplier bytes) throws InterruptedException {
        String process = Lab.output(vm, Command.shell(traffic + " >/dev/null 2>&1 & echo $!"));
        Thread.sleep(WARM_UP_MILLIS);
        long before = bytes.getAsLong();
        long start = System.nanoTime();
        Thread.sleep(MEASURED_MILLIS);
        double rate = (bytes.getAsLong() - before) * 8e3 / (System.nanoTime() - start);
        Lab.output(vm, Command.of("kill", process));
        return rate;
    }

    private static long bytes(String count) {
        return Long.parseLong(count);
    }

    private static void onHostThatShapes(Lab.Body body) throws Exception {
        withModules("mkdir $module; touch $module/uevent", body);
    }

    private static void onHostThatCannotShape(Lab.Body body) throws Exception {
        // A device of that kind hides what is below it.
        withModules("mknod $module c 0 0", body);
    }

    /** Shows another list of the kernel's modules: each that limits need is changed as {@code change} says. */
    private static void withModules(String change, Lab.Body body) throws Exception {
        String directory = Lab.host("mktemp", "-d", "/run/modules.XXXXXX");
        Lab.host(
                "sh",
                "-ec",
                "cd " + directory + "; mkdir upper work none; cd upper; for module in " + MODULES + "; do " + change
                        + "; done; mount -t overlay -o lowerdir=/sys/module,upperdir=" + directory
                        + "/upper,workdir=" + directory + "/work modules /sys/module;"
                        + " [ ! -d /lib/modules ] || mount --bind " + directory + "/none /lib/modules");
        try {
            body.run();
        } finally {
            Lab.host("sh", "-ec", "umount -l /sys/module; [ ! -d /lib/modules ] || umount -l /lib/modules");
        }
    }
}
