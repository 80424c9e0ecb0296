package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.LaunchOptions;
import dev.agentvm.VM;
import dev.agentvm.libvirt.internal.capture.TapWatcher;
import dev.agentvm.libvirt.lab.Lab;
import dev.agentvm.libvirt.lab.Leftovers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Each frame that the kernel has counted from a guest, from the first that its tap passed on, was read or is counted. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class FirstFramesIT {
    private static final int LAUNCHES = Lab.soak() ? 20 : 1;
    private static final int RESTORES = 2;
    /** Its address, and its questions for neighbours and routers. */
    private static final long OF_A_BOOT = 2;

    private static final long OF_A_SENDER = 100;
    /** Frames of an ethertype that no policy lets pass, until it is told that they are enough. */
    private static final Command SEND = Command.shell("""
            (until [ -e /tmp/enough ]; do
              probe frame eth0 ffffffffffff$(tr -d : </sys/class/net/eth0/address)88b5$(printf %092d 0) 5
            done) >/dev/null 2>&1 &
            """);

    private final CountedTaps taps = new CountedTaps();

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    private LibvirtHost connect() {
        Settings settings = LabSettings.standard();
        Parts parts = Parts.open(settings);
        parts.taps().close();
        Parts counted = new Parts(
                parts.libvirt(),
                parts.journals(),
                parts.images(),
                parts.volumes(),
                parts.networking(),
                new TapWatcher(settings.clock(), taps),
                parts.events(),
                parts.sampling(),
                parts.requirements(),
                settings.clock());
        return new LibvirtHost(
                counted, GuardProgram.guard(settings, parts.journals().ownerId()), settings.metrics());
    }

    /** What is restored was sending, and does so from its first instruction on. */
    @Test
    void launchAndRestore_framesOfTheGuest_areAllRead() {
        try (LibvirtHost host = connect()) {
            for (int i = 0; i < LAUNCHES; i++) {
                try (VM vm = host.launch(
                        Lab.tiny("sending-" + i), LaunchOptions.standard().withResettable(true))) {
                    assertAllRead(vm, OF_A_BOOT);
                    Lab.output(vm, SEND);
                    vm.snapshot("sending");
                    for (int j = 0; j < RESTORES; j++) {
                        vm.restore("sending");
                        Awaitility.await().until(() -> sent(vm) >= OF_A_SENDER);
                        Lab.output(vm, Command.of("touch", "/tmp/enough"));
                        assertAllRead(vm, OF_A_SENDER);
                    }
                }
            }
        }
    }

    private void assertAllRead(VM vm, long atLeast) {
        Awaitility.await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
            long sent = sent(vm);
            assertThat(sent).isGreaterThanOrEqualTo(atLeast);
            assertThat(taps.readOrLost(vm.id())).isEqualTo(sent);
        });
    }

    /** Since the tap is there, as the kernel has counted. */
    private static long sent(VM vm) throws IOException {
        Path counter = Path.of("/sys/class/net", Networking.tap(vm.id()), "statistics/rx_packets");
        return Long.parseLong(Files.readString(counter).strip());
    }
}
