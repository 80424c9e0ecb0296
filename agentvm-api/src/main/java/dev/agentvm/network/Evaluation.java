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
    /** ICMP error messages (RFC 792); no host answers them with an error, so refusing one is dropping it. */
    private static final Set<Integer> ICMP_ERRORS = Set.of(3, 4, 5, 11, 12);

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
        Optional<FilterRule> opening = explicitOpening(flow);
        if (opening.isPresent()) {
            return Verdict.by(opening.get());
        }
        Optional<FloorClause> closed = flow.destination().flatMap(this::closing);
        if (closed.isPresent()) {
            return Verdict.by(closed.get());
        }
        Optional<FilterRule> rule = policy.sortedRules().stream()
                .filter(candidate -> matches(candidate, flow) && reaches(candidate, flow))
                .findFirst();
        return rule.map(Verdict::by).orElseGet(() -> denied(flow));
    }

    private Verdict arpFromVM(Flow flow) {
        boolean own = flow.source()
                .map(source -> source.equals(vm.address()) || source.equals(UNSPECIFIED))
                .orElse(true);
        return own
                ? Verdict.by(Outcome.ALLOWED, "the VM asks by ARP who has an address")
                : Verdict.by(FloorClause.OWN_ADDRESS);
    }

    private boolean isDhcpRequest(Flow flow) {
        boolean toServer = flow.destination()
                .filter(to ->
                        to.equals(BROADCAST) || vm.gateway().filter(to::equals).isPresent())
                .isPresent();
        boolean ownOrNone = flow.source()
                .filter(source -> !source.equals(vm.address()) && !source.equals(UNSPECIFIED))
                .isEmpty();
        return is(flow, Flow.UDP)
                && toServer
                && ownOrNone
                && has(flow.sourcePort(), DHCP_CLIENT)
                && has(flow.destinationPort(), DHCP_SERVER);
    }

    private boolean isDnsQuery(Flow flow) {
        return (is(flow, Flow.UDP) || is(flow, Flow.TCP))
                && has(flow.destinationPort(), DNS)
                && flow.destination().filter(vm.resolvers()::contains).isPresent();
    }

    /** A rule that opens closed addresses by naming them; a host's address must be named alone. */
    private Optional<FilterRule> explicitOpening(Flow flow) {
        if (flow.destination().isEmpty()) {
            return Optional.empty();
        }
        IPv4Address to = flow.destination().get();
        boolean host = vm.hostAddresses().contains(to);
        if (!host && (vm.subnet().contains(to) || FloorClause.ofDestination(to).isEmpty())) {
            return Optional.empty();
        }
        return policy.sortedRules().stream()
                .filter(rule -> matches(rule, flow))
                .filter(rule -> rule.destinations().stream()
                        .anyMatch(named -> host ? named.equals(Cidr.single(to)) : named.contains(to)))
                .findFirst();
    }

    private Optional<FloorClause> closing(IPv4Address to) {
        if (vm.hostAddresses().contains(to)) {
            return Optional.of(FloorClause.HOST);
        }
        if (vm.subnet().contains(to)) {
            return Optional.of(FloorClause.OTHER_VM);
        }
        return FloorClause.ofDestination(to);
    }

    private static boolean reaches(FilterRule rule, Flow flow) {
        return rule.destinations().isEmpty()
                || flow.destination()
                        .filter(to -> rule.destinations().stream().anyMatch(named -> named.contains(to)))
                        .isPresent();
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

    private Verdict denied(Flow flow) {
        if (policy.denied() == DenyAction.REJECT) {
            if (is(flow, Flow.TCP)) {
                return Verdict.by(Outcome.REFUSED, "no rule allows it");
            }
            boolean answered = is(flow, Flow.ICMP)
                    && !ICMP_ERRORS.contains(flow.icmpType().orElse(0))
                    && policy.rules().stream()
                            .anyMatch(rule -> rule.protocol() == Protocol.ICMP_ECHO
                                    && rule.destinations().isEmpty());
            if (answered) {
                return Verdict.by(Outcome.REFUSED, "no rule allows it");
            }
        }
        boolean known = is(flow, Flow.TCP) || is(flow, Flow.UDP) || is(flow, Flow.ICMP);
        return known ? Verdict.by(Outcome.DROPPED, "no rule allows it") : Verdict.by(FloorClause.PROTOCOL);
    }

    private Verdict toVM(Flow flow) {
        if (flow.etherType() == Flow.ETHERTYPE_ARP) {
            return flow.source()
                            .filter(source ->
                                    vm.gateway().filter(source::equals).isPresent())
                            .isPresent()
                    ? Verdict.by(Outcome.ALLOWED, "the gateway asks by ARP who has an address")
                    : Verdict.by(FloorClause.INBOUND);
        }
        if (flow.etherType() != Flow.ETHERTYPE_IPV4) {
            return Verdict.by(FloorClause.NOT_IPV4);
        }
        if (flow.source()
                .filter(source -> vm.gateway().filter(source::equals).isPresent())
                .isPresent()) {
            if (is(flow, Flow.UDP) && has(flow.sourcePort(), DHCP_SERVER) && has(flow.destinationPort(), DHCP_CLIENT)) {
                return Verdict.by(Outcome.ALLOWED, "the gateway answers DHCP");
            }
            if (policy.nameResolution()
                    && (is(flow, Flow.UDP) || is(flow, Flow.TCP))
                    && has(flow.sourcePort(), DNS)
                    && vm.resolvers().contains(flow.source().get())) {
                return Verdict.by(Outcome.ALLOWED, "the network's resolver answers");
            }
            if (is(flow, Flow.ICMP)) {
                return Verdict.by(Outcome.ALLOWED, "the gateway may ping the VM");
            }
        }
        return Verdict.by(FloorClause.INBOUND);
    }

    private static boolean is(Flow flow, int ipProtocol) {
        return has(flow.ipProtocol(), ipProtocol);
    }

    private static boolean has(OptionalInt value, int wanted) {
        return value.isPresent() && value.getAsInt() == wanted;
    }
}
