package dev.agentvm.testkit.internal.nwfilter;

import dev.agentvm.testkit.internal.nwfilter.Match.Compiled;
import dev.agentvm.testkit.internal.nwfilter.Match.Found;
import dev.agentvm.testkit.internal.nwfilter.Match.Network;
import dev.agentvm.testkit.internal.nwfilter.Match.PortRange;
import dev.agentvm.testkit.internal.nwfilter.Match.Property;
import dev.agentvm.testkit.internal.nwfilter.Match.Subject;
import dev.agentvm.testkit.internal.nwfilter.Match.Tokens;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** Reads ebtables rules as ebtables does. */
final class EbtablesOptions {
    private final Tokens tokens;
    private final List<Match> matches = new ArrayList<>();
    private String target = "CONTINUE";
    private int protocol = -1;
    private boolean protocolNegated;
    private boolean ports;
    private boolean icmp6;

    private EbtablesOptions(Tokens tokens) {
        this.tokens = tokens;
    }

    static Compiled compile(RenderedRule rule) {
        EbtablesOptions options = new EbtablesOptions(new Tokens(rule));
        while (options.tokens.hasNext()) {
            options.option();
        }
        options.check();
        return new Compiled(rule, List.copyOf(options.matches), options.target);
    }

    private void check() {
        if (ports && (protocolNegated || !IpProtocol.hasPorts(protocol))) {
            throw tokens.refused("ports need one protocol that has them");
        }
        if (icmp6 && (protocolNegated || protocol != IpProtocol.ICMPV6)) {
            throw tokens.refused("an ICMPv6 type needs the protocol icmpv6");
        }
    }

    private void option() {
        boolean before = tokens.skip("!");
        String option = tokens.next();
        if (option.equals("-j")) {
            target = tokens.next();
            return;
        }
        if (option.equals("--arp-gratuitous")) {
            arp(
                    option,
                    before,
                    "",
                    a -> new Found(
                            a.senderIp() + " and " + a.targetIp(), a.senderIp().equals(a.targetIp())));
            return;
        }
        boolean negated = tokens.skip("!") || before;
        String value = tokens.next();
        switch (option) {
            case "-s" -> mac(option, negated, value, s -> s.packet().source());
            case "-d" -> mac(option, negated, value, s -> s.packet().destination());
            case "-p" -> etherType(negated, value);
            case "--vlan-id" -> {
                int id = tokens.number(value, 4095);
                vlan(option, negated, value, p -> p.vlan() == null ? -1 : p.vlan(), id);
            }
            case "--vlan-encap" -> vlan(option, negated, "0x" + value, PacketData::etherType, hexadecimal(value));
            case "--arp-htype" -> arpNumber(option, negated, value, PacketData.Arp::hardwareType, false);
            case "--arp-opcode" -> arpNumber(option, negated, value, PacketData.Arp::operation, false);
            case "--arp-ptype" -> arpNumber(option, negated, value, PacketData.Arp::protocolType, true);
            case "--arp-ip-src" -> arpIp(option, negated, value, PacketData.Arp::senderIp);
            case "--arp-ip-dst" -> arpIp(option, negated, value, PacketData.Arp::targetIp);
            case "--arp-mac-src" -> arpMac(option, negated, value, PacketData.Arp::senderMac);
            case "--arp-mac-dst" -> arpMac(option, negated, value, PacketData.Arp::targetMac);
            default -> ipOption(option, negated, value);
        }
    }

    private void ipOption(String option, boolean negated, String value) {
        int version = option.startsWith("--ip6-") ? 6 : 4;
        switch (option.replace("--ip6-", "").replace("--ip-", "")) {
            case "source" -> ipAddress(option, negated, tokens.network(version, value), PacketData.Ip::source);
            case "destination" ->
                ipAddress(option, negated, tokens.network(version, value), PacketData.Ip::destination);
            case "tos" -> {
                int tos = Integer.parseInt(value.startsWith("0x") ? value.substring(2) : value, 16);
                ip(
                        option,
                        negated,
                        value,
                        ip -> new Found(String.format("0x%02x", ip.trafficClass()), ip.trafficClass() == tos));
            }
            case "protocol" -> {
                protocol = IpProtocol.named(value).orElseGet(() -> tokens.number(value, 255));
                protocolNegated = negated;
                ip(
                        option,
                        negated,
                        IpProtocol.name(protocol),
                        ip -> new Found(IpProtocol.name(ip.protocol()), ip.protocol() == protocol));
            }
            case "source-port" -> port(option, negated, value, PacketData.Ports::source);
            case "destination-port" -> port(option, negated, value, PacketData.Ports::destination);
            case "icmp-type" -> icmp6(option, negated, value);
            default -> throw tokens.notModelled("option " + option);
        }
    }

    private void add(String option, boolean negated, String expected, Property property) {
        matches.add(Match.property(option, negated, expected, property));
    }

    private void mac(String option, boolean negated, String value, Function<Subject, Mac> field) {
        int slash = value.indexOf('/');
        Mac mac = tokens.mac(slash < 0 ? value : value.substring(0, slash));
        Mac mask = slash < 0 ? Mac.BROADCAST : tokens.mac(value.substring(slash + 1));
        add(option, negated, value, subject -> {
            Mac actual = field.apply(subject);
            return new Found(actual.toString(), actual.equalsUnder(mask, mac));
        });
    }

    private int hexadecimal(String text) {
        String digits = text.toLowerCase(Locale.ROOT).startsWith("0x") ? text.substring(2) : text;
        if (!digits.matches("[0-9a-fA-F]{1,4}")) {
            throw tokens.notModelled("the name '" + text + "'");
        }
        return Integer.parseInt(digits, 16);
    }

    private void etherType(boolean negated, String value) {
        int type = switch (value.toLowerCase(Locale.ROOT)) {
            case "ipv4" -> PacketData.IPV4;
            case "ipv6" -> PacketData.IPV6;
            case "arp" -> PacketData.ARP;
            default -> hexadecimal(value);
        };
        if (type < 0x600) {
            throw tokens.refused("protocol number 0x" + Integer.toHexString(type) + " is a length");
        }
        add("-p", negated, String.format("0x%04x", type), subject -> {
            int actual = subject.packet().outerEtherType();
            return new Found(String.format("0x%04x", actual), actual == type);
        });
    }

    private void vlan(String option, boolean negated, String expected, ToIntFunction<PacketData> field, int value) {
        add(
                option,
                negated,
                expected,
                subject -> subject.packet().vlan() == null
                        ? null
                        : new Found(
                                option.equals("--vlan-id")
                                        ? String.valueOf(subject.packet().vlan())
                                        : String.format(
                                                "0x%04x", subject.packet().etherType()),
                                field.applyAsInt(subject.packet()) == value));
    }

    private void arp(String option, boolean negated, String expected, Function<PacketData.Arp, @Nullable Found> test) {
        add(
                option,
                negated,
                expected,
                subject -> subject.packet().vlan() == null && subject.packet().body() instanceof PacketData.Arp arp
                        ? test.apply(arp)
                        : null);
    }

    private void arpNumber(
            String option, boolean negated, String value, ToIntFunction<PacketData.Arp> field, boolean hexadecimal) {
        int number = hexadecimal ? hexadecimal(value) : tokens.number(value, 0xffff);
        arp(
                option,
                negated,
                value,
                arp -> new Found(String.valueOf(field.applyAsInt(arp)), field.applyAsInt(arp) == number));
    }

    private void arpIp(String option, boolean negated, String value, Function<PacketData.Arp, IpAddress> field) {
        Network network = tokens.network(4, value);
        arp(
                option,
                negated,
                value,
                arp -> arp.protocolType() != PacketData.IPV4
                        ? null
                        : new Found(field.apply(arp).toString(), network.contains(field.apply(arp))));
    }

    private void arpMac(String option, boolean negated, String value, Function<PacketData.Arp, Mac> field) {
        Mac mac = tokens.mac(value);
        arp(
                option,
                negated,
                value,
                arp -> arp.hardwareType() != 1
                        ? null
                        : new Found(
                                field.apply(arp).toString(), field.apply(arp).equals(mac)));
    }

    private void ip(String option, boolean negated, String expected, Function<PacketData.Ip, @Nullable Found> test) {
        int version = option.startsWith("--ip6-") ? 6 : 4;
        add(option, negated, expected, subject -> {
            PacketData.Ip ip = subject.packet().vlan() == null ? subject.ip() : null;
            return ip == null || ip.version() != version ? null : test.apply(ip);
        });
    }

    private void ipAddress(String option, boolean negated, Network network, Function<PacketData.Ip, IpAddress> field) {
        ip(
                option,
                negated,
                network.toString(),
                ip -> new Found(field.apply(ip).toString(), network.contains(field.apply(ip))));
    }

    private void port(String option, boolean negated, String value, ToIntFunction<PacketData.Ports> field) {
        ports = true;
        PortRange range = tokens.ports(value);
        ip(option, negated, value, ip -> {
            if (!ip.showsTransport() || !(ip.transport() instanceof PacketData.Ports packetPorts)) {
                return null;
            }
            int port = field.applyAsInt(packetPorts);
            return new Found(String.valueOf(port), range.contains(port));
        });
    }

    private void icmp6(String option, boolean negated, String value) {
        icmp6 = true;
        String[] parts = value.split("/", -1);
        Optional<int[]> types = range(parts[0]);
        Optional<int[]> codes = range(parts[1]);
        if (types.isEmpty() || codes.isEmpty()) {
            throw tokens.refused("'" + value + "' is no range of types and codes");
        }
        int[] type = types.get();
        int[] code = codes.get();
        ip(
                option,
                negated,
                value,
                ip -> ip.transport() instanceof PacketData.Icmp icmp
                        ? new Found(
                                icmp.type() + "/" + icmp.code(),
                                type[0] <= icmp.type()
                                        && icmp.type() <= type[1]
                                        && code[0] <= icmp.code()
                                        && icmp.code() <= code[1])
                        : null);
    }

    private Optional<int[]> range(String text) {
        String[] parts = text.split(":", -1);
        int from = tokens.number(parts[0], 255);
        int to = tokens.number(parts[1], 255);
        return from <= to ? Optional.of(new int[] {from, to}) : Optional.empty();
    }
}
