package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.libvirt.HostCheck;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.FloorClause;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Protocol;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Policies on a real guest that is root and hostile. */
@FirstFailureCounts
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class PolicyIT {
    private static final int PORT = 9999;

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @Test
    void policy_withOpenings_opensThemAndNothingElse() throws IOException {
        String metadata = Lab.fact("METADATA_ADDRESS");
        NetworkPolicy policy = NetworkPolicy.agentDefault().toBuilder()
                .addRule(FilterRule.allow().tcp(8080).to("10.77.0.5").because("the build cache"))
                .addRule(FilterRule.allow().udp(8080).because("echo"))
                .build();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("openings").withNetworkPolicy(policy))) {
            Lab.awaitNetwork(vm);
            assertThat(Lab.probe(vm, "tcp", "10.77.0.5", "8080")).startsWith("open");
            assertThat(Lab.probe(vm, "tcp", "10.77.0.5", "80", "700")).isEqualTo("timeout");
            assertThat(Lab.probe(vm, "tcp", "172.16.5.5", "8080", "700")).isEqualTo("timeout");
            assertThat(Lab.probe(vm, "tcp", metadata, "80", "700")).isEqualTo("timeout");
            assertThat(Lab.probe(vm, "udp", Lab.fact("WWW_ADDRESS"), "8080", "hello"))
                    .isEqualTo("reply hello");
            assertThat(Lab.probe(vm, "udp", "10.77.0.5", "8080", "hello", "700"))
                    .isEqualTo("timeout");
            assertThat(Lab.probe(vm, "dns", gateway(vm), Lab.fact("REBIND_NAME")))
                    .as("an answer that leads into a private network")
                    .isEqualTo("NOERROR");
            assertThat(Lab.output(vm, Command.shell("hostname"))).isNotEmpty();
            assertUnreachable(vm);
        }
    }

    @Test
    void policy_dropping_answersNothing() throws IOException {
        NetworkPolicy policy =
                NetworkPolicy.agentDefault().toBuilder().denied(DenyAction.DROP).build();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("dropping").withNetworkPolicy(policy))) {
            Lab.awaitNetwork(vm);
            String www = Lab.fact("WWW_ADDRESS");
            assertThat(Lab.probe(vm, "tcp", www, "443")).startsWith("open");
            assertThat(Lab.probe(vm, "ping", www)).startsWith("reply");
            assertThat(Lab.probe(vm, "tcp", www, "8080", "700")).isEqualTo("timeout");
            assertThat(Lab.probe(vm, "tcp", "192.168.55.5", "443", "700")).isEqualTo("timeout");
            assertUnreachable(vm);
        }
    }

    @Test
    void connectionLimit_refusesWhatIsBeyondIt_andDisturbsNothingElse() {
        String www = Lab.fact("WWW_ADDRESS");
        NetworkPolicy limited =
                NetworkPolicy.agentDefault().toBuilder().connectionLimit(3).build();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("limited").withNetworkPolicy(limited))) {
            Lab.awaitNetwork(vm);
            for (int i = 1; i <= 3; i++) {
                assertThat(Lab.probe(vm, "tcp", www, "443")).startsWith("open");
                hold(vm, www, i);
            }
            assertThat(Lab.probe(vm, "tcp", www, "443")).isEqualTo("refused icmp");
            assertThat(Lab.probe(vm, "tcp", Lab.fact("GIT_ADDRESS"), "22")).isEqualTo("refused icmp");
            assertThat(Lab.probe(vm, "ping", www)).startsWith("reply");
            assertThat(Lab.probe(vm, "dns", gateway(vm), Lab.fact("WWW_NAME"))).isEqualTo(www);

            assertThat(Lab.output(
                            vm,
                            Command.shell(
                                    "printf 'GET / HTTP/1.0\\r\\n\\r\\n' >/tmp/in1; until grep -q HTTP/ /tmp/out1; do"
                                            + " sleep 0.1; done; kill $(cat /tmp/nc1); head -c 5 /tmp/out1")))
                    .as("a connection of before the limit was reached")
                    .isEqualTo("HTTP/");
            Awaitility.await()
                    .atMost(Duration.ofSeconds(20))
                    .until(() -> Lab.probe(vm, "tcp", www, "443").startsWith("open"));

            hold(vm, www, 4);
            assertThat(Lab.probe(vm, "tcp", www, "443")).isEqualTo("refused icmp");
            vm.setNetworkPolicy(limited.toBuilder().removeRule(ping()).build());
            assertThat(Lab.probe(vm, "tcp", www, "443"))
                    .as("connections of before a change are not counted")
                    .startsWith("open");
        }
    }

    private static FilterRule ping() {
        return NetworkPolicy.agentDefault().rules().stream()
                .filter(rule -> rule.protocol() == Protocol.ICMP_ECHO)
                .findFirst()
                .orElseThrow();
    }

    /** Opens a connection that stays; what is written to the guest's {@code /tmp/in} and that number goes there. */
    private static void hold(VM vm, String address, int number) {
        Lab.output(vm, Command.shell("""
                        mkfifo /tmp/in%1$d
                        (sleep 1000 >/tmp/in%1$d 2>&1 &)
                        (nc %2$s 80 </tmp/in%1$d >/tmp/out%1$d 2>&1 & echo $! >/tmp/nc%1$d)
                        until [ "$(netstat -tn | grep -c '%2$s:80 *ESTABLISHED')" = 3 ] || [ %1$d -lt 3 ]; do sleep 0.1; done
                        """.formatted(number, address)));
    }

    /** The kernel takes what is sent there for its own, whichever interface it comes by. */
    @Test
    void broadcastAddressOfAPublicSubnetOfTheHost_isClosed() throws Exception {
        NetworkPolicy policy = NetworkPolicy.agentDefault().toBuilder()
                .addRule(FilterRule.allow().udp(PORT).because("a service elsewhere that the host has too"))
                .build();
        String broadcast = "81.2.90.255";
        Lab.host(
                "sh",
                "-ec",
                "ip link add public0 type bridge; ip addr add 81.2.90.1/24 dev public0; ip link set public0 up");
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                DatagramSocket socket = new DatagramSocket(PORT);
                VM vm = hypervisor.launch(Lab.tiny("shouting").withNetworkPolicy(policy));
                VM unfiltered = hypervisor.launch(Lab.tiny("unfiltered"))) {
            Lab.awaitNetwork(vm);
            Lab.awaitNetwork(unfiltered);
            Lab.unfilter(unfiltered);
            socket.setSoTimeout(2000);
            NetworkAttachment attachment = vm.attachment().orElseThrow();
            assertThat(policy.evaluate(Flow.udp(broadcast, PORT), attachment).clause())
                    .contains(FloorClause.HOST);

            assertThat(Lab.probe(vm, "udp", broadcast, "" + PORT, "filtered", "300"))
                    .isEqualTo("timeout");
            assertThat(Lab.probe(unfiltered, "udp", broadcast, "" + PORT, "unfiltered", "300"))
                    .isEqualTo("timeout");

            DatagramPacket first = new DatagramPacket(new byte[100], 100);
            socket.receive(first);
            assertThat(new String(first.getData(), 0, first.getLength(), StandardCharsets.UTF_8))
                    .isEqualTo("unfiltered");
        } finally {
            Lab.host("ip", "link", "del", "public0");
        }
    }

    @Test
    void loopbackOfTheHost_isClosed_byTheKernelOrByTheFilter() throws Exception {
        NetworkPolicy policy = NetworkPolicy.agentDefault().toBuilder()
                .addRule(FilterRule.allow().udp(PORT).because("a probe of what the kernel refuses"))
                .build();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                DatagramSocket socket = new DatagramSocket(new InetSocketAddress("127.0.0.1", PORT));
                VM vm = hypervisor.launch(Lab.tiny("martian").withNetworkPolicy(policy));
                VM unfiltered = hypervisor.launch(Lab.tiny("unfiltered"))) {
            socket.setSoTimeout(1500);
            Lab.awaitNetwork(vm);
            Lab.awaitNetwork(unfiltered);
            Lab.unfilter(unfiltered);
            String bridge = Lab.host("sh", "-c", "ls /proc/sys/net/ipv4/conf | grep '^agentvm'");
            assertThat(arrives(unfiltered, socket, "127.0.0.1")).isFalse();
            Lab.withSysctl("net.ipv4.conf." + bridge + ".route_localnet", "1", () -> {
                assertThat(arrives(unfiltered, socket, "127.0.0.1"))
                        .as("the probe works once the kernel lets it")
                        .isTrue();
                Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> !arrives(vm, socket, "127.0.0.1"));
                try (VM later = hypervisor.launch(Lab.tiny("closed").withNetworkPolicy(policy))) {
                    Lab.awaitNetwork(later);
                    assertThat(arrives(later, socket, "127.0.0.1")).isFalse();
                }
            });
        }
    }

    @Test
    void hostCheck_lab_isReady() {
        HostCheck check = HostCheck.run();

        assertThat(check.isReady()).as(check.toString()).isTrue();
        long start = System.nanoTime();
        HostCheck.run();
        assertThat(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start)).isLessThan(5000);
    }

    /** Nobody starts a connection to the VM: its own sshd-like listener is up, and the host cannot reach it. */
    private static void assertUnreachable(VM vm) throws IOException {
        String address = vm.attachment().orElseThrow().address().toString();
        Lab.output(vm, Command.shell("(nc -l -p 2222 >/tmp/tcp 2>&1 &) ; sleep 0.3"));
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(address, 2222), 1500);
            throw new AssertionError("the host reached the VM");
        } catch (SocketTimeoutException expected) {
            assertThat(expected).isNotNull();
        }
        String before = datagrams(vm);
        try (DatagramSocket socket = new DatagramSocket()) {
            socket.send(new DatagramPacket(new byte[] {65}, 1, new InetSocketAddress(address, 2223)));
        }
        assertThat(datagrams(vm)).isEqualTo(before);
        String ping = Lab.host("sh", "-c", "ping -c 1 -W 1 " + address + " || true");
        assertThat(ping).contains("100% packet loss");
    }

    /** How many datagrams have reached the guest, to an open port and to none. */
    private static String datagrams(VM vm) {
        return Lab.output(vm, Command.shell("sleep 0.3; awk '/^Udp:/ { print $2, $3 }' /proc/net/snmp | tail -n 1"));
    }

    private static String gateway(VM vm) {
        return vm.attachment().orElseThrow().gateway().orElseThrow().toString();
    }

    /** Whether a datagram that the guest sends there, in a frame to the gateway, reaches the socket. */
    private static boolean arrives(VM vm, DatagramSocket socket, String destination) throws IOException {
        NetworkAttachment card = vm.attachment().orElseThrow();
        String gatewayMac = Lab.output(
                vm, Command.shell("ip neigh show " + gateway(vm) + " | sed 's/.*lladdr \\([^ ]*\\).*/\\1/'"));
        byte[] frame = ByteBuffer.allocate(14 + 20 + 8 + 1)
                .put(HexFormat.ofDelimiter(":").parseHex(gatewayMac))
                .put(HexFormat.ofDelimiter(":").parseHex(card.mac().toString()))
                .putShort((short) 0x0800)
                .put(ipHeader(card.address(), IPv4Address.of(destination), 17, 9))
                .putShort((short) 40000)
                .putShort((short) PORT)
                .putShort((short) 9)
                .putShort((short) 0)
                .put((byte) 65)
                .array();
        Lab.send(vm, frame);
        try {
            socket.receive(new DatagramPacket(new byte[9], 9));
            return true;
        } catch (SocketTimeoutException e) {
            return false;
        }
    }

    /** The header of an IPv4 packet with so many bytes after it. */
    static byte[] ipHeader(IPv4Address source, IPv4Address destination, int protocol, int length) {
        ByteBuffer header = ByteBuffer.allocate(20)
                .putShort((short) 0x4500)
                .putShort((short) (20 + length))
                .putInt(0)
                .putShort((short) (0x4000 | protocol))
                .putShort((short) 0)
                .putInt(source.bits())
                .putInt(destination.bits());
        int sum = 0;
        for (int i = 0; i < 20; i += 2) {
            sum += header.getShort(i) & 0xffff;
        }
        sum = (sum & 0xffff) + (sum >>> 16);
        sum = (sum & 0xffff) + (sum >>> 16);
        return header.putShort(10, (short) ~sum).array();
    }
}
