package dev.agentvm.libvirt.lab;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.network.NetworkPolicy;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The promises of the policy as probes on real guests that are root and hostile, on a host that forwards whatever it is
 * asked to. Each probe that must fail is run from a VM without a filter too, where it must succeed.
 *
 * <p>The table in {@code docs/threat-model.md} is what this found; with {@code -Dagentvm.docs=write} it is written anew.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class ProbeMatrixIT {
    private static final String WWW = Lab.fact("WWW_ADDRESS");
    private static final String PRIVATE = Lab.fact("REBIND_ADDRESS");
    private static final int GUEST_PORT = 2222;
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final Duration SOON = Duration.ofSeconds(30);
    private static final String OUTSIDE = Lab.fact("LAB_OUTSIDE_ADDRESS");
    /** A link-local and a global address of the host. */
    private static final List<String> HOST_IPV6 = List.of("fe80::1", "2a00:1450:4001::1");

    private static final String DNS_FRAME = "DNS query in a frame of its own";
    private static final String HTTP_FRAME = "tcp 80 in a frame of its own";
    private static final String BEGIN = "<!-- probes: written by ProbeMatrixIT -->\n";
    private static final String END = "<!-- end of probes -->";

    /** A state in which all probes are run. */
    private enum Column {
        UNFILTERED("no filter", DenyAction.DROP, "1"),
        REJECT("REJECT", DenyAction.REJECT, "1"),
        DROP("DROP", DenyAction.DROP, "1"),
        REJECT_BLIND("REJECT, bridge-nf 0", DenyAction.REJECT, "0"),
        DROP_BLIND("DROP, bridge-nf 0", DenyAction.DROP, "0");

        private final String text;
        private final DenyAction denied;
        private final String bridgeNetfilter;

        Column(String text, DenyAction denied, String bridgeNetfilter) {
            this.text = text;
            this.denied = denied;
            this.bridgeNetfilter = bridgeNetfilter;
        }
    }

    /** The VM that attacks, one beside it, and one on another network of the host. */
    private record Guests(VM own, VM peer, VM elsewhere) {
        String gateway() {
            return own.attachment().orElseThrow().gateway().orElseThrow().toString();
        }

        static IPv4Address address(VM vm) {
            return vm.attachment().orElseThrow().address();
        }

        static MacAddress mac(VM vm) {
            return vm.attachment().orElseThrow().mac();
        }
    }

    private final Map<String, Map<Column, Boolean>> denied = new LinkedHashMap<>();
    private final Map<String, Map<Column, Boolean>> allowed = new LinkedHashMap<>();

    @AfterEach
    void nothingIsLeft() {
        Lab.host("sh", "-c", "while iptables -D FORWARD -j ACCEPT 2>/dev/null; do :; done");
        Lab.host("sh", "-c", "virsh -q net-destroy agentvm-else; virsh -q net-undefine agentvm-else; true");
        Leftovers.assertNone();
    }

    @Test
    void probes_succeedWhereTheyMay_andNowhereElse() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                Hypervisor other =
                        new LibvirtHypervisor.Builder().network("agentvm-else").connect();
                VM bare = hypervisor.launch(Lab.tiny("bare"));
                VM barePeer = hypervisor.launch(Lab.tiny("bare-peer"));
                VM elsewhere = other.launch(Lab.tiny("elsewhere"));
                ServerSocket host = new ServerSocket(443)) {
            assertThat(host.isBound()).isTrue();
            for (VM vm : List.of(bare, barePeer, elsewhere)) {
                Lab.awaitNetwork(vm);
                listen(vm);
                Lab.unfilter(vm);
                Lab.host("bridge", "link", "set", "dev", Lab.tap(vm), "isolated", "off");
            }
            Lab.host("ip", "-n", Lab.fact("INTERNET_NAMESPACE"), "route", "replace", subnet(bare), "via", OUTSIDE);
            // A host whose own rules stop nothing. The launch of the next VM puts libvirt's rules before that.
            Lab.host("iptables", "-I", "FORWARD", "-j", "ACCEPT");
            // And one that has IPv6 on the bridge, where libvirt turned it off.
            String bridge = bridge(bare);
            Lab.withSysctl("net.ipv6.conf." + bridge + ".disable_ipv6", "0", () -> {
                for (String address : HOST_IPV6) {
                    Lab.host("ip", "-6", "addr", "add", address + "/64", "dev", bridge, "nodad");
                }
                probe(hypervisor, new Guests(bare, barePeer, elsewhere));
            });
        }
        verify();
        publish(table());
    }

    private void probe(Hypervisor hypervisor, Guests bare) throws Exception {
        addIPv6(bare.own(), 2);
        run(Column.UNFILTERED, bare);
        try (VM own = hypervisor.launch(Lab.tiny("own"));
                VM peer = hypervisor.launch(Lab.tiny("peer"))) {
            for (VM vm : List.of(own, peer)) {
                Lab.awaitNetwork(vm);
                listen(vm);
            }
            addIPv6(own, 3);
            for (Column column : List.of(Column.REJECT, Column.DROP, Column.REJECT_BLIND, Column.DROP_BLIND)) {
                NetworkPolicy policy = NetworkPolicy.agentDefault().toBuilder()
                        .denied(column.denied)
                        .build();
                Lab.withSysctl("net.bridge.bridge-nf-call-iptables", column.bridgeNetfilter, () -> {
                    own.setNetworkPolicy(policy);
                    peer.setNetworkPolicy(policy);
                    run(column, new Guests(own, peer, bare.elsewhere()));
                });
            }
        }
    }

    /** Gives a guest addresses beside those of the host, in use at once. */
    private static void addIPv6(VM vm, int number) {
        StringBuilder script = new StringBuilder("echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad");
        for (String address : HOST_IPV6) {
            script.append(" && ip -6 addr add ")
                    .append(address.replaceFirst("1$", number + "/64"))
                    .append(" dev eth0");
        }
        Lab.output(vm, Command.shell(script.toString()));
    }

    @Test
    void isolated_hasNoNetworkCard() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("isolated").withNetworkMode(NetworkMode.ISOLATED))) {
            assertThat(Lab.output(vm, Command.of("ls", "/sys/class/net"))).isEqualTo("lo");
        }
    }

    private static String subnet(VM vm) {
        return vm.attachment().orElseThrow().subnet().toString();
    }

    private static String bridge(VM vm) {
        return Lab.host("sh", "-c", "basename $(readlink /sys/class/net/" + Lab.tap(vm) + "/master)");
    }

    private static void listen(VM vm) {
        for (String port : List.of(Integer.toString(GUEST_PORT), "443")) {
            Lab.output(vm, Command.shell("(while :; do echo guest | nc -l -p " + port + "; done >/dev/null 2>&1 &)"));
            Awaitility.await()
                    .atMost(SOON)
                    .until(() -> Lab.probe(vm, "tcp", "127.0.0.1", port).startsWith("open guest"));
        }
    }

    private void run(Column column, Guests guests) throws Exception {
        outward(column, guests);
        frames(column, guests);
        inward(column, guests);
    }

    /** What a guest's own programs can do. All at once, since what is dropped is waited for. */
    private void outward(Column column, Guests guests) {
        Map<String, String> may = new LinkedHashMap<>();
        may.put("HTTP to the Internet", "tcp " + WWW + " 80");
        may.put("HTTPS to the Internet", "tcp " + WWW + " 443");
        may.put("SSH to the Internet", "tcp " + Lab.fact("GIT_ADDRESS") + " 22");
        may.put("git to the Internet", "tcp " + Lab.fact("GIT_ADDRESS") + " 9418");
        may.put("ping to the Internet", "ping " + WWW);
        may.put("DNS at the gateway, udp", "dns " + guests.gateway() + " " + Lab.fact("WWW_NAME") + " udp");
        may.put("DNS at the gateway, tcp", "dns " + guests.gateway() + " " + Lab.fact("WWW_NAME") + " tcp");
        Map<String, String> mayNot = new LinkedHashMap<>();
        mayNot.put("tcp 8080 to the Internet", "tcp " + WWW + " 8080");
        mayNot.put("udp 8080 to the Internet", "udp " + WWW + " 8080 hello");
        mayNot.put("DNS elsewhere, udp", "dns 8.8.8.8 " + Lab.fact("WWW_NAME") + " udp");
        mayNot.put("DNS elsewhere, tcp", "dns 8.8.8.8 " + Lab.fact("WWW_NAME") + " tcp");
        for (String address : Lab.facts("PRIVATE_ADDRESSES")) {
            mayNot.put("tcp 443 to " + address, "tcp " + address + " 443");
        }
        mayNot.put("cloud metadata", "tcp " + Lab.fact("METADATA_ADDRESS") + " 80");
        mayNot.put("udp to a private network", "udp " + PRIVATE + " 8080 hello");
        mayNot.put("ping to a private network", "ping " + PRIVATE);
        mayNot.put("tcp to the host, at the gateway", "tcp " + guests.gateway() + " 443");
        mayNot.put("tcp to the host, at its outside address", "tcp " + Lab.fact("LAB_OUTSIDE_ADDRESS") + " 443");
        mayNot.put(
                "tcp to the host, at another network's gateway",
                "tcp " + guests.elsewhere().attachment().orElseThrow().gateway().orElseThrow() + " 443");
        mayNot.put("ping to the host", "ping " + guests.gateway());
        for (String address : HOST_IPV6) {
            String there = address + (address.startsWith("fe80") ? "%eth0" : "");
            mayNot.put("IPv6, tcp to the host, at " + address, "tcp " + there + " 443");
            mayNot.put("IPv6, ping to the host, at " + address, "ping " + there);
        }
        mayNot.put("tcp to another VM", "tcp " + Guests.address(guests.peer()) + " 443");
        mayNot.put("ping to another VM", "ping " + Guests.address(guests.peer()));
        mayNot.put("tcp to a VM of another network", "tcp " + Guests.address(guests.elsewhere()) + " 443");

        Map<String, String> all = new LinkedHashMap<>(may);
        all.putAll(mayNot);
        StringBuilder script = new StringBuilder("cd $(mktemp -d)\n");
        int i = 0;
        for (String probe : all.values()) {
            script.append("probe ").append(probe).append(" 1500 >").append(i++).append(" 2>&1 &\n");
        }
        script.append("wait; i=0; while [ $i -lt ").append(i).append(" ]; do head -n 1 $i; echo; i=$((i + 1)); done");
        List<String> said = Lab.output(guests.own(), Command.shell(script.toString()))
                .lines()
                .filter(line -> !line.isBlank())
                .toList();
        assertThat(said).hasSameSizeAs(all.keySet());
        int line = 0;
        for (String name : all.keySet()) {
            String answer = said.get(line++);
            boolean passed = answer.startsWith("open") || answer.startsWith("reply") || answer.contains("93.184");
            note(may.containsKey(name) ? allowed : denied, name, column, passed);
        }
    }

    /** What a guest's kernel would never send. */
    private void frames(Column column, Guests guests) throws IOException, InterruptedException {
        IPv4Address own = Guests.address(guests.own());
        IPv4Address gateway = IPv4Address.of(guests.gateway());
        IPv4Address www = IPv4Address.of(WWW);
        IPv4Address stranger = IPv4Address.of(guests.gateway().replaceFirst("[0-9]+$", "250"));
        MacAddress mac = Guests.mac(guests.own());
        MacAddress wrong = MacAddress.of("52:54:00:00:00:99");
        String router = Lab.gatewayMac(guests.own());
        try (Capture atHost = new Capture(bridge(guests.own()));
                Capture atWan = new Capture(Lab.fact("LAB_OUTSIDE_INTERFACE"));
                Capture atPeer = new Capture(Lab.tap(guests.peer()))) {
            Sender sender = new Sender(guests.own());
            sender.send(
                    "another MAC address",
                    text -> Frames.ethernet(router, wrong, Frames.IPV4, Frames.udp(own, gateway, 53, text)));
            sender.send(
                    "another IP address",
                    text -> Frames.ethernet(router, mac, Frames.IPV4, Frames.udp(stranger, gateway, 53, text)));
            sender.send("ARP: the gateway's address is mine", text -> Frames.arp(mac, gateway, text));
            sender.send(
                    "ARP: another VM's address is mine", text -> Frames.arp(mac, Guests.address(guests.peer()), text));
            sender.send("ARP with another MAC address", text -> Frames.arp(wrong, own, text));
            sender.send("IPv6", text -> Frames.ethernet(router, mac, 0x86dd, Frames.ipv6(text)));
            sender.send("a VLAN tag", text -> Frames.ethernet(router, mac, 0x8100, bytes("\0\7\10\0" + text)));
            sender.send("an unknown ethertype", text -> Frames.ethernet(router, mac, 0x88b5, bytes(text)));
            sender.send(
                    "broadcast, udp",
                    text -> Frames.ethernet(
                            Frames.BROADCAST,
                            mac,
                            Frames.IPV4,
                            Frames.udp(own, IPv4Address.of("255.255.255.255"), 9999, text)));
            sender.send(
                    "multicast, udp",
                    text -> Frames.ethernet(
                            "01:00:5e:00:00:fb",
                            mac,
                            Frames.IPV4,
                            Frames.udp(own, IPv4Address.of("224.0.0.251"), 5353, text)));
            for (int protocol : new int[] {47, 50, 132}) {
                sender.send(
                        "IP protocol " + protocol + " to the Internet",
                        text -> Frames.ethernet(router, mac, Frames.IPV4, Frames.packet(own, www, protocol, text)));
            }
            sender.send(
                    "tcp 8080 without a connection",
                    text -> Frames.ethernet(router, mac, Frames.IPV4, Frames.segment(own, www, 8080, text)));
            sender.sendBoth(
                    "a datagram in fragments to a private network",
                    text -> Stream.of(Frames.fragments(own, IPv4Address.of(PRIVATE), 8080, text))
                            .map(packet -> Frames.ethernet(router, mac, Frames.IPV4, packet))
                            .toList());
            sender.sendBoth(
                    "a datagram in fragments to the Internet",
                    text -> Stream.of(Frames.fragments(own, www, 8080, text))
                            .map(packet -> Frames.ethernet(router, mac, Frames.IPV4, packet))
                            .toList());
            sender.send(
                    "a frame to another VM",
                    text -> Frames.ethernet(
                            Guests.mac(guests.peer()).toString(),
                            mac,
                            Frames.IPV4,
                            Frames.udp(own, Guests.address(guests.peer()), 9999, text)));

            // What is sent last is seen, so what was sent before it would have been.
            sender.send(
                    DNS_FRAME, text -> Frames.ethernet(router, mac, Frames.IPV4, Frames.udp(own, gateway, 53, text)));
            sender.send(
                    HTTP_FRAME, text -> Frames.ethernet(router, mac, Frames.IPV4, Frames.segment(own, www, 80, text)));
            Map<String, String> sent = sender.sent();
            Awaitility.await()
                    .atMost(SOON)
                    .until(() -> atHost.saw(requireNonNull(sent.get(DNS_FRAME)))
                            && atWan.saw(requireNonNull(sent.get(HTTP_FRAME))));
            for (Map.Entry<String, String> frame : sent.entrySet()) {
                String name = frame.getKey();
                String word = frame.getValue();
                boolean beyond = name.contains("Internet") || name.contains("private") || name.contains("tcp");
                boolean arrived = beyond ? atWan.saw(word) : atHost.saw(word) || atPeer.saw(word);
                note(name.endsWith("of its own") ? allowed : denied, name, column, arrived);
            }
        }
    }

    /** What others can do to the guest. */
    private void inward(Column column, Guests guests) throws Exception {
        VM vm = guests.own();
        String address = Guests.address(vm).toString();
        // Without a filter the lies about addresses are believed.
        Lab.host("ip", "neigh", "flush", "all");
        Lab.output(guests.peer(), Command.of("ip", "neigh", "flush", "dev", "eth0"));
        note(denied, "tcp from a private network", column, atLeastOnce(() -> connects(PRIVATE, address)));
        note(denied, "tcp from another VM", column, atLeastOnce(() -> open(guests.peer(), address)));
        note(denied, "tcp from a VM of another network", column, atLeastOnce(() -> open(guests.elsewhere(), address)));
        note(denied, "tcp from the host", column, atLeastOnce(() -> connects(address)));
        note(denied, "tcp from the Internet", column, atLeastOnce(() -> connects(Lab.fact("GIT_ADDRESS"), address)));
        try (Capture atGuest = new Capture(Lab.tap(vm))) {
            String fromHost = word();
            try (DatagramSocket socket = new DatagramSocket()) {
                byte[] bytes = bytes(fromHost);
                socket.send(new DatagramPacket(bytes, bytes.length, new InetSocketAddress(address, 9999)));
            }
            String fromOutside = word();
            Lab.host(
                    "ip",
                    "netns",
                    "exec",
                    Lab.fact("INTERNET_NAMESPACE"),
                    "sh",
                    "-c",
                    "echo " + fromOutside + " | socat -u - udp:" + address + ":9999,bind=" + WWW);
            // A resolver's answer comes in last.
            Lab.probe(vm, "dns", guests.gateway(), Lab.fact("WWW_NAME"));
            Awaitility.await().atMost(SOON).until(() -> atGuest.saw("example"));
            note(denied, "udp from the host", column, atGuest.saw(fromHost));
            note(denied, "udp from the Internet", column, atGuest.saw(fromOutside));
        }
    }

    /** The guest's listener takes one connection after the other, and is away for a moment after each. */
    private static boolean atLeastOnce(BooleanSupplier attempt) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!attempt.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                return false;
            }
            Thread.sleep(100);
        }
        return true;
    }

    private static boolean open(VM from, String address) {
        return Lab.probe(from, "tcp", address, Integer.toString(GUEST_PORT), "1500")
                .startsWith("open");
    }

    /** From an address of the pretend Internet. */
    private static boolean connects(String from, String to) {
        return Lab.host(
                        "ip",
                        "netns",
                        "exec",
                        Lab.fact("INTERNET_NAMESPACE"),
                        "sh",
                        "-c",
                        "socat -T2 -u tcp:" + to + ":" + GUEST_PORT + ",bind=" + from
                                + ",connect-timeout=2 - 2>&1 || true")
                .contains("guest");
    }

    private static boolean connects(String to) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(to, GUEST_PORT), 2000);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private static void note(Map<String, Map<Column, Boolean>> table, String probe, Column column, boolean passed) {
        table.computeIfAbsent(probe, unused -> new LinkedHashMap<>()).put(column, passed);
    }

    private void verify() {
        List<String> wrong = new ArrayList<>();
        allowed.forEach((probe, results) -> results.forEach((column, passed) -> {
            if (!passed) {
                wrong.add(probe + " fails with " + column.text);
            }
        }));
        denied.forEach((probe, results) -> results.forEach((column, passed) -> {
            if (column == Column.UNFILTERED && !passed) {
                wrong.add(probe + " fails without a filter too, so it proves nothing");
            } else if (column != Column.UNFILTERED && passed) {
                wrong.add(probe + " succeeds with " + column.text);
            }
        }));
        assertThat(wrong).as("%s", table()).isEmpty();
    }

    private String table() {
        List<Column> columns = List.of(Column.values());
        StringBuilder table = new StringBuilder("| probe | promised | ");
        table.append(columns.stream().map(column -> column.text).collect(Collectors.joining(" | ")))
                .append(" |\n|")
                .append(" --- |".repeat(columns.size() + 2))
                .append('\n');
        rows(table, allowed, "passes", columns);
        rows(table, denied, "fails", columns);
        return table.toString();
    }

    private static void rows(
            StringBuilder table, Map<String, Map<Column, Boolean>> probes, String promise, List<Column> columns) {
        probes.forEach((probe, results) -> table.append("| ")
                .append(probe)
                .append(" | ")
                .append(promise)
                .append(" | ")
                .append(columns.stream()
                        .map(column -> Boolean.TRUE.equals(results.get(column)) ? "passes" : "fails")
                        .collect(Collectors.joining(" | ")))
                .append(" |\n"));
    }

    /** The docs say what this found, or are made to. */
    private static void publish(String table) throws IOException {
        Path document = Path.of(Lab.environment("AGENTVM_LAB_HOME")).resolveSibling("docs/threat-model.md");
        String text = Files.readString(document);
        int from = text.indexOf(BEGIN) + BEGIN.length();
        int to = text.indexOf(END);
        assertThat(to).as("the marks in %s", document).isGreaterThanOrEqualTo(from);
        String now = "\n" + table + "\n";
        if ("write".equals(System.getProperty("agentvm.docs"))) {
            Files.writeString(document, text.substring(0, from) + now + text.substring(to));
        } else {
            assertThat(text.substring(from, to)).isEqualTo(now);
        }
    }

    private static String word() {
        return "w-" + UUID.randomUUID();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    /** Makes a guest send frames, each with a word of its own in it. */
    private static final class Sender {
        private final VM vm;
        private final Map<String, String> sent = new LinkedHashMap<>();

        private interface Maker<T> {
            T frame(String text);
        }

        Sender(VM vm) {
            this.vm = vm;
        }

        void send(String name, Maker<byte[]> maker) {
            sendBoth(name, text -> List.of(maker.frame(text)));
        }

        void sendBoth(String name, Maker<List<byte[]>> maker) {
            String word = word();
            for (byte[] frame : maker.frame(word)) {
                Lab.send(vm, frame);
            }
            sent.put(name, word);
        }

        Map<String, String> sent() {
            return sent;
        }
    }
}
