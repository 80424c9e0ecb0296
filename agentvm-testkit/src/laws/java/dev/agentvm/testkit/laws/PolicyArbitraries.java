package dev.agentvm.testkit.laws;

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
import dev.agentvm.network.Protocol;
import dev.agentvm.network.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.RandomDistribution;
import net.jqwik.api.Tuple;

/**
 * Makes policies, attachments and flows that are likely to meet: flows are drawn mostly from the edges of what the
 * policy opens, the floor closes and the attachment names. Stateless, safe for use by many threads.
 */
public final class PolicyArbitraries {
    private static final List<Cidr> OPENABLE = FloorClause.closedRanges().stream()
            .filter(range -> !FloorClause.LOCAL.ranges().contains(range)
                    && !FloorClause.MULTICAST_RESERVED.ranges().contains(range))
            .toList();
    private static final List<Cidr> HOST_NETWORKS = Stream.of(
                    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "8.0.0.0/8", "185.0.0.0/8")
            .map(Cidr::of)
            .toList();

    private PolicyArbitraries() {}

    /**
     * A policy, how its VM is attached, and a flow that may concern both. Immutable, safe for use by many threads.
     *
     * @param policy what is allowed
     * @param attachment where the VM is
     * @param flow what is tried
     */
    public record Case(NetworkPolicy policy, NetworkAttachment attachment, Flow flow) {
        /** What becomes of the flow. */
        public Verdict verdict() {
            return policy.evaluate(flow, attachment);
        }

        /** The same flow at the same place under another policy. */
        public Case with(NetworkPolicy other) {
            return new Case(other, attachment, flow);
        }

        /** A counterexample as people read it. */
        @Override
        public String toString() {
            return "\n" + policy.explain() + "attached as " + attachment + "\n" + flow + "\n";
        }
    }

    /** All addresses, evenly. */
    public static Arbitrary<IPv4Address> addresses() {
        return Arbitraries.integers()
                .withDistribution(RandomDistribution.uniform())
                .map(IPv4Address::ofBits);
    }

    /** All blocks, evenly over the prefix lengths. */
    public static Arbitrary<Cidr> blocks() {
        return Combinators.combine(addresses(), Arbitraries.integers().between(0, 32))
                .as(PolicyArbitraries::block)
                .withoutEdgeCases();
    }

    /** Addresses in {@code block}, its first and last often among them. */
    public static Arbitrary<IPv4Address> addressesIn(Cidr block) {
        return Arbitraries.longs()
                .between(block.base().toLong(), block.last().toLong())
                .map(bits -> IPv4Address.ofBits(bits.intValue()));
    }

    /** Addresses that the floor does not close. */
    public static Arbitrary<IPv4Address> publicAddresses() {
        return addresses()
                .filter(1000, address -> FloorClause.ofDestination(address).isEmpty());
    }

    /** Blocks of public addresses alone. */
    public static Arbitrary<Cidr> publicBlocks() {
        return Combinators.combine(publicAddresses(), Arbitraries.integers().between(8, 32))
                .as(PolicyArbitraries::block)
                .filter(1000, block -> FloorClause.closedRanges().stream().noneMatch(block::overlaps));
    }

    /** Blocks that the floor closes and a rule can open. */
    public static Arbitrary<Cidr> closedBlocks() {
        return Arbitraries.of(OPENABLE)
                .flatMap(range -> Combinators.combine(
                                addressesIn(range), Arbitraries.integers().between(range.prefixLength(), 32))
                        .as(PolicyArbitraries::block));
    }

    /** Destinations that a rule may name, those of the usual attachments among them. */
    public static Arbitrary<Cidr> destinations() {
        Arbitrary<Cidr> hosts = Arbitraries.of(HOST_NETWORKS).map(network -> Cidr.single(hostIn(network)));
        return Arbitraries.oneOf(publicBlocks(), closedBlocks(), hosts);
    }

    /** Ranges of ports, single ones most of all. */
    public static Arbitrary<PortRange> portRanges() {
        Arbitrary<Integer> ports = Arbitraries.oneOf(
                Arbitraries.of(22, 53, 67, 80, 443), Arbitraries.integers().between(1, 65535));
        return Arbitraries.frequencyOf(
                Tuple.of(3, ports.map(PortRange::of)),
                Tuple.of(
                        1,
                        Combinators.combine(ports, ports).as((a, b) -> PortRange.of(Math.min(a, b), Math.max(a, b)))));
    }

    /** Rules of every kind. */
    public static Arbitrary<FilterRule> rules() {
        return Combinators.combine(
                        Arbitraries.of(Protocol.class),
                        portRanges().array(PortRange[].class).ofMinSize(1).ofMaxSize(3),
                        Arbitraries.frequencyOf(
                                Tuple.of(2, Arbitraries.just(new Cidr[0])),
                                Tuple.of(
                                        3,
                                        destinations()
                                                .array(Cidr[].class)
                                                .ofMinSize(1)
                                                .ofMaxSize(3))),
                        Arbitraries.of("the test database", "a mirror", "a build"))
                .as(PolicyArbitraries::rule)
                .withoutEdgeCases();
    }

    /** Policies of up to six rules, with both deny actions. */
    public static Arbitrary<NetworkPolicy> policies() {
        return Combinators.combine(
                        rules().list().ofMaxSize(6), Arbitraries.of(true, false), Arbitraries.of(DenyAction.class))
                .as((rules, names, denied) -> new NetworkPolicy.Builder()
                        .addRules(rules)
                        .nameResolution(names)
                        .denied(denied)
                        .build())
                .withoutEdgeCases();
    }

    /** Attachments to a network of the library's, and now and then to a caller's bridge. */
    public static Arbitrary<NetworkAttachment> attachments() {
        return Combinators.combine(
                        Arbitraries.of(HOST_NETWORKS).flatMap(PolicyArbitraries::addressesIn),
                        Arbitraries.integers().between(2, 254),
                        Arbitraries.of(HOST_NETWORKS).list().uniqueElements().ofMaxSize(3),
                        Arbitraries.of(true, true, true, false),
                        Arbitraries.oneOf(publicAddresses(), addressesIn(Cidr.of("10.0.0.0/8"))))
                .as((place, number, hosts, routed, resolver) -> {
                    Cidr subnet = block(place, 24);
                    IPv4Address gateway = IPv4Address.ofBits(subnet.base().bits() + 1);
                    NetworkAttachment.Builder attachment = new NetworkAttachment.Builder()
                            .mac(MacAddress.of("52:54:00:00:00:0a"))
                            .address(IPv4Address.ofBits(subnet.base().bits() + number))
                            .subnet(subnet);
                    hosts.forEach(network -> attachment.addHostAddress(hostIn(network)));
                    // A host with three other addresses has a block around one of them.
                    hosts.stream()
                            .skip(2)
                            .map(network -> block(hostIn(network), 26))
                            .filter(block -> !block.overlaps(subnet))
                            .forEach(attachment::addHostBlock);
                    return routed
                            ? attachment
                                    .gateway(gateway)
                                    .addHostAddress(gateway)
                                    .addResolver(gateway)
                                    .build()
                            : attachment.addResolver(resolver).build();
                });
    }

    /** Flows in both directions that {@code policy} and {@code attachment} are likely to have a word on. */
    public static Arbitrary<Flow> flows(NetworkPolicy policy, NetworkAttachment attachment) {
        return Arbitraries.frequencyOf(
                Tuple.of(12, ordinaryFlows(policy, attachment)),
                Tuple.of(2, namedFlows(policy)),
                Tuple.of(2, oddFlows(policy, attachment)),
                Tuple.of(3, flowsToVM(policy, attachment)),
                Tuple.of(2, answersToVM(attachment)));
    }

    /** TCP, UDP and pings from the VM under its own addresses; many of them are what some rule is about. */
    public static Arbitrary<Flow> ordinaryFlows(NetworkPolicy policy, NetworkAttachment attachment) {
        Arbitrary<Flow> any = Combinators.combine(
                        Arbitraries.of(Protocol.class), edges(policy, attachment), ports(policy))
                .as((protocol, to, port) -> flow(protocol, to.toString(), port));
        if (policy.rules().isEmpty()) {
            return any;
        }
        Arbitrary<Flow> aimed = Arbitraries.of(policy.rules())
                .flatMap(rule -> Combinators.combine(
                                rule.destinations().isEmpty()
                                        ? edges(policy, attachment)
                                        : Arbitraries.of(rule.destinations()).flatMap(PolicyArbitraries::addressesIn),
                                rule.ports().isEmpty()
                                        ? Arbitraries.just(0)
                                        : Arbitraries.of(rule.ports())
                                                .flatMap(range ->
                                                        Arbitraries.integers().between(range.first(), range.last())))
                        .as((to, port) -> flow(rule.protocol(), to.toString(), port)));
        return Arbitraries.oneOf(any, aimed);
    }

    /** Policies, attachments and all kinds of flows. */
    public static Arbitrary<Case> cases() {
        return cases(policies(), attachments(), PolicyArbitraries::flows);
    }

    /** Policies, attachments and {@link #ordinaryFlows}. */
    public static Arbitrary<Case> ordinaryCases() {
        return cases(policies(), attachments(), PolicyArbitraries::ordinaryFlows);
    }

    /** These policies and attachments, with the flows that {@code flows} has for each pair. */
    public static Arbitrary<Case> cases(
            Arbitrary<NetworkPolicy> policies,
            Arbitrary<NetworkAttachment> attachments,
            BiFunction<NetworkPolicy, NetworkAttachment, Arbitrary<Flow>> flows) {
        // Without jqwik's edge cases: the flows are at the edges that matter here, and combining both takes long.
        return Combinators.combine(policies, attachments)
                .as(Tuple::of)
                .flatMap(place ->
                        flows.apply(place.get1(), place.get2()).map(flow -> new Case(place.get1(), place.get2(), flow)))
                .withoutEdgeCases();
    }

    private static Arbitrary<Flow> namedFlows(NetworkPolicy policy) {
        return Combinators.combine(
                        Arbitraries.of(Protocol.class), Arbitraries.of("github.com", "crates.io"), ports(policy))
                .as(PolicyArbitraries::flow);
    }

    /** Spoofed sources, other protocols, ICMP types and ethertypes, DHCP. */
    private static Arbitrary<Flow> oddFlows(NetworkPolicy policy, NetworkAttachment attachment) {
        Arbitrary<Optional<IPv4Address>> sources = Arbitraries.of(
                Optional.empty(),
                Optional.of(attachment.address()),
                Optional.of(IPv4Address.of("0.0.0.0")),
                Optional.of(IPv4Address.ofBits(attachment.address().bits() ^ 1)));
        Arbitrary<Optional<MacAddress>> macs = Arbitraries.of(
                Optional.empty(), Optional.of(attachment.mac()), Optional.of(MacAddress.of("52:54:00:00:00:0b")));
        return Combinators.combine(
                        edges(policy, attachment),
                        sources,
                        macs,
                        Arbitraries.of(Flow.ETHERTYPE_IPV4, Flow.ETHERTYPE_IPV4, Flow.ETHERTYPE_ARP, 0x86dd, 0x8100),
                        Arbitraries.of(Flow.TCP, Flow.UDP, Flow.ICMP, 2, 47, 132),
                        ports(policy),
                        Arbitraries.of(68, 67, 53, 40000),
                        Arbitraries.integers().between(0, 20))
                .as((to, source, mac, etherType, protocol, port, sourcePort, type) -> new Flow.Builder()
                        .direction(Flow.Direction.FROM_VM)
                        .etherType(etherType)
                        .sourceMac(mac)
                        .source(source)
                        .destination(to)
                        .ipProtocol(protocol)
                        .sourcePort(sourcePort)
                        .destinationPort(port)
                        .icmpType(type)
                        .build());
    }

    /** What DHCP servers and resolvers send to a VM or to all, and what nearly looks so. */
    private static Arbitrary<Flow> answersToVM(NetworkAttachment attachment) {
        Arbitrary<IPv4Address> others =
                Arbitraries.oneOf(Arbitraries.of(near(attachment)), addressesIn(attachment.subnet()));
        Arbitrary<IPv4Address> servers = attachment.gateway().isPresent()
                ? Arbitraries.oneOf(Arbitraries.just(attachment.gateway().get()), others)
                : others;
        return Combinators.combine(
                        servers,
                        Arbitraries.of(Flow.UDP, Flow.UDP, Flow.UDP, Flow.TCP),
                        Arbitraries.of(67, 67, 53, 52, 60, 68),
                        Arbitraries.of(68, 68, 67, 40000),
                        targets(attachment))
                .as((source, protocol, sourcePort, port, to) -> new Flow.Builder()
                        .direction(Flow.Direction.TO_VM)
                        .source(source)
                        .destination(to)
                        .ipProtocol(protocol)
                        .sourcePort(sourcePort)
                        .destinationPort(port)
                        .build());
    }

    private static List<IPv4Address> near(NetworkAttachment attachment) {
        return Stream.of(
                        attachment.resolvers().stream(),
                        attachment.gateway().stream(),
                        attachment.hostAddresses().stream())
                .flatMap(addresses -> addresses)
                .toList();
    }

    /** The VM, and all. */
    private static Arbitrary<Optional<IPv4Address>> targets(NetworkAttachment attachment) {
        return Arbitraries.of(
                Optional.empty(),
                Optional.of(attachment.address()),
                Optional.of(IPv4Address.of("255.255.255.255")),
                Optional.of(attachment.subnet().last()));
    }

    private static Arbitrary<Flow> flowsToVM(NetworkPolicy policy, NetworkAttachment attachment) {
        Arbitrary<IPv4Address> sources = Arbitraries.oneOf(
                Arbitraries.of(near(attachment)), edges(policy, attachment), addressesIn(attachment.subnet()));
        return Combinators.combine(
                        sources,
                        Arbitraries.of(Flow.ETHERTYPE_IPV4, Flow.ETHERTYPE_IPV4, Flow.ETHERTYPE_ARP, 0x86dd),
                        Arbitraries.of(Flow.TCP, Flow.UDP, Flow.ICMP, 132),
                        Arbitraries.of(67, 53, 443, 40000),
                        Arbitraries.of(68, 22, 53, 40000),
                        targets(attachment))
                .as((source, etherType, protocol, sourcePort, port, to) -> new Flow.Builder()
                        .direction(Flow.Direction.TO_VM)
                        .etherType(etherType)
                        .source(source)
                        .destination(to)
                        .ipProtocol(protocol)
                        .sourcePort(sourcePort)
                        .destinationPort(port)
                        .icmpType(8)
                        .build());
    }

    /** The first and last address of everything that is named somewhere, their neighbours, and any other address. */
    private static Arbitrary<IPv4Address> edges(NetworkPolicy policy, NetworkAttachment attachment) {
        List<Cidr> named = new ArrayList<>(FloorClause.closedRanges());
        List<Cidr> opened = policy.rules().stream()
                .flatMap(rule -> rule.destinations().stream())
                .toList();
        List<Cidr> near = new ArrayList<>(List.of(attachment.subnet(), Cidr.single(attachment.address())));
        near.addAll(attachment.hostBlocks());
        Stream.concat(
                        Stream.concat(attachment.hostAddresses().stream(), attachment.resolvers().stream()),
                        attachment.gateway().stream())
                .map(Cidr::single)
                .forEach(near::add);
        named.addAll(near);
        named.addAll(opened);
        Arbitrary<IPv4Address> edge = Arbitraries.of(named)
                .flatMap(block -> Arbitraries.of(
                        block.base(),
                        block.last(),
                        IPv4Address.ofBits(block.base().bits() - 1),
                        IPv4Address.ofBits(block.last().bits() + 1)));
        Arbitrary<IPv4Address> inside =
                Arbitraries.of(opened.isEmpty() ? near : opened).flatMap(PolicyArbitraries::addressesIn);
        return Arbitraries.frequencyOf(
                Tuple.of(4, edge),
                Tuple.of(4, inside),
                Tuple.of(2, Arbitraries.of(near).flatMap(PolicyArbitraries::addressesIn)),
                Tuple.of(3, publicAddresses()),
                Tuple.of(1, addresses()));
    }

    /** The ends of the policy's port ranges, their neighbours, and any other port. */
    private static Arbitrary<Integer> ports(NetworkPolicy policy) {
        Set<Integer> edges = new TreeSet<>(Set.of(22, 53, 67, 80, 443));
        for (FilterRule rule : policy.rules()) {
            for (PortRange range : rule.ports()) {
                edges.addAll(List.of(
                        Math.max(0, range.first() - 1),
                        range.first(),
                        range.last(),
                        Math.min(65535, range.last() + 1)));
            }
        }
        return Arbitraries.frequencyOf(
                Tuple.of(5, Arbitraries.of(edges)),
                Tuple.of(1, Arbitraries.integers().between(0, 65535)));
    }

    private static Flow flow(Protocol protocol, String to, int port) {
        return switch (protocol) {
            case TCP -> Flow.tcp(to, port);
            case UDP -> Flow.udp(to, port);
            case ICMP_ECHO -> Flow.ping(to);
        };
    }

    private static FilterRule rule(Protocol protocol, PortRange[] ports, Cidr[] to, String reason) {
        FilterRule.Draft draft = switch (protocol) {
            case TCP -> FilterRule.allow().tcp(ports);
            case UDP -> FilterRule.allow().udp(ports);
            case ICMP_ECHO -> FilterRule.allow().ping();
        };
        return (to.length == 0 ? draft : draft.to(to)).because(reason);
    }

    private static Cidr block(IPv4Address inside, int prefixLength) {
        int mask = prefixLength == 0 ? 0 : -1 << (32 - prefixLength);
        return Cidr.of(IPv4Address.ofBits(inside.bits() & mask), prefixLength);
    }

    /** One fixed address of each network, so that hosts and rules often name the same. */
    private static IPv4Address hostIn(Cidr network) {
        return IPv4Address.ofBits(network.base().bits() + 0x0505);
    }
}
