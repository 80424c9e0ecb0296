package dev.agentvm.libvirt.lab;

import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Frames that no filter should let pass, and that no kernel would send by itself. */
final class HostileFrames {
    /** How the names of those begin that layer 2 cannot tell from pings. */
    static final String OTHER_ICMP = "other ICMP to the Internet: ";

    private static final Map<Integer, String> OTHER_TYPES = otherTypes();
    private static final int[] OTHER_PROTOCOLS = {2, 4, 41, 47, 50, 51, 89, 132, 136};
    private static final IPv4Address TO_ALL = IPv4Address.of("255.255.255.255");
    private static final String SPANNING_TREE = "01:80:c2:00:00:00";
    private static final MacAddress NOBODY = MacAddress.of("52:54:00:00:00:99");
    private static final int PORT = 40000;
    private static final int CLOSED = 8080;
    private static final int DNS = 53;

    /** Whose network card it is. */
    record Card(IPv4Address address, MacAddress mac) {}

    /**
     * One attempt.
     *
     * @param word a text in its frames that no other has
     */
    record Shot(String name, String word, List<byte[]> frames) {}

    private interface Maker<T> {
        T of(String word);
    }

    private final ProbeSite site;
    private final Card vm;
    private final Card peer;
    private final List<Shot> shots = new ArrayList<>();

    private HostileFrames(ProbeSite site, Card vm, Card peer) {
        this.site = site;
        this.vm = vm;
        this.peer = peer;
    }

    private static Map<Integer, String> otherTypes() {
        Map<Integer, String> types = new LinkedHashMap<>();
        types.put(0x86dd, "IPv6");
        types.put(0x8100, "a VLAN tag");
        types.put(0x88a8, "a service VLAN tag");
        types.put(0x8035, "RARP");
        types.put(0x8847, "MPLS");
        types.put(0x8864, "PPPoE");
        types.put(0x888e, "EAPOL");
        types.put(0x88b5, "an unknown ethertype");
        return types;
    }

    /**
     * What a VM sends.
     *
     * @param elsewhere the address of a VM of another network
     * @param lonely whether fragments without the rest of their packet are of interest
     */
    static List<Shot> fromVM(ProbeSite site, Card vm, Card peer, IPv4Address elsewhere, boolean lonely) {
        HostileFrames frames = new HostileFrames(site, vm, peer);
        frames.lies();
        frames.otherThanIp("", vm.mac(), site.routerMac());
        for (int protocol : OTHER_PROTOCOLS) {
            frames.fromVM("IP protocol " + protocol + " to the Internet", w -> packet(site.www(), protocol, w, vm));
            frames.fromVM("IP protocol " + protocol + " to the router", w -> packet(site.router(), protocol, w, vm));
        }
        frames.toEverybody("", vm);
        frames.toPeer();
        frames.datagrams("a VM of another network", elsewhere);
        site.host().forEach(frames::datagrams);
        frames.otherIcmp();
        frames.fragments();
        if (lonely) {
            frames.lonelyFragments();
        }
        return frames.shots;
    }

    /** What a neighbour sends to a VM. */
    static List<Shot> toVM(ProbeSite site, MacAddress neighbour, Card vm, Card peer, boolean lonely) {
        HostileFrames frames = new HostileFrames(site, vm, peer);
        String to = " to the VM";
        Card from = new Card(site.www(), neighbour);
        frames.otherThanIp(to, neighbour, vm.mac());
        for (int protocol : OTHER_PROTOCOLS) {
            frames.toVM("IP protocol " + protocol + to, neighbour, w -> packet(vm.address(), protocol, w, from));
        }
        frames.toEverybody(to, from);
        frames.toVM(
                "udp 53 of no resolver of the VM's" + to,
                neighbour,
                w -> Frames.udp(site.www(), DNS, vm.address(), PORT, w));
        frames.add(
                "a datagram in fragments" + to,
                neighbour,
                vm.mac(),
                w -> Frames.fragments(site.www(), DNS, vm.address(), PORT, w));
        if (lonely) {
            frames.toVM(
                    "a later fragment of a datagram" + to,
                    neighbour,
                    w -> Frames.fragments(site.resolver(), DNS, vm.address(), PORT, w)
                            .get(1));
        }
        if (site.routerIsAlone()) {
            frames.liesToVM(neighbour);
        }
        return frames.shots;
    }

    private void lies() {
        add("another MAC address", NOBODY, site.routerMac(), w -> List.of(query(vm.address(), w)));
        fromVM("another IP address", w -> query(site.inNetwork(250), w));
        frame("ARP: the router's address is mine", w -> Frames.arp(vm.mac(), site.router(), w));
        frame("ARP: another VM's address is mine", w -> Frames.arp(vm.mac(), peer.address(), w));
        frame("ARP with another MAC address", w -> Frames.arp(NOBODY, vm.address(), w));
    }

    private void liesToVM(MacAddress router) {
        frame("ARP to the VM: the router's address is at another MAC", w -> Frames.arp(NOBODY, site.router(), w));
        frame("ARP to the VM: another VM's address is at the router's MAC", w -> Frames.arp(router, peer.address(), w));
        toVM(
                "an answer of the resolver from another MAC",
                NOBODY,
                w -> Frames.udp(site.resolver(), DNS, vm.address(), PORT, w));
    }

    private byte[] query(IPv4Address from, String word) {
        return Frames.udp(from, site.resolver(), DNS, word);
    }

    private void otherThanIp(String suffix, MacAddress from, MacAddress to) {
        OTHER_TYPES.forEach((type, name) -> frame(name + suffix, w -> {
            byte[] payload = switch (type) {
                case 0x86dd -> Frames.ipv6(w);
                case 0x8100, 0x88a8 -> bytes("\0\7\10\0" + w);
                default -> bytes(w);
            };
            return Frames.ethernet(to.toString(), from, type, payload);
        }));
        frame("a message of the spanning tree" + suffix, w -> {
            byte[] bpdu = bytes("\102\102\3\0\0\0\0" + w);
            return Frames.ethernet(SPANNING_TREE, from, bpdu.length, bpdu);
        });
    }

    private void toEverybody(String suffix, Card from) {
        toEverybody("broadcast, udp" + suffix, Frames.BROADCAST, from, TO_ALL, 9999);
        toEverybody("broadcast in the network, udp" + suffix, Frames.BROADCAST, from, site.inNetwork(255), 9999);
        toEverybody("multicast, udp" + suffix, "01:00:5e:00:00:fb", from, IPv4Address.of("224.0.0.251"), 5353);
        frame("broadcast, an unknown ethertype" + suffix, w -> {
            return Frames.ethernet(Frames.BROADCAST, from.mac(), 0x88b5, bytes(w));
        });
    }

    private void toEverybody(String name, String mac, Card from, IPv4Address to, int port) {
        frame(name, w -> Frames.ethernet(mac, from.mac(), Frames.IPV4, Frames.udp(from.address(), to, port, w)));
    }

    private void toPeer() {
        frame(
                "an answer of a DHCP server to everybody",
                w -> Frames.ethernet(
                        Frames.BROADCAST, vm.mac(), Frames.IPV4, Frames.udp(vm.address(), 67, TO_ALL, 68, w)));
        add(
                "a datagram to another VM, directly",
                vm.mac(),
                peer.mac(),
                w -> List.of(Frames.udp(vm.address(), peer.address(), 9999, w)));
        fromVM(
                "a datagram to another VM, by way of the router",
                w -> Frames.udp(vm.address(), peer.address(), 9999, w));
    }

    private void datagrams(String whom, IPv4Address to) {
        fromVM("a datagram to " + whom, w -> Frames.udp(vm.address(), to, 9999, w));
    }

    private void otherIcmp() {
        fromVM(OTHER_ICMP + "a timestamp", w -> Frames.icmp(vm.address(), site.www(), 13, w));
        fromVM(OTHER_ICMP + "an error about nothing", w -> Frames.icmp(vm.address(), site.www(), 3, w));
    }

    private void fragments() {
        fromVM("tcp 8080 without a connection", w -> Frames.segment(vm.address(), site.www(), CLOSED, w));
        cut("a datagram in fragments to the Internet", w -> datagram(site.www(), CLOSED, w));
        cut("a datagram in fragments to a private network", w -> datagram(site.inside(), CLOSED, w));
        cut("tcp 8080 in tiny fragments", w -> Frames.tinyFragments(vm.address(), site.www(), CLOSED, w));
        cut(
                "tcp 443 in tiny fragments to a private network",
                w -> Frames.tinyFragments(vm.address(), site.inside(), 443, w));
        cut(
                "tcp 8080 in fragments, overlapped by port 80",
                w -> Frames.overlappingFragments(vm.address(), site.www(), CLOSED, 80, w));
        cut(
                "udp 8080 to the resolver in fragments, overlapped by port 53",
                w -> Frames.overlappingDatagram(vm.address(), site.resolver(), CLOSED, DNS, w));
    }

    /** What the kernel would keep for itself, waiting for the rest, if it gathered fragments. */
    private void lonelyFragments() {
        fromVM(
                "the first fragment of a datagram to a private network",
                w -> datagram(site.inside(), CLOSED, w).get(0));
        fromVM(
                "a later fragment of a datagram to a private network",
                w -> datagram(site.inside(), CLOSED, w).get(1));
        fromVM(
                "a later fragment of a datagram to the Internet",
                w -> datagram(site.www(), CLOSED, w).get(1));
        fromVM(
                "a later fragment of a datagram to the resolver",
                w -> datagram(site.resolver(), DNS, w).get(1));
    }

    private List<byte[]> datagram(IPv4Address to, int port, String word) {
        return Frames.fragments(vm.address(), Frames.freshPort(), to, port, word);
    }

    private static byte[] packet(IPv4Address to, int protocol, String word, Card from) {
        return Frames.packet(from.address(), to, protocol, word);
    }

    private void fromVM(String name, Maker<byte[]> packet) {
        cut(name, word -> List.of(packet.of(word)));
    }

    private void cut(String name, Maker<List<byte[]>> packets) {
        add(name, vm.mac(), site.routerMac(), packets);
    }

    private void toVM(String name, MacAddress from, Maker<byte[]> packet) {
        add(name, from, vm.mac(), word -> List.of(packet.of(word)));
    }

    private void add(String name, MacAddress from, MacAddress to, Maker<List<byte[]>> packets) {
        String word = word();
        shots.add(new Shot(
                name,
                word,
                packets.of(word).stream()
                        .map(packet -> Frames.ethernet(to.toString(), from, Frames.IPV4, packet))
                        .toList()));
    }

    private void frame(String name, Maker<byte[]> frame) {
        String word = word();
        shots.add(new Shot(name, word, List.of(frame.of(word))));
    }

    /** A text that has never been before. */
    static String word() {
        return "w-" + UUID.randomUUID();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }
}
