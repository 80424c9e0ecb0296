package dev.agentvm.testkit;

import dev.agentvm.testkit.internal.nwfilter.Bytes;
import dev.agentvm.testkit.internal.nwfilter.Frames;
import dev.agentvm.testkit.internal.nwfilter.PacketData;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A bridge with the VM's tap, a tap for another port, and a tap towards the Internet, in the network namespace of this
 * process, which is to be the lab's; and what is needed to see where the kernel takes each packet that is put in.
 *
 * <p>Each packet carries its number: as IP identification or flow label, and at its end. It arrived if it came out of
 * the right tap; at the host, if a rule after libvirt's in {@code INPUT} noted its number. It was rejected if the host
 * sent an ICMP error about it. The host's own answers (resets, echo replies) are suppressed before connection tracking.
 */
public final class Wire implements AutoCloseable {
    /** The bridge. */
    public static final String BRIDGE = "avmbr0";
    /** The VM's port of the bridge, to which filters are bound. */
    public static final String VM_TAP = "avmvm0";
    /** Where packets to and from the Internet pass. */
    public static final String UPLINK_TAP = "avmup0";
    /** The bridge's MAC address. */
    public static final String HOST_MAC = "52:54:00:ff:ff:fe";
    /** The MAC address of the neighbour on the bridge. */
    public static final String PEER_MAC = "52:54:00:00:00:02";
    /** The MAC address of the router behind the uplink. */
    public static final String ROUTER_MAC = "02:00:00:00:09:09";

    private static final String PEER_TAP = "avmpeer0";
    private static final String UPLINK_MAC = "52:54:00:ff:ff:fd";
    private static final String TABLE = "avm_wire";
    private static final byte[] MARKER = "agentvm#".getBytes(StandardCharsets.US_ASCII);
    private static final Pattern ELEMENTS = Pattern.compile("elements = \\{([^}]*)}");

    private final Process helper;
    private final BufferedWriter commands;
    private final BufferedReader answers;
    private final Set<String> hostAddresses;

    /**
     * A wire on whose bridge and uplink nobody has an address yet.
     *
     * @param hostAddresses those that {@code setup} gives the host, from which it may refuse packets
     * @param setup lines of shell that add addresses, routes and neighbours
     */
    public Wire(List<String> hostAddresses, String... setup) {
        if (!"1".equals(System.getenv("AGENTVM_LAB"))) {
            throw new IllegalStateException("runs in the lab only: use the profile lab");
        }
        this.hostAddresses = hostAddresses.stream().map(Wire::hex).collect(Collectors.toSet());
        shell(
                "ip link add " + BRIDGE + " address " + HOST_MAC
                        + " type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                "ip link set " + BRIDGE + " up");
        for (String tap : List.of(VM_TAP, PEER_TAP, UPLINK_TAP)) {
            shell("ip tuntap add " + tap + " mode tap", "ip link set " + tap + " txqueuelen 20000 up");
        }
        shell(
                "ip link set " + VM_TAP + " master " + BRIDGE,
                "ip link set " + PEER_TAP + " master " + BRIDGE,
                "ip link set " + UPLINK_TAP + " address " + UPLINK_MAC,
                "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf." + BRIDGE + ".rp_filter=0"
                        + " net.ipv4.conf." + UPLINK_TAP + ".rp_filter=0 net.ipv4.conf." + BRIDGE + ".route_localnet=1"
                        + " net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratelimit=0"
                        + " net.ipv6.icmp.ratemask=0",
                // Sequence numbers are not what this is about. This kernel takes UDP-Lite for invalid by its checksum.
                "sysctl -qw net.netfilter.nf_conntrack_tcp_be_liberal=1 net.netfilter.nf_conntrack_checksum=0");
        shell(setup);
        nft("""
                table inet %1$s {
                  set arrived4 { typeof ip id; size 65535; flags dynamic; }
                  set arrived6 { typeof ip6 flowlabel; size 65535; flags dynamic; }
                  chain input {
                    type filter hook input priority 50;
                    iifname "%2$s" meta nfproto ipv4 update @arrived4 { ip id }
                    iifname "%2$s" meta nfproto ipv6 update @arrived6 { ip6 flowlabel }
                  }
                  chain output {
                    type filter hook output priority -500;
                    oifname != { "%2$s", "%3$s" } accept
                    meta mark 7 accept
                    icmp type destination-unreachable accept
                    icmpv6 type destination-unreachable accept
                    drop
                  }
                }
                """);
        try {
            Path script = Files.createTempFile("wire", ".py");
            try (var source = Wire.class.getResourceAsStream("wire.py")) {
                Files.write(script, source.readAllBytes());
            }
            helper = new ProcessBuilder("python3", script.toString(), VM_TAP, PEER_TAP, UPLINK_TAP, BRIDGE)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            commands = new BufferedWriter(new OutputStreamWriter(helper.getOutputStream(), StandardCharsets.US_ASCII));
            answers = new BufferedReader(new InputStreamReader(helper.getInputStream(), StandardCharsets.US_ASCII));
            if (!"ready".equals(answers.readLine())) {
                throw new IllegalStateException("wire.py does not start");
            }
            Files.delete(script);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String hex(String address) {
        try {
            return HexFormat.of().formatHex(InetAddress.getByName(address).getAddress());
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(address, e);
        }
    }

    /** Runs a program; its output. It must end with 0 or what is allowed besides. */
    public static String run(List<String> command, int... allowed) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            process.getOutputStream().close();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            int status = process.waitFor();
            if (status != 0 && Arrays.stream(allowed).noneMatch(s -> s == status)) {
                throw new IllegalStateException(command + " ended with " + status + ": " + output);
            }
            return output;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void shell(String... lines) {
        run(List.of("sh", "-ec", String.join("\n", lines)));
    }

    private static void nft(String rules) {
        run(List.of("nft", rules.formatted(TABLE, BRIDGE, UPLINK_TAP)));
    }

    /** Switches what bridged packets are shown to. */
    public static void bridgeNetfilter(boolean on) {
        String value = on ? "1" : "0";
        shell("sysctl -qw net.bridge.bridge-nf-call-iptables=" + value + " net.bridge.bridge-nf-call-ip6tables="
                + value);
    }

    /** Forgets connections and what arrived before. */
    public static void forget() {
        run(List.of("conntrack", "-F"));
        nft("flush set inet %1$s arrived4; flush set inet %1$s arrived6");
    }

    /** The packet with its number in it. Numbers are from 1 to 65535. */
    public static Packet number(Packet packet, int number) {
        PacketData data = packet.data();
        byte[] mark = Arrays.copyOf(MARKER, MARKER.length + 8);
        byte[] digits = String.format("%08d", number).getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(digits, 0, mark, MARKER.length, 8);
        Bytes payload = Bytes.of(repeat(mark, data.payload().length()));
        PacketData.Body body = data.body();
        if (body instanceof PacketData.Ip ip && ip.transport() instanceof PacketData.Opaque) {
            // The kernel answers no packet of an unknown protocol unless it sums up to zero.
            int sum = Frames.checksum(mark);
            byte[] summed = Arrays.copyOf(mark, mark.length + 2);
            summed[mark.length] = (byte) (sum >> 8);
            summed[mark.length + 1] = (byte) sum;
            payload = Bytes.of(summed);
        }
        if (body instanceof PacketData.Ip ip) {
            body = new PacketData.Ip(
                    ip.source(),
                    ip.destination(),
                    ip.protocol(),
                    ip.trafficClass(),
                    ip.hopLimit(),
                    number,
                    ip.transport(),
                    ip.fragment());
        }
        return Packet.of(new PacketData(
                data.direction(),
                data.path(),
                data.source(),
                data.destination(),
                data.vlan(),
                data.etherType(),
                body,
                payload));
    }

    /** The mark once, or as often as it takes to fill what was there: so each fragment has it. */
    private static byte[] repeat(byte[] mark, int length) {
        byte[] all = new byte[Math.max(1, length / mark.length) * mark.length];
        for (int i = 0; i < all.length; i++) {
            all[i] = mark[i % mark.length];
        }
        return all;
    }

    /**
     * What became of a packet.
     *
     * @param offsets which fragments arrived, by the offset of their bytes; 0 alone if it was whole
     */
    public record Seen(Set<Integer> offsets, boolean rejected) {}

    /** Puts numbered packets in, in their order; what became of each. */
    public Map<Integer, Seen> send(Map<Integer, List<Packet>> packets) {
        try {
            for (List<Packet> frames : packets.values()) {
                for (Packet packet : frames) {
                    commands.write(command(packet));
                    commands.newLine();
                }
            }
            commands.write("drain");
            commands.newLine();
            commands.flush();
            Map<String, Map<Integer, Set<Integer>>> seen = new HashMap<>();
            Set<Integer> rejected = new HashSet<>();
            for (String line = answers.readLine(); !"done".equals(line); line = answers.readLine()) {
                if (line == null) {
                    throw new IllegalStateException("wire.py ended");
                }
                String[] parts = line.split(" ", 3);
                note(parts[1], HexFormat.of().parseHex(parts[2]), seen, rejected);
            }
            Set<Integer> atHost = new HashSet<>(elements("arrived4"));
            atHost.addAll(elements("arrived6"));
            Map<Integer, Seen> outcomes = new HashMap<>();
            packets.forEach((number, frames) -> {
                Set<Integer> offsets = arrived(frames.get(0), number, seen, atHost);
                // What arrived at a port of the host where nobody listens is answered likewise, but not by a rule.
                outcomes.put(number, new Seen(offsets, rejected.contains(number) && offsets.isEmpty()));
            });
            return outcomes;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String command(Packet packet) {
        byte[] frame = packet.toFrame();
        PacketData data = packet.data();
        if (packet.direction() == Packet.Direction.FROM_VM) {
            return "send " + VM_TAP + " " + HexFormat.of().formatHex(frame);
        }
        return switch (packet.path()) {
            case BRIDGED -> "send " + PEER_TAP + " " + HexFormat.of().formatHex(frame);
            case ROUTED -> {
                // The judged frame is the one at the VM; the host makes it out of what comes from the uplink.
                byte[] addresses = HexFormat.of().parseHex((UPLINK_MAC + ROUTER_MAC).replace(":", ""));
                System.arraycopy(addresses, 0, frame, 0, addresses.length);
                yield "send " + UPLINK_TAP + " " + HexFormat.of().formatHex(frame);
            }
            case HOST ->
                data.body() instanceof PacketData.Ip ip && ip.version() == 4
                        ? "host4 " + HexFormat.of().formatHex(frame, 14, frame.length)
                        : "frame " + HexFormat.of().formatHex(frame);
        };
    }

    private void note(String place, byte[] frame, Map<String, Map<Integer, Set<Integer>>> seen, Set<Integer> rejected) {
        boolean sent = place.equals(BRIDGE + "-out") || place.equals(UPLINK_TAP);
        // An ICMP error of the host's own: type, code and the packet it is about stand at fixed places.
        if (sent
                && hostAddresses.contains(hex(frame, 26, 4))
                && hex(frame, 12, 2).equals("0800")
                && hex(frame, 23, 1).equals("01")
                && hex(frame, 34, 2).equals("0303")) {
            rejected.add(Integer.parseInt(hex(frame, 46, 2), 16));
            return;
        }
        if (sent
                && hostAddresses.contains(hex(frame, 22, 16))
                && hex(frame, 12, 2).equals("86dd")
                && hex(frame, 20, 1).equals("3a")
                && hex(frame, 54, 2).equals("0104")) {
            rejected.add(Integer.parseInt(hex(frame, 64, 2), 16));
            return;
        }
        for (int at = 0; at + MARKER.length + 8 <= frame.length; at++) {
            if (Arrays.equals(frame, at, at + MARKER.length, MARKER, 0, MARKER.length)) {
                String digits = new String(frame, at + MARKER.length, 8, StandardCharsets.US_ASCII);
                int offset = hex(frame, 12, 2).equals("0800") ? Integer.parseInt(hex(frame, 20, 2), 16) & 0x1fff : 0;
                seen.computeIfAbsent(place, p -> new HashMap<>())
                        .computeIfAbsent(Integer.parseInt(digits), n -> new HashSet<>())
                        .add(8 * offset);
                return;
            }
        }
    }

    private static String hex(byte[] frame, int at, int length) {
        return at + length <= frame.length ? HexFormat.of().formatHex(frame, at, at + length) : "";
    }

    private static Set<Integer> arrived(
            Packet packet, int number, Map<String, Map<Integer, Set<Integer>>> seen, Set<Integer> atHost) {
        boolean fromVM = packet.direction() == Packet.Direction.FROM_VM;
        if (fromVM && packet.path() == Packet.Path.HOST && packet.data().body() instanceof PacketData.Ip) {
            return atHost.contains(number) ? Set.of(0) : Set.of();
        }
        String place = !fromVM
                ? VM_TAP
                : switch (packet.path()) {
                    case BRIDGED -> PEER_TAP;
                    case ROUTED -> UPLINK_TAP;
                    case HOST -> BRIDGE + "-in";
                };
        return seen.getOrDefault(place, Map.of()).getOrDefault(number, Set.of());
    }

    private static List<Integer> elements(String set) {
        Matcher matcher = ELEMENTS.matcher(run(List.of("nft", "-n", "list", "set", "inet", TABLE, set)));
        List<Integer> elements = new ArrayList<>();
        if (matcher.find()) {
            for (String element : matcher.group(1).split(",", -1)) {
                elements.add(Integer.decode(element.strip().split(" ", 2)[0]));
            }
        }
        return elements;
    }

    @Override
    public void close() {
        try {
            commands.close();
            helper.waitFor();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        } finally {
            helper.destroyForcibly();
        }
        run(List.of("nft", "delete", "table", "inet", TABLE));
        for (String link : List.of(VM_TAP, PEER_TAP, UPLINK_TAP, BRIDGE)) {
            run(List.of("ip", "link", "del", link));
        }
    }
}
