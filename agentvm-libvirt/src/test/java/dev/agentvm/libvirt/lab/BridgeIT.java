package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.cloudinit.CloudInit;
import dev.agentvm.libvirt.HostCheck;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.libvirt.internal.network.CallerBridge;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.network.NetworkPolicy;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** VMs on a bridge of the caller's, with a router, a neighbour and a DHCP server on it. */
@FirstFailureCounts
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class BridgeIT {
    private static final String RESOLVER = Lab.fact("DNS_ADDRESS");
    private static final NetworkMode.Bridge MODE = NetworkMode.bridge(Lan.BRIDGE, RESOLVER);
    private static final String WWW = Lab.fact("WWW_ADDRESS");
    private static final LaunchOptions IMPATIENT =
            new LaunchOptions.Builder().timeout(Duration.ofSeconds(25)).build();

    private final Lan lan = new Lan();

    @AfterEach
    void nothingIsLeft() {
        lan.close();
        Leftovers.assertNone();
    }

    private static VMTemplate template(String name, NetworkMode mode) {
        return Lab.tiny(name).withNetworkMode(mode);
    }

    @Test
    void bridge_learntAddresses_keepTheDefaultPolicy() throws Exception {
        lan.serveDhcp("10.44.0.100", "10.44.0.150");
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM one = hypervisor.launch(template("one", MODE));
                VM two = hypervisor.launch(template("two", MODE))) {
            NetworkAttachment attachment = one.attachment().orElseThrow();
            assertThat(attachment.subnet()).hasToString("10.44.0.0/24");
            assertThat(attachment.gateway()).isEmpty();
            assertThat(attachment.hostAddresses()).contains(IPv4Address.of(Lan.HOST));
            assertThat(attachment.mac())
                    .isNotEqualTo(two.attachment().orElseThrow().mac());
            assertThat(hypervisor.find("one").orElseThrow().attachment()).contains(attachment);
            assertThat(one.warnings())
                    .anySatisfy(warning ->
                            assertThat(warning).startsWith("bridge-routing").contains("FORWARD"));

            Lab.awaitNetwork(one);
            Lab.awaitNetwork(two);
            assertThat(Lab.probe(one, "tcp", WWW, "443")).startsWith("open");
            assertThat(Lab.probe(one, "tcp", WWW, "22")).startsWith("open");
            assertThat(Lab.probe(one, "ping", WWW)).startsWith("reply");
            assertThat(Lab.probe(one, "tcp", WWW, "8080")).startsWith("refused");
            assertThat(Lab.probe(one, "udp", WWW, "8080", "hello", "700")).isEqualTo("timeout");
            assertThat(Lab.probe(one, "dns", "8.8.8.8", Lab.fact("WWW_NAME"), "udp", "700"))
                    .isEqualTo("timeout");
            assertThat(Lab.probe(one, "tcp", "10.77.0.5", "443", "700")).isEqualTo("timeout");

            listen(one);
            listen(two);
            String address = attachment.address().toString();
            lan.serveAtNeighbour(443);
            assertThat(Lab.probe(one, "tcp", Lan.NEIGHBOUR, "443", "700")).isEqualTo("timeout");
            assertThat(Lab.probe(one, "tcp", Lan.HOST, "53", "700")).isEqualTo("timeout");
            assertThat(Lab.probe(two, "tcp", address, "2222", "700")).isEqualTo("timeout");
            assertThat(Lab.probe(two, "ping", address, "700")).isNotEqualTo("reply");
            for (int sourcePort : new int[] {40000, 80, 53}) {
                assertThat(Lan.connectFromNeighbour(address, 2222, sourcePort)).doesNotContain("guest");
            }
            assertThat(Lan.neighbour("ping -c 1 -W 1 " + address + " || true")).contains("100% packet loss");
            assertThat(Lab.host("sh", "-c", "timeout 2 socat -u TCP:" + address + ":2222 - 2>&1 || true"))
                    .doesNotContain("guest");
            for (DenyAction denied : DenyAction.values()) {
                one.setNetworkPolicy(
                        NetworkPolicy.agentDefault().toBuilder().denied(denied).build());
                assertOpenToWhomItMayAskWhileLayer3IsBlind(one);
            }
            assertCanBecomeRootOfASpanningTree(one);
        }
    }

    /** Layer 2 cannot tell what begins a connection from what answers one. */
    private static void assertOpenToWhomItMayAskWhileLayer3IsBlind(VM vm) throws Exception {
        String address = vm.attachment().orElseThrow().address().toString();
        String warning = "Hosts that the VM may ask can start TCP connections to it";
        assertThat(Lan.connectFromRouter(address, 2222, 443)).doesNotContain("guest");
        assertThat(Lan.pingFromRouter(address)).contains("100% packet loss");
        Lab.withSysctl("net.bridge.bridge-nf-call-iptables", "0", () -> {
            Awaitility.await().until(() -> vm.warnings().stream().anyMatch(text -> text.startsWith(warning)));
            assertThat(Lan.connectFromRouter(address, 2222, 443)).contains("guest");
            assertThat(Lan.connectFromRouter(address, 2222, 444)).doesNotContain("guest");
            assertThat(Lan.pingFromRouter(address)).contains(" 0% packet loss");
            assertThat(Lan.connectFromNeighbour(address, 2222, 443)).doesNotContain("guest");
            assertThat(Lab.probe(vm, "tcp", WWW, "443")).startsWith("open");
        });
        Awaitility.await().until(() -> vm.warnings().stream().noneMatch(text -> text.startsWith(warning)));
        assertThat(Lan.connectFromRouter(address, 2222, 443)).doesNotContain("guest");
    }

    /** On a bridge that takes part in one, whose messages no filter sees; the host check warns of it. */
    private static void assertCanBecomeRootOfASpanningTree(VM vm) throws IOException {
        MacAddress own = vm.attachment().orElseThrow().mac();
        Path root = Path.of("/sys/class/net", Lan.BRIDGE, "bridge", "root_id");
        Lab.host("ip", "link", "set", Lan.BRIDGE, "type", "bridge", "stp_state", "1");
        try {
            assertThat(Files.readString(root)).startsWith("8000.");
            Lab.send(vm, bestBridge(own));
            Awaitility.await().until(() -> Files.readString(root), id -> id.startsWith("0000."));
            assertThat(HostCheck.run("qemu:///system", template("checked", MODE))
                            .findings())
                    .filteredOn(found -> found.id().equals("bridge-stp"))
                    .singleElement()
                    .satisfies(found -> {
                        assertThat(found.severity()).isEqualTo(HostCheck.Severity.WARNING);
                        assertThat(found.evidence()).contains("make itself its root");
                    });
        } finally {
            Lab.host("ip", "link", "set", Lan.BRIDGE, "type", "bridge", "stp_state", "0");
        }
    }

    /** What was saved is the domain of a VM that may do no more than ask for an address. */
    @Test
    void restore_learntAddressAndSeed_areAsBeforeAndSoIsThePolicy() {
        lan.serveDhcp("10.44.0.100", "10.44.0.150");
        CloudInit seed = new CloudInit.Builder().hostName("seeded").build();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(
                        template("vm", MODE).withCloudInit(seed),
                        LaunchOptions.standard().withResettable(true))) {
            NetworkAttachment attachment = vm.attachment().orElseThrow();
            Command readSeed = Command.shell("grep -o -a 'local-hostname.*seeded' /dev/vdb");
            String content = Lab.output(vm, readSeed);
            Lab.output(vm, Command.of("touch", "/tmp/first"));
            vm.snapshot("first");
            Lab.output(vm, Command.of("touch", "/tmp/second"));
            for (Runnable back : List.<Runnable>of(() -> vm.restore("first"), vm::reset)) {
                back.run();

                assertThat(vm.attachment()).contains(attachment);
                assertThat(hypervisor.find("vm").orElseThrow().attachment()).contains(attachment);
                Lab.awaitNetwork(vm);
                assertThat(Lab.output(vm, readSeed)).isEqualTo(content);
                assertThat(Lab.probe(vm, "tcp", WWW, "443")).startsWith("open");
                assertThat(Lab.probe(vm, "tcp", WWW, "8080")).startsWith("refused");
                assertThat(Lab.probe(vm, "tcp", Lan.HOST, "53", "700")).isEqualTo("timeout");
                assertThat(vm.exec(Command.of("ls", "/tmp/second")).success()).isFalse();
            }
            assertThat(vm.exec(Command.of("ls", "/tmp/first")).success()).isFalse();
        }
    }

    /** By then it may be another machine's. */
    @Test
    void bridge_addressThatTheVMGaveBack_isNotTheVMsAgainUntilItIsLeasedAgain() throws InterruptedException {
        lan.serveDhcp("10.44.0.100", "10.44.0.100");
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(template("returning", MODE))) {
            Lab.awaitNetwork(vm);
            NetworkAttachment card = vm.attachment().orElseThrow();
            Lab.output(vm, Command.of("killall", "udhcpc"));
            assertThat(Lab.probe(vm, "tcp", WWW, "443")).startsWith("open");

            // As clients do it, which libvirt does not see.
            Lab.send(vm, release(card, IPv4Address.of("0.0.0.0")));
            Thread.sleep(3000);
            assertThat(vm.warnings()).noneMatch(text -> text.contains("has ended"));
            Lab.send(vm, release(card, card.address()));

            Awaitility.await().until(() -> vm.warnings().stream().anyMatch(text -> text.contains("has ended")));
            Awaitility.await().until(() -> Lab.probe(vm, "tcp", WWW, "443", "700"), "timeout"::equals);
            Lab.host("ip", "addr", "add", "81.2.80.7/32", "dev", "lo");
            try {
                Thread.sleep(5000);
                assertThat(Lab.probe(vm, "tcp", WWW, "443", "700")).isEqualTo("timeout");
            } finally {
                Lab.host("ip", "addr", "del", "81.2.80.7/32", "dev", "lo");
            }
            vm.setNetworkPolicy(NetworkPolicy.agentDefault().toBuilder()
                    .denied(DenyAction.DROP)
                    .build());
            assertThat(Lab.probe(vm, "tcp", WWW, "443", "700")).isEqualTo("timeout");
            try (Hypervisor other = LibvirtHypervisor.connect()) {
                VM found = other.find("returning").orElseThrow();
                found.setNetworkPolicy(NetworkPolicy.agentDefault());
                assertThat(found.warnings()).anySatisfy(text -> assertThat(text).contains("has ended"));
                assertThat(Lab.probe(vm, "tcp", WWW, "443", "700")).isEqualTo("timeout");
            }

            Lab.output(vm, Command.shell("udhcpc -n -q -i eth0 -s /sbin/udhcpc-event"));

            Awaitility.await().until(() -> vm.warnings().stream().noneMatch(text -> text.contains("has ended")));
            assertThat(vm.attachment().orElseThrow().address()).isEqualTo(card.address());
            assertThat(Lab.probe(vm, "tcp", WWW, "443")).startsWith("open");
        }
    }

    /** A DHCPRELEASE (RFC 2131), whose {@code yiaddr} is what libvirt reads of it. */
    private static byte[] release(NetworkAttachment card, IPv4Address yours) {
        byte[] message = ByteBuffer.allocate(300)
                .putInt(0x01010600)
                .putInt(0x5eed)
                .putInt(0)
                .putInt(card.address().bits())
                .putInt(yours.bits())
                .putLong(0)
                .put(mac(card.mac()))
                .put(new byte[10 + 64 + 128])
                .put(HexFormat.of().parseHex("63825363350107ff"))
                .array();
        return ByteBuffer.allocate(42 + message.length)
                .put(HexFormat.of().parseHex("ffffffffffff"))
                .put(mac(card.mac()))
                .putShort((short) 0x0800)
                .put(PolicyIT.ipHeader(
                        IPv4Address.of("0.0.0.0"), IPv4Address.of("255.255.255.255"), 17, 8 + message.length))
                .putShort((short) 68)
                .putShort((short) 67)
                .putShort((short) (8 + message.length))
                .putShort((short) 0)
                .put(message)
                .array();
    }

    private static void listen(VM vm) {
        Lab.output(vm, Command.shell("(while :; do echo guest | nc -l -p 2222; done >/dev/null 2>&1 &)"));
        Awaitility.await()
                .until(() -> Lab.probe(vm, "tcp", "127.0.0.1", "2222"), answer -> answer.startsWith("open guest"));
    }

    @Test
    void bridge_fixedAddress_isTheOnlyOneThatTheVMCanUse() throws IOException {
        IPv4Address own = IPv4Address.of("10.44.0.9");
        NetworkMode fixed = MODE.withAddress(own.toString());
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(template("fixed", fixed))) {
            assertThatExceptionOfType(HostNotReadyException.class)
                    .isThrownBy(() -> hypervisor.launch(template("second", fixed)))
                    .withMessageContaining("10.44.0.9");
            NetworkAttachment card = vm.attachment().orElseThrow();
            assertThat(card.address()).isEqualTo(own);
            Lab.output(
                    vm,
                    Command.shell("killall udhcpc; ip addr flush dev eth0; ip addr add " + own
                            + "/24 dev eth0; ip route add default via " + Lan.ROUTER));
            assertThat(Lab.probe(vm, "tcp", WWW, "443")).startsWith("open");

            Path router = lan.watchRouter("arp or udp port 53");
            MacAddress other = MacAddress.of("06:00:00:00:00:07");
            IPv4Address another = IPv4Address.of("10.44.0.77");
            Lab.send(vm, arp(other, own));
            Lab.send(vm, arp(card.mac(), another));
            Lab.send(vm, arp(card.mac(), IPv4Address.of(Lan.ROUTER)));
            Lab.send(vm, query(other, own));
            Lab.send(vm, query(card.mac(), another));
            Lab.send(vm, query(card.mac(), IPv4Address.of(Lan.NEIGHBOUR)));
            // What is sent last is seen, so what was sent before it would have been.
            Lab.send(vm, arp(card.mac(), own));
            Lab.send(vm, query(card.mac(), own));
            Awaitility.await()
                    .until(() -> Files.readString(router), text -> text.contains(own + ".7777 > " + RESOLVER));
            assertThat(Files.readString(router))
                    .contains(card.mac() + " > ff:ff:ff:ff:ff:ff")
                    .doesNotContain(other.toString())
                    .doesNotContain(another.toString())
                    .doesNotContain("tell " + Lan.ROUTER)
                    .doesNotContain(Lan.NEIGHBOUR + ".7777");
        }
    }

    @Test
    void bridge_withoutDhcpServer_givesAnAddressThatTheGuestChoosesNothing() throws Exception {
        Path neighbour = lan.watchNeighbour("not udp port 67 and not icmp6 and not ip6");
        MacAddress card;
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            CompletableFuture<VM> launch =
                    CompletableFuture.supplyAsync(() -> hypervisor.launch(template("chooser", MODE), IMPATIENT));
            VM vm = Awaitility.await()
                    .atMost(Duration.ofSeconds(20))
                    .until(
                            () -> hypervisor.find("chooser"),
                            found -> found.filter(BridgeIT::answers).isPresent())
                    .orElseThrow();
            assertThat(vm.attachment()).isEmpty();
            card = CallerBridge.mac(vm.id());
            Lab.output(
                    vm,
                    Command.shell("killall udhcpc; ip addr add 10.44.0.50/24 dev eth0; ip route add default via "
                            + Lan.ROUTER + "; arping -c 2 -I eth0 " + Lan.NEIGHBOUR + "; true"));
            assertThat(Lab.probe(vm, "ping", Lan.NEIGHBOUR, "500")).doesNotStartWith("reply");
            assertThat(Lab.probe(vm, "tcp", WWW, "443", "500")).doesNotStartWith("open");

            assertThatExceptionOfType(CompletionException.class)
                    .isThrownBy(launch::join)
                    .withCauseInstanceOf(OperationTimeoutException.class)
                    .withMessageContainingAll("AGENT_READY", "No DHCP server", "withAddress");
        }
        assertThat(Files.readString(neighbour)).doesNotContain("10.44.0.50").doesNotContain(card.toString());
    }

    private static boolean answers(VM vm) {
        try {
            return vm.exec(Command.of("true")).success();
        } catch (AgentVMException e) {
            return false;
        }
    }

    @Test
    void bridge_dhcpServerThatGivesTheHostsAddress_isNotBelieved() {
        lan.serveDhcp(Lan.HOST, Lan.HOST);
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            assertThatExceptionOfType(HostNotReadyException.class)
                    .isThrownBy(() -> hypervisor.launch(template("impostor", MODE)))
                    .withMessageContainingAll(Lan.HOST, "one of the host's own", "DHCP server");
        }
    }

    @Test
    void bridge_whereInRulesAreBlind_isRefused() {
        Lab.host("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0");
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            assertThatExceptionOfType(HostNotReadyException.class)
                    .isThrownBy(() -> hypervisor.launch(template("blind", MODE)))
                    .withMessageContainingAll("bridge-nf-call-iptables is 0", "To mend it", "sysctl -w");
        } finally {
            Lab.host("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1");
        }
    }

    @Test
    void bridge_thatIsNone_isRefused() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            assertThatExceptionOfType(HostNotReadyException.class)
                    .isThrownBy(() -> hypervisor.launch(template("nowhere", NetworkMode.bridge("lan7"))))
                    .withMessageContainingAll("no interface 'lan7'", "ip link add");
            assertThatExceptionOfType(HostNotReadyException.class)
                    .isThrownBy(() ->
                            hypervisor.launch(template("card", NetworkMode.bridge(Lab.fact("LAB_OUTSIDE_INTERFACE")))))
                    .withMessageContainingAll("is no bridge", "ip -brief link show type bridge");
        }
    }

    @Test
    void bridge_thatIsDown_isRefused() {
        Lab.host("ip", "link", "set", Lan.BRIDGE, "down");
        assertRefused(MODE, "the bridge 'lan0' is down", "ip link set lan0 up");
    }

    @Test
    void bridge_underAForwardThatDrops_isRefusedUntilTheRemedyIsDone() {
        String accept = "-i lan0 -o lan0 -j ACCEPT";
        lan.serveDhcp("10.44.0.100", "10.44.0.150");
        underAForwardThatDrops(accept, () -> {
            String remedy = "iptables -A FORWARD " + accept;
            assertRefused(MODE, "forward-policy", "FORWARD in iptables drops", "bridged packets too", remedy);
            sh(remedy);
            try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                    VM vm = hypervisor.launch(template("remedied", MODE))) {
                Lab.awaitNetwork(vm);
                assertThat(Lab.probe(vm, "tcp", WWW, "443")).startsWith("open");
                assertThat(Lab.probe(vm, "tcp", WWW, "8080")).startsWith("refused");
                listen(vm);
                assertThat(Lan.connectFromRouter(address(vm), 2222, 443)).doesNotContain("guest");
            }
        });
    }

    /** The VM's filter lets pass what it sends, and DHCP; before an address is learnt it has no such rules. */
    @ParameterizedTest
    @EnumSource
    void bridge_fixedAddressUnderAForwardThatDrops_needsAnswersAlone(DenyAction denied) {
        String accept = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT";
        String own = "10.44.0.9";
        NetworkMode fixed = MODE.withAddress(own);
        NetworkPolicy policy =
                NetworkPolicy.agentDefault().toBuilder().denied(denied).build();
        lan.serveDhcp(own, own);
        underAForwardThatDrops(accept, () -> {
            assertRefused(fixed, "forward-policy");
            sh("iptables -A FORWARD " + accept);
            try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                    VM vm = hypervisor.launch(template("answered", fixed).withNetworkPolicy(policy))) {
                Lab.awaitNetwork(vm);
                assertThat(Lab.probe(vm, "tcp", WWW, "443")).startsWith("open");
                assertThat(Lab.probe(vm, "ping", WWW)).startsWith("reply");
            }
        });
    }

    /** As Docker sets it; what the host routes for the lab's router passes. */
    private static void underAForwardThatDrops(String accept, Runnable body) {
        sh("iptables -A FORWARD -i lanup -j ACCEPT; iptables -A FORWARD -o lanup -j ACCEPT;"
                + " iptables -P FORWARD DROP");
        try {
            body.run();
        } finally {
            sh("iptables -P FORWARD ACCEPT; iptables -D FORWARD -i lanup -j ACCEPT;"
                    + " iptables -D FORWARD -o lanup -j ACCEPT; iptables -D FORWARD " + accept + " || true");
        }
    }

    private static void sh(String line) {
        String unused = Lab.host("sh", "-ec", line);
    }

    private static String address(VM vm) {
        return vm.attachment().orElseThrow().address().toString();
    }

    /** Layer 3 has no word for a packet that is not tracked, so it judges none. */
    @Test
    void bridge_whoseConnectionsAreNotTracked_isRefusedUntilTheRemedyIsDone() {
        lan.serveDhcp("10.44.0.100", "10.44.0.150");
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(template("tracked", MODE))) {
            Lab.awaitNetwork(vm);
            listen(vm);
            assertThat(Lan.connectFromRouter(address(vm), 2222, 443)).doesNotContain("guest");
            String remedy = "iptables -t raw -I PREROUTING -i lan0 -j ACCEPT";
            sh("iptables -t raw -A PREROUTING -i lan0 -p tcp -j NOTRACK");
            try {
                assertThat(Lan.connectFromRouter(address(vm), 2222, 443)).contains("guest");
                assertThat(Lab.probe(vm, "tcp", WWW, "8080", "700"))
                        .as("nobody refuses it")
                        .isEqualTo("timeout");
                assertRefused(MODE, "connection-tracking", "'-A PREROUTING -i lan0 -p tcp -j NOTRACK'", remedy);
                sh(remedy);
                assertThat(Lan.connectFromRouter(address(vm), 2222, 443)).doesNotContain("guest");
                assertThat(Lab.probe(vm, "tcp", WWW, "8080")).startsWith("refused");
                assertTracked();
            } finally {
                sh("iptables -t raw -F PREROUTING");
            }
            sh("nft 'add table inet early; add chain inet early pre { type filter hook prerouting priority raw; };"
                    + " add rule inet early pre iifname lan0 meta l4proto tcp notrack'");
            try {
                assertThat(Lan.connectFromRouter(address(vm), 2222, 443)).contains("guest");
                assertRefused(MODE, "connection-tracking", "meta l4proto tcp notrack'");
                sh("nft insert rule inet early pre iifname lan0 accept");
                assertThat(Lan.connectFromRouter(address(vm), 2222, 443)).doesNotContain("guest");
                assertTracked();
            } finally {
                sh("nft delete table inet early");
            }
        }
    }

    private static void assertTracked() {
        assertThat(HostCheck.run("qemu:///system", template("checked", MODE)).isReady())
                .isTrue();
    }

    @Test
    void bridge_withoutNotesOfLeases_isRefusedUnlessTheAddressIsFixed() {
        String notes = "/run/libvirt/network/nwfilter.leases";
        Lab.host("mv", notes, notes + ".away");
        try {
            assertRefused(MODE, notes, "cannot be read", "withAddress");
            assertThat(HostCheck.run("qemu:///system", template("fixed", MODE.withAddress("10.44.0.9")))
                            .isReady())
                    .isTrue();
        } finally {
            Lab.host("mv", notes + ".away", notes);
        }
    }

    private static void assertRefused(NetworkMode mode, String... words) {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            assertThatExceptionOfType(HostNotReadyException.class)
                    .isThrownBy(() -> hypervisor.launch(template("refused", mode)))
                    .withMessageContainingAll(words);
        }
    }

    /** A configuration message of the spanning tree (IEEE 802.1D, 9.3.1): its sender is the root, by priority. */
    private static byte[] bestBridge(MacAddress from) {
        byte[] identifier =
                ByteBuffer.allocate(8).putShort((short) 0).put(mac(from)).array();
        byte[] message = ByteBuffer.allocate(38)
                .put(HexFormat.of().parseHex("4242030000000000"))
                .put(identifier)
                .putInt(0)
                .put(identifier)
                .put(HexFormat.of().parseHex("80010000140002000f00"))
                .array();
        return Frames.ethernet("01:80:c2:00:00:00", from, message.length, message);
    }

    private static byte[] mac(MacAddress mac) {
        return HexFormat.ofDelimiter(":").parseHex(mac.toString());
    }

    /** Who has the neighbour's address? */
    private static byte[] arp(MacAddress from, IPv4Address sender) {
        return ByteBuffer.allocate(42)
                .put(HexFormat.of().parseHex("ffffffffffff"))
                .put(mac(from))
                .putShort((short) 0x0806)
                .put(HexFormat.of().parseHex("0001080006040001"))
                .put(mac(from))
                .putInt(sender.bits())
                .put(new byte[6])
                .putInt(IPv4Address.of(Lan.NEIGHBOUR).bits())
                .array();
    }

    /** A datagram to the resolver, by way of the router; without a checksum, as UDP allows. */
    private static byte[] query(MacAddress from, IPv4Address source) {
        return ByteBuffer.allocate(43)
                .put(mac(MacAddress.of(Lan.routerMac())))
                .put(mac(from))
                .putShort((short) 0x0800)
                .put(PolicyIT.ipHeader(source, IPv4Address.of(RESOLVER), 17, 9))
                .putShort((short) 7777)
                .putShort((short) 53)
                .putShort((short) 9)
                .putShort((short) 0)
                .put((byte) 65)
                .array();
    }
}
