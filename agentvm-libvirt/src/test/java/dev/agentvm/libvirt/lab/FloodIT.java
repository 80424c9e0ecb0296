package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkAttachment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Each launch makes libvirt unlink the IP rules of all VMs for a moment. */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
@FirstFailureCounts
class FloodIT {
    private static final IPv4Address WWW = IPv4Address.of(Lab.fact("WWW_ADDRESS"));
    private static final int CLOSED = 8080;

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    /** What leaves in such a moment is TCP that belongs to no connection; whatever data it carries, nobody answers it. */
    @Test
    void flood_whileOthersLaunch_connectsToNothing_andBringsNoDatagramOut() throws IOException {
        String udp = HostileFrames.word();
        String opening = HostileFrames.word();
        String segment = HostileFrames.word();
        String spoken = HostileFrames.word();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM flooding = hypervisor.launch(Lab.tiny("flooding"));
                Capture outside = new Capture(Lab.fact("LAB_OUTSIDE_INTERFACE"))) {
            Lab.awaitNetwork(flooding);
            IPv4Address own = flooding.attachment().orElseThrow().address();
            long connections = connections();
            flood(flooding, Frames.udp(own, WWW, CLOSED, udp));
            flood(flooding, Frames.opening(own, WWW, CLOSED, opening));
            flood(flooding, Frames.segment(own, WWW, CLOSED, segment));
            flood(flooding, "echo " + spoken + " | nc " + WWW + " " + CLOSED + " >>/tmp/answers");
            for (int i = 0; i < (Lab.soak() ? 20 : 4); i++) {
                hypervisor.launch(Lab.tiny("other-" + i)).close();
            }
            assertThat(outside.saw(opening) && outside.saw(segment))
                    .as("the moment was met: segments without a connection have left in it")
                    .isTrue();
            assertThat(connections()).isEqualTo(connections);
            assertThat(Lab.output(flooding, Command.of("cat", "/tmp/answers"))).isEmpty();
            for (String word : List.of(udp, opening, segment, spoken)) {
                assertThat(Lab.arrived(word)).isEmpty();
            }
            assertThat(outside.saw(udp)).isFalse();

            Lab.unfilter(flooding);
            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> outside.saw(udp)
                            && !Lab.arrived(udp).isEmpty()
                            && !Lab.arrived(spoken).isEmpty()
                            && connections() > connections
                            && !Lab.output(flooding, Command.of("cat", "/tmp/answers"))
                                    .isEmpty());
        }
    }

    /** Lets the guest send that packet to its gateway again and again, hundreds of times a second. */
    static void flood(VM vm, byte[] packet) {
        NetworkAttachment own = vm.attachment().orElseThrow();
        byte[] frame = Frames.ethernet(Lab.gatewayMac(vm), own.mac(), Frames.IPV4, packet);
        flood(vm, "probe frame eth0 " + HexFormat.of().formatHex(frame) + " 100; usleep 10000");
    }

    private static void flood(VM vm, String command) {
        Lab.output(vm, Command.shell("(while :; do " + command + "; done) >/dev/null 2>&1 &"));
    }

    /** How many connections the closed port has had. */
    private static long connections() throws IOException {
        return Files.readAllLines(Path.of(Lab.environment("AGENTVM_LAB_INTERNET_LOG"))).stream()
                .filter(line -> line.contains(" tcp-open ") && line.contains(WWW + ":" + CLOSED + " "))
                .count();
    }
}
