package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchListener;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.VM;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.ConnectionAttempt;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a real guest tries is written down, all of it and nothing else. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class ConnectionLogIT {
    private static final int IPV6 = 0x86dd;
    private static final String PRIVATE = "10.77.0.5";

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @Test
    void connectionLog_hostileGuest_hasEachAttemptOnceWithItsVerdict() {
        String www = Lab.fact("WWW_ADDRESS");
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("watched"))) {
            Lab.awaitNetwork(vm);
            NetworkAttachment card = vm.attachment().orElseThrow();
            String gateway = card.gateway().orElseThrow().toString();
            int before = attempts(vm).size();
            List<String> expected = new ArrayList<>();

            Lab.probe(vm, "tcp", www, "443");
            expected.add("FROM_VM tcp " + www + ":443 ALLOWED");
            Lab.probe(vm, "tcp", www, "8080");
            expected.add("FROM_VM tcp " + www + ":8080 REFUSED");
            Lab.probe(vm, "tcp", PRIVATE, "443", "300");
            expected.add("FROM_VM tcp " + PRIVATE + ":443 DROPPED");
            Lab.probe(vm, "tcp", gateway, "22", "300");
            expected.add("FROM_VM tcp " + gateway + ":22 DROPPED");
            Lab.probe(vm, "udp", www, "8080", "hello", "300");
            expected.add("FROM_VM udp " + www + ":8080 DROPPED");
            Lab.probe(vm, "dns", gateway, Lab.fact("WWW_NAME"));
            expected.add("FROM_VM udp " + gateway + ":53 ALLOWED");
            Lab.probe(vm, "ping", www);
            expected.add("FROM_VM icmp " + www + ":8 ALLOWED");

            MacAddress own = card.mac();
            MacAddress wrong = MacAddress.of("52:54:00:00:00:07");
            IPv4Address stranger = IPv4Address.of("192.168.101.250");
            IPv4Address to = IPv4Address.of(www);
            Lab.send(vm, Frames.ethernet(Frames.BROADCAST, own, 0x88b5, new byte[46]));
            expected.add("FROM_VM ethertype 88b5 DROPPED");
            Lab.send(vm, Frames.ethernet(Frames.BROADCAST, own, 0x8100, new byte[] {0, 7, 8, 0, 69, 0, 0, 0, 0}));
            expected.add("FROM_VM ethertype 8100 DROPPED");
            Lab.send(vm, Frames.arp(own, card.gateway().orElseThrow(), "mine"));
            expected.add("FROM_VM ethertype 806 DROPPED");
            // The second differs from the first in nothing but its false MAC address.
            byte[] question = Frames.udp(card.address(), to, 53, "x");
            for (MacAddress from : List.of(own, wrong)) {
                Lab.send(vm, Frames.ethernet(Frames.BROADCAST, from, Frames.IPV4, question));
                expected.add("FROM_VM udp " + www + ":53 DROPPED");
            }
            Lab.send(vm, Frames.ethernet(Frames.BROADCAST, own, IPV6, Frames.ipv6("x")));
            Lab.send(vm, Frames.ethernet(Frames.BROADCAST, own, Frames.IPV4, Frames.udp(stranger, to, 54, "x")));
            expected.add("FROM_VM udp " + www + ":54 DROPPED");
            Lab.send(
                    vm,
                    Frames.ethernet(Frames.BROADCAST, own, Frames.IPV4, Frames.packet(card.address(), to, 47, "x")));
            expected.add("FROM_VM protocol 47 " + www + " DROPPED");

            Awaitility.await()
                    .atMost(Duration.ofSeconds(5))
                    .untilAsserted(() -> assertThat(attempts(vm).stream().skip(before))
                            .containsExactlyInAnyOrderElementsOf(expected));
            assertThat(vm.connectionLog().lost()).isZero();
            assertThat(vm.connectionLog().limitation()).isEmpty();
            assertThat(vm.connectionLog().attempts())
                    .filteredOn(attempt -> attempt.flow().etherType() == IPV6)
                    .isNotEmpty()
                    .allSatisfy(attempt -> assertThat(
                                    attempt.verdict().orElseThrow().allowed())
                            .isFalse());
        }
    }

    @Test
    void connectionLog_guestThatHasNotRunYet_isReadAlready() {
        List<String> seen = new ArrayList<>();
        LaunchListener beforeTheResume = (step, sinceStart) -> {
            if (step == LaunchStep.POLICY_VERIFIED) {
                seen.add(Lab.host("virsh", "qemu-monitor-command", "early", "--hmp", "info status"));
                seen.add(packetSocketsAt(Lab.tap("early")) + " socket");
            }
        };
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(
                        Lab.tiny("early"), LaunchOptions.standard().withListener(beforeTheResume))) {
            assertThat(seen).containsExactly("VM status: paused (prelaunch)", "1 socket");
            Lab.awaitNetwork(vm);
            assertThat(attempts(vm)).contains("FROM_VM udp 255.255.255.255:67 ALLOWED");
        }
    }

    /** Its columns: socket, references, type, protocol, interface, running, … (packet_seq_show of the kernel). */
    private static long packetSocketsAt(String tap) {
        try (Stream<String> sockets = Files.lines(Path.of("/proc/net/packet"))) {
            String index =
                    Files.readString(Path.of("/sys/class/net", tap, "ifindex")).strip();
            return sockets.map(line -> line.trim().split(" +"))
                    .filter(column -> column[4].equals(index) && column[5].equals("1"))
                    .count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A guest speaks IPv6 by itself, when it likes. */
    private static List<String> attempts(VM vm) {
        return vm.connectionLog().attempts().stream()
                .filter(attempt -> attempt.flow().etherType() != IPV6)
                .map(ConnectionLogIT::line)
                .toList();
    }

    private static String line(ConnectionAttempt attempt) {
        Flow flow = attempt.flow();
        String what = switch (flow.ipProtocol().orElse(-1)) {
            case Flow.TCP -> "tcp " + end(flow, flow.destinationPort());
            case Flow.UDP -> "udp " + end(flow, flow.destinationPort());
            case Flow.ICMP -> "icmp " + end(flow, flow.icmpType());
            case -1 -> "ethertype " + Integer.toHexString(flow.etherType());
            default ->
                "protocol " + flow.ipProtocol().getAsInt() + " "
                        + flow.destination().orElseThrow();
        };
        return flow.direction() + " " + what + " "
                + attempt.verdict().orElseThrow().outcome();
    }

    private static String end(Flow flow, OptionalInt port) {
        return flow.destination().orElseThrow() + ":" + port.getAsInt();
    }
}
