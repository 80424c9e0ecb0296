package dev.agentvm.libvirt.internal.network;

import dev.agentvm.network.Cidr;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.FloorClause;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.PortRange;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Tuple;

/** Policies and flows whose addresses and ports lie near the boundaries of each other and of the floor. */
final class PolicyFlows {
    static final NetworkAttachment VM = NetworkAttachment.example().toBuilder()
            .addHostAddresses(
                    IPv4Address.of("10.1.2.3"),
                    IPv4Address.of("81.2.69.2"),
                    IPv4Address.of("198.51.100.1"),
                    IPv4Address.of("172.17.0.1"))
            .build();

    private static final List<String> NAMED = List.of(
            "10.1.2.3/32",
            "10.1.2.2/32",
            "10.1.0.0/16",
            "10.0.0.0/8",
            "192.168.101.1/32",
            "192.168.101.11/32",
            "192.168.0.0/16",
            "192.168.100.0/22",
            "192.168.7.0/24",
            "169.254.169.254/32",
            "198.51.100.1/32",
            "198.51.100.0/24",
            "192.0.2.128/25",
            "192.0.2.0/25",
            "81.2.69.2/32",
            "81.2.69.0/24",
            "8.8.8.8/32",
            "8.8.4.0/22",
            "100.64.0.0/11");
    private static final List<Integer> PORTS = List.of(1, 22, 23, 53, 67, 79, 80, 81, 82, 443, 8080, 9418, 65535);

    private PolicyFlows() {}

    static Arbitrary<NetworkPolicy> policies() {
        return Combinators.combine(
                        rules().list().ofMaxSize(6),
                        Arbitraries.of(true, true, false),
                        Arbitraries.of(DenyAction.values()),
                        Arbitraries.of(true, false))
                .as((rules, names, denied, standard) -> {
                    NetworkPolicy.Builder policy =
                            new NetworkPolicy.Builder().nameResolution(names).denied(denied);
                    policy.addRules(rules);
                    if (standard) {
                        policy.addRules(NetworkPolicy.agentDefault().rules());
                    }
                    return policy.build();
                });
    }

    private static Arbitrary<FilterRule> rules() {
        Arbitrary<PortRange> ranges = Combinators.combine(Arbitraries.of(PORTS), Arbitraries.of(PORTS))
                .as((a, b) -> PortRange.of(Math.min(a, b), Math.max(a, b)));
        return Combinators.combine(
                        Arbitraries.of("tcp", "udp", "ping"),
                        ranges.array(PortRange[].class).ofMinSize(1).ofMaxSize(2),
                        Arbitraries.of(NAMED).list().uniqueElements().ofMaxSize(2),
                        Arbitraries.of("one", "two"))
                .as((protocol, ports, named, reason) -> {
                    FilterRule.Draft draft = switch (protocol) {
                        case "tcp" -> FilterRule.allow().tcp(ports);
                        case "udp" -> FilterRule.allow().udp(ports);
                        default -> FilterRule.allow().ping();
                    };
                    return (named.isEmpty() ? draft : draft.to(named.toArray(String[]::new))).because(reason);
                });
    }

    static Arbitrary<Flow> flows() {
        return Arbitraries.frequencyOf(Tuple.of(8, fromVM()), Tuple.of(2, toVM()));
    }

    private static Arbitrary<Flow> fromVM() {
        Arbitrary<IPv4Address> source = Arbitraries.frequency(
                        Tuple.of(12, "192.168.101.10"),
                        Tuple.of(1, "0.0.0.0"),
                        Tuple.of(1, "192.168.101.11"),
                        Tuple.of(1, "8.8.8.8"))
                .map(IPv4Address::of);
        Arbitrary<MacAddress> mac =
                Arbitraries.frequency(Tuple.of(15, VM.mac()), Tuple.of(1, MacAddress.of("52:54:00:00:00:77")));
        Arbitrary<Integer> etherType = Arbitraries.frequency(
                Tuple.of(20, Flow.ETHERTYPE_IPV4),
                Tuple.of(2, Flow.ETHERTYPE_ARP),
                Tuple.of(1, 0x86dd),
                Tuple.of(1, 0x88cc));
        return Combinators.combine(transports(), source, mac, etherType, addresses())
                .as((flow, from, station, type, to) -> flow.direction(Flow.Direction.FROM_VM)
                        .etherType(type)
                        .source(from)
                        .sourceMac(station)
                        .destination(to)
                        .build());
    }

    private static Arbitrary<Flow> toVM() {
        return Combinators.combine(transports(), addresses())
                .as((flow, from) -> flow.direction(Flow.Direction.TO_VM)
                        .source(from)
                        .destination(VM.address())
                        .build());
    }

    private static Arbitrary<Flow.Builder> transports() {
        Arbitrary<Integer> protocols = Arbitraries.frequency(
                Tuple.of(6, Flow.TCP),
                Tuple.of(4, Flow.UDP),
                Tuple.of(3, Flow.ICMP),
                Tuple.of(1, 47),
                Tuple.of(1, 132));
        return Combinators.combine(
                        protocols, Arbitraries.of(53, 67, 68, 443, 40000), ports(), Arbitraries.of(0, 3, 8, 11, 13))
                .as((protocol, source, destination, icmp) -> new Flow.Builder()
                        .ipProtocol(protocol)
                        .sourcePort(source)
                        .destinationPort(destination)
                        .icmpType(icmp));
    }

    private static Arbitrary<Integer> ports() {
        List<Integer> near = new ArrayList<>();
        for (int port : PORTS) {
            near.add(port);
            near.add(Math.max(1, port - 1));
            near.add(Math.min(65535, port + 1));
        }
        near.add(68);
        return Arbitraries.of(near);
    }

    /** The first and last address of each interesting block, and the two outside. */
    private static Arbitrary<IPv4Address> addresses() {
        List<Cidr> blocks = new ArrayList<>(FloorClause.closedRanges());
        NAMED.forEach(text -> blocks.add(Cidr.of(text)));
        blocks.add(VM.subnet());
        VM.hostAddresses().forEach(address -> blocks.add(Cidr.single(address)));
        List<IPv4Address> near = new ArrayList<>();
        for (Cidr block : blocks) {
            int first = block.base().bits();
            int last = block.last().bits();
            for (int bits : new int[] {first - 1, first, last, last + 1}) {
                near.add(IPv4Address.ofBits(bits));
            }
        }
        for (String usual : List.of("140.82.112.3", "192.168.101.1", "192.168.101.11", "255.255.255.255")) {
            for (int i = 0; i < 8; i++) {
                near.add(IPv4Address.of(usual));
            }
        }
        return Arbitraries.of(near);
    }
}
