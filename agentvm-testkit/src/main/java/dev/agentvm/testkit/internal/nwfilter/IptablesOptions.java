package dev.agentvm.testkit.internal.nwfilter;

import dev.agentvm.testkit.internal.nwfilter.Match.Compiled;
import dev.agentvm.testkit.internal.nwfilter.Match.Found;
import dev.agentvm.testkit.internal.nwfilter.Match.Network;
import dev.agentvm.testkit.internal.nwfilter.Match.PortRange;
import dev.agentvm.testkit.internal.nwfilter.Match.Property;
import dev.agentvm.testkit.internal.nwfilter.Match.Tokens;
import dev.agentvm.testkit.internal.nwfilter.PacketData.TcpFlag;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Reads iptables and ip6tables rules as those tools do. */
final class IptablesOptions {
    private static final Set<String> TARGETS = Set.of("ACCEPT", "DROP", "REJECT", "RETURN");

    private final Tokens tokens;
    private final int version;
    private final Map<String, List<String>> sets;
    private final List<Match> matches = new ArrayList<>();
    private final List<Port> ports = new ArrayList<>();
    private String target = "";

    private IptablesOptions(Tokens tokens, int version, Map<String, List<String>> sets) {
        this.tokens = tokens;
        this.version = version;
        this.sets = sets;
    }

    static Compiled compile(RenderedRule rule, Map<String, List<String>> sets) {
        int version = rule.engine() == RuleElement.Engine.IPTABLES ? 4 : 6;
        IptablesOptions options = new IptablesOptions(new Tokens(rule), version, sets);
        while (options.tokens.hasNext()) {
            options.option();
        }
        options.addPorts();
        return new Compiled(rule, List.copyOf(options.matches), options.target);
    }

    private void option() {
        boolean negated = tokens.skip("!");
        String option = tokens.next();
        String value = tokens.next();
        switch (option) {
            case "-m" -> {}
            case "-j" -> {
                if (!TARGETS.contains(value)) {
                    throw tokens.refused("Chain '" + value + "' does not exist");
                }
                target = value;
            }
            case "-p" -> protocol(value);
            case "--source" -> address(option, negated, tokens.network(version, value), PacketData.Ip::source);
            case "--destination" ->
                address(option, negated, tokens.network(version, value), PacketData.Ip::destination);
            case "--src-range" -> range(option, negated, value, PacketData.Ip::source);
            case "--dst-range" -> range(option, negated, value, PacketData.Ip::destination);
            case "--mac-source" -> {
                Mac mac = tokens.mac(value);
                add(
                        option,
                        negated,
                        value,
                        s -> new Found(
                                s.packet().source().toString(),
                                s.packet().source().equals(mac)));
            }
            case "--dscp" -> {
                int dscp = tokens.number(value, 63);
                ip(
                        option,
                        negated,
                        value,
                        ip -> new Found(String.valueOf(ip.trafficClass() >> 2), ip.trafficClass() >> 2 == dscp));
            }
            case "--tcp-flags" -> tcpFlags(negated, value, tokens.next());
            case "--sport" -> port(option, negated, value, PacketData.Ports::source);
            case "--dport" -> port(option, negated, value, PacketData.Ports::destination);
            case "--icmp-type", "--icmpv6-type" -> icmp(option, negated, value);
            case "--ctstate" -> ctState(value);
            case "--ctdir" -> ctDirection(value);
            case "--match-set" -> set(value, tokens.next());
            case "--connlimit-above" -> matches.add(new ConnectionLimit(tokens.number(value, 0xffff), negated));
            case "--comment" -> {}
            default -> throw tokens.notModelled("option " + option);
        }
    }

    private void add(String option, boolean negated, String expected, Property property) {
        matches.add(Match.property(option, negated, expected, property));
    }

    private void ip(String option, boolean negated, String expected, Function<PacketData.Ip, @Nullable Found> test) {
        add(option, negated, expected, subject -> {
            PacketData.Ip ip = subject.ip();
            return ip == null ? null : test.apply(ip);
        });
    }

    private void protocol(String value) {
        if (value.equals("all")) {
            return;
        }
        int protocol = IpProtocol.named(value).orElseThrow(() -> tokens.refused("unknown protocol '" + value + "'"));
        ip("-p", false, value, ip -> new Found(IpProtocol.name(ip.protocol()), ip.protocol() == protocol));
    }

    private void address(String option, boolean negated, Network network, Function<PacketData.Ip, IpAddress> field) {
        ip(
                option,
                negated,
                network.toString(),
                ip -> new Found(field.apply(ip).toString(), network.contains(field.apply(ip))));
    }

    private void range(String option, boolean negated, String value, Function<PacketData.Ip, IpAddress> field) {
        int dash = value.indexOf('-');
        IpAddress from = tokens.address(version, dash < 0 ? value : value.substring(0, dash));
        IpAddress to = dash < 0 ? from : tokens.address(version, value.substring(dash + 1));
        ip(option, negated, value, ip -> {
            IpAddress actual = field.apply(ip);
            return new Found(actual.toString(), from.compareTo(actual) <= 0 && actual.compareTo(to) <= 0);
        });
    }

    private void port(String option, boolean negated, String value, ToIntFunction<PacketData.Ports> field) {
        PortRange range = tokens.ports(value);
        ports.add(new Port(option, negated, value, range, field));
    }

    private void addPorts() {
        boolean merged = ports.size() == 2
                && ports.stream()
                        .allMatch(p ->
                                p.negated() && p.range().isSingle() && p.range().from() != 0);
        if (merged) {
            String options = ports.get(0).option() + " and " + ports.get(1).option();
            String values = ports.get(0).value() + " and " + ports.get(1).value();
            add(options, true, values + ", taken as a pair by iptables-nft 1.8.9", subject -> {
                PacketData.Ports packet = ports(subject.packet());
                return packet == null
                        ? null
                        : new Found(
                                packet.source() + " and " + packet.destination(),
                                ports.stream().allMatch(p -> p.holds(packet)));
            });
            return;
        }
        for (Port port : ports) {
            add(port.option(), port.negated(), port.value(), subject -> {
                PacketData.Ports packet = ports(subject.packet());
                return packet == null
                        ? null
                        : new Found(String.valueOf(port.field().applyAsInt(packet)), port.holds(packet));
            });
        }
    }

    /** In a later fragment the kernel takes for ports whatever stands where ports stand in a first one. */
    private static PacketData.@Nullable Ports ports(PacketData packet) {
        if (!(packet.body() instanceof PacketData.Ip ip) || !(ip.transport() instanceof PacketData.Ports ports)) {
            return null;
        }
        if (ip.showsTransport()) {
            return ports;
        }
        byte[] bytes = Frames.transportPart(packet);
        return bytes.length < 4
                ? null
                : new PacketData.Ports(
                        (bytes[0] & 0xff) << 8 | (bytes[1] & 0xff),
                        (bytes[2] & 0xff) << 8 | (bytes[3] & 0xff),
                        ports.flags(),
                        0,
                        0);
    }

    private record Port(
            String option, boolean negated, String value, PortRange range, ToIntFunction<PacketData.Ports> field) {
        boolean holds(PacketData.Ports packet) {
            return range.contains(field.applyAsInt(packet));
        }
    }

    private void tcpFlags(boolean negated, String mask, String set) {
        Set<TcpFlag> looked = tcpFlags(mask);
        Set<TcpFlag> wanted = tcpFlags(set);
        ip("--tcp-flags", negated, mask + " " + set, ip -> {
            if (!ip.showsTransport() || !(ip.transport() instanceof PacketData.Ports packetPorts)) {
                return null;
            }
            EnumSet<TcpFlag> seen = EnumSet.noneOf(TcpFlag.class);
            seen.addAll(packetPorts.flags());
            seen.retainAll(looked);
            return new Found(packetPorts.flags().stream().sorted().toList().toString(), seen.equals(wanted));
        });
    }

    private static Set<TcpFlag> tcpFlags(String text) {
        return switch (text) {
            case "ALL" -> EnumSet.allOf(TcpFlag.class);
            case "NONE" -> EnumSet.noneOf(TcpFlag.class);
            default ->
                Arrays.stream(text.split(",", -1))
                        .map(TcpFlag::valueOf)
                        .collect(Collectors.toCollection(() -> EnumSet.noneOf(TcpFlag.class)));
        };
    }

    private void icmp(String option, boolean negated, String value) {
        String[] parts = value.split("/", -1);
        int type = tokens.number(parts[0], 255);
        int code = parts.length > 1 ? tokens.number(parts[1], 255) : -1;
        ip(
                option,
                negated,
                value,
                ip -> ip.transport() instanceof PacketData.Icmp icmp
                        ? new Found(
                                icmp.type() + "/" + icmp.code(),
                                icmp.type() == type && (code < 0 || icmp.code() == code))
                        : null);
    }

    private void ctState(String value) {
        Set<String> states = Set.of(value.split(",", -1));
        add("--ctstate", false, value, subject -> {
            String actual = subject.finding() == null
                    ? Conntrack.Tracked.INVALID.name()
                    : subject.finding().state().name();
            return new Found(actual, states.contains(actual));
        });
    }

    private void ctDirection(String value) {
        add("--ctdir", false, value, subject -> {
            Conntrack.Side side =
                    subject.finding() == null ? null : subject.finding().side();
            return side == null ? null : new Found(side.name(), side.name().equalsIgnoreCase(value));
        });
    }

    private void set(String name, String flags) {
        List<String> members = sets.get(name);
        if (members == null) {
            throw tokens.refused("Set " + name + " doesn't exist");
        }
        if (flags.contains(",")) {
            throw tokens.notModelled("a set of more than one dimension");
        }
        List<Network> networks = members.stream()
                .filter(m -> m.indexOf(':') >= 0 == (version == 6))
                .map(m -> tokens.network(version, m))
                .toList();
        Function<PacketData.Ip, IpAddress> field =
                flags.equals("src") ? PacketData.Ip::source : PacketData.Ip::destination;
        ip(
                "--match-set",
                false,
                name + " " + flags,
                ip -> new Found(
                        field.apply(ip).toString(), networks.stream().anyMatch(n -> n.contains(field.apply(ip)))));
    }

    /** Counts the connections of one source address that the rule has met and that still live, this one included. */
    private static final class ConnectionLimit implements Match {
        private final int limit;
        private final boolean negated;
        private final Map<IpAddress, Set<Conntrack.Tuple>> met = new HashMap<>();

        ConnectionLimit(int limit, boolean negated) {
            this.limit = limit;
            this.negated = negated;
        }

        @Override
        public @Nullable String mismatch(Subject subject) {
            PacketData.Ip ip = subject.ip();
            Conntrack.Finding finding = subject.finding();
            if (ip == null || finding == null) {
                return "--connlimit-above: nothing is tracked";
            }
            Set<Conntrack.Tuple> own = met.computeIfAbsent(ip.source(), k -> new HashSet<>());
            own.removeIf(tuple -> !subject.conntrack().isAlive(tuple));
            Conntrack.Connection connection = finding.connection();
            own.add(connection == null ? finding.tuple() : connection.original());
            int count = own.size();
            return count > limit != negated
                    ? null
                    : "--connlimit-above" + (negated ? " ! " : " ") + limit + ": " + ip.source() + " has " + count;
        }
    }
}
