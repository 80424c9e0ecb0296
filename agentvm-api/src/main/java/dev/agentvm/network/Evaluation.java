package dev.agentvm.network;

import dev.agentvm.network.Verdict.Outcome;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/** Judges flows by a policy for a VM that is attached in a certain way. */
final class Evaluation {
    private static final int DHCP_SERVER = 67;
    private static final int DHCP_CLIENT = 68;
    private static final int DNS = 53;
    private static final int ECHO_REQUEST = 8;
    /**
     * The ICMP types beside the echo request that Linux answers with an error: its {@code icmp_send} takes every other
     * one for an error itself, and refusing that is dropping it ({@code icmp_pointers} in net/ipv4/icmp.c).
     */
    private static final Set<Integer> ANSWERED_ICMP = Set.of(0, 13, 14, 15, 16, 17, 18);

    private static final IPv4Address BROADCAST = IPv4Address.of("255.255.255.255");
    private static final IPv4Address UNSPECIFIED = IPv4Address.of("0.0.0.0");

    private final NetworkPolicy policy;
    private final NetworkAttachment vm;

    Evaluation(NetworkPolicy policy, NetworkAttachment vm) {
        this.policy = policy;
        this.vm = vm;
    }

    Verdict judge(Flow flow) {
        return flow.direction() == Flow.Direction.FROM_VM ? fromVM(flow) : toVM(flow);
    }

    private Verdict fromVM(Flow flow) {
        if (flow.sourceMac().filter(mac -> !mac.equals(vm.mac())).isPresent()) {
            return Verdict.by(FloorClause.OWN_ADDRESS);
        }
        if (flow.etherType() == Flow.ETHERTYPE_ARP) {
            return arpFromVM(flow);
        }
        if (flow.etherType() != Flow.ETHERTYPE_IPV4) {
            return Verdict.by(FloorClause.NOT_IPV4);
        }
        if (isDhcpRequest(flow)) {
            return Verdict.by(Outcome.ALLOWED, "the VM asks for its address by DHCP");
        }
        if (flow.source().filter(source -> !source.equals(vm.address())).isPresent()) {
            return Verdict.by(FloorClause.OWN_ADDRESS);
        }
        if (policy.nameResolution() && isDnsQuery(flow)) {
            return Verdict.by(Outcome.ALLOWED, "the VM asks the network's resolver");
        }
        Optional<FilterRule> rule = policy.sortedRules().stream()
                .filter(candidate -> matches(candidate, flow) && reaches(candidate, flow))
                .findFirst();
        if (rule.isPresent()) {
            return Verdict.by(rule.get());
        }
        if (isRefusedIcmp(flow)) {
            return Verdict.by(Outcome.REFUSED, "no rule allows it");
        }
        return flow.destination().flatMap(this::closing).map(Verdict::by).orElseGet(() -> denied(flow));
    }

    private Verdict arpFromVM(Flow flow) {
        boolean own = flow.source()
                .map(source -> source.equals(vm.address()) || (hasNeighbours() && source.equals(UNSPECIFIED)))
                .orElse(true);
        return own
                ? Verdict.by(Outcome.ALLOWED, "the VM asks by ARP who has an address")
                : Verdict.by(FloorClause.OWN_ADDRESS);
    }

    /**
     * As RFC 2131 has it: from no address to all, and on a caller's bridge, whose leases end, also from the VM's own.
     */
    private boolean isDhcpRequest(Flow flow) {
        IPv4Address source = flow.source().orElse(vm.address());
        return is(flow, Flow.UDP)
                && (source.equals(UNSPECIFIED) || (hasNeighbours() && source.equals(vm.address())))
                && flow.destination().filter(BROADCAST::equals).isPresent()
                && has(flow.sourcePort(), DHCP_CLIENT)
                && has(flow.destinationPort(), DHCP_SERVER);
    }

    private boolean isDnsQuery(Flow flow) {
        return (is(flow, Flow.UDP) || is(flow, Flow.TCP))
                && has(flow.destinationPort(), DNS)
                && flow.destination().filter(vm.resolvers()::contains).isPresent();
    }

    /** Whether the rule allows the flow's destination. What is closed must be named; a host's address, named alone. */
    private boolean reaches(FilterRule rule, Flow flow) {
        if (flow.destination().isEmpty()) {
            return rule.destinations().isEmpty();
        }
        IPv4Address to = flow.destination().get();
        if (isHost(to)) {
            return rule.destinations().contains(Cidr.single(to));
        }
        if (vm.subnet().contains(to)) {
            return false;
        }
        return rule.destinations().isEmpty()
                ? FloorClause.ofDestination(to).isEmpty()
                : rule.destinations().stream().anyMatch(named -> named.contains(to));
    }

    private Optional<FloorClause> closing(IPv4Address to) {
        if (isHost(to)) {
            return Optional.of(FloorClause.HOST);
        }
        if (vm.subnet().contains(to)) {
            return Optional.of(FloorClause.OTHER_VM);
        }
        return FloorClause.ofDestination(to);
    }

    private boolean isHost(IPv4Address address) {
        return vm.isHost(address);
    }

    /** On a caller's bridge others than the host and its VMs are there too. */
    private boolean hasNeighbours() {
        return vm.gateway().isEmpty();
    }

    private boolean isGateway(IPv4Address address) {
        return vm.gateway().filter(address::equals).isPresent();
    }

    /** Whether the rule allows the flow's protocol and port. Layer 2 cannot tell ICMP types apart. */
    private boolean matches(FilterRule rule, Flow flow) {
        int port = flow.destinationPort().orElse(0);
        if (is(flow, Flow.TCP)) {
            return rule.covers(Protocol.TCP, port);
        }
        if (is(flow, Flow.UDP)) {
            return rule.covers(Protocol.UDP, port);
        }
        boolean echo = has(flow.icmpType(), ECHO_REQUEST) || policy.denied() == DenyAction.DROP;
        return is(flow, Flow.ICMP) && echo && rule.covers(Protocol.ICMP_ECHO, 0);
    }

    /** Where a rule lets pings pass layer 2 all ICMP passes it, and layer 3 refuses what is no echo request. */
    private boolean isRefusedIcmp(Flow flow) {
        return is(flow, Flow.ICMP)
                && policy.denied() == DenyAction.REJECT
                && ANSWERED_ICMP.contains(flow.icmpType().orElse(-1))
                && policy.rules().stream().anyMatch(rule -> rule.covers(Protocol.ICMP_ECHO, 0) && reaches(rule, flow));
    }

    private Verdict denied(Flow flow) {
        if (is(flow, Flow.TCP) && policy.denied() == DenyAction.REJECT) {
            return Verdict.by(Outcome.REFUSED, "no rule allows it");
        }
        boolean known = is(flow, Flow.TCP) || is(flow, Flow.UDP) || is(flow, Flow.ICMP);
        return known ? Verdict.by(Outcome.DROPPED, "no rule allows it") : Verdict.by(FloorClause.PROTOCOL);
    }

    private Verdict toVM(Flow flow) {
        boolean fromGateway = flow.source().filter(this::isGateway).isPresent();
        if (flow.etherType() == Flow.ETHERTYPE_ARP) {
            return arpToVM(fromGateway);
        }
        if (flow.etherType() != Flow.ETHERTYPE_IPV4) {
            return Verdict.by(FloorClause.NOT_IPV4);
        }
        if (isDhcpAnswer(flow) && (fromGateway || hasNeighbours())) {
            return Verdict.by(
                    Outcome.ALLOWED, fromGateway ? "the gateway answers DHCP" : "a DHCP server on the bridge answers");
        }
        if (!fromGateway) {
            return Verdict.by(FloorClause.INBOUND);
        }
        boolean toItself = flow.destination().map(vm.address()::equals).orElse(true);
        if (isDnsAnswer(flow) && toItself) {
            return Verdict.by(Outcome.ALLOWED, "the network's resolver answers");
        }
        if (isFromServicePort(flow)) {
            return Verdict.by(Outcome.ALLOWED, "the gateway may send from its ports of DNS and DHCP and those between");
        }
        if (is(flow, Flow.ICMP) && toItself) {
            return Verdict.by(Outcome.ALLOWED, "the gateway may ping the VM");
        }
        return Verdict.by(FloorClause.INBOUND);
    }

    private Verdict arpToVM(boolean fromGateway) {
        if (fromGateway) {
            return Verdict.by(Outcome.ALLOWED, "the gateway asks by ARP who has an address");
        }
        return hasNeighbours()
                ? Verdict.by(Outcome.ALLOWED, "a neighbour asks by ARP who has an address")
                : Verdict.by(FloorClause.INBOUND);
    }

    /** A server may answer one machine by broadcast, of the network or of all. */
    private static boolean isDhcpAnswer(Flow flow) {
        return is(flow, Flow.UDP) && has(flow.sourcePort(), DHCP_SERVER) && has(flow.destinationPort(), DHCP_CLIENT);
    }

    private boolean isDnsAnswer(Flow flow) {
        return policy.nameResolution()
                && (is(flow, Flow.UDP) || is(flow, Flow.TCP))
                && has(flow.sourcePort(), DNS)
                && flow.source().filter(vm.resolvers()::contains).isPresent();
    }

    /** A gateway that resolves names is trusted with both services' ports as one range, whoever it sends to. */
    private boolean isFromServicePort(Flow flow) {
        int port = flow.sourcePort().orElse(0);
        return policy.nameResolution()
                && is(flow, Flow.UDP)
                && port >= DNS
                && port <= DHCP_SERVER
                && flow.source().filter(vm.resolvers()::contains).isPresent();
    }

    private static boolean is(Flow flow, int ipProtocol) {
        return has(flow.ipProtocol(), ipProtocol);
    }

    private static boolean has(OptionalInt value, int wanted) {
        return value.isPresent() && value.getAsInt() == wanted;
    }
}
