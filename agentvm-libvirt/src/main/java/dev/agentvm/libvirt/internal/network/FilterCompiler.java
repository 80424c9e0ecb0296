package dev.agentvm.libvirt.internal.network;

import static dev.agentvm.libvirt.internal.network.PlanRule.Action.ACCEPT;
import static dev.agentvm.libvirt.internal.network.PlanRule.Action.DROP;
import static dev.agentvm.libvirt.internal.network.PlanRule.Action.REJECT;
import static dev.agentvm.libvirt.internal.network.PlanRule.Direction.IN;
import static dev.agentvm.libvirt.internal.network.PlanRule.Direction.OUT;
import static dev.agentvm.libvirt.internal.network.PlanRule.Layer.ETHERNET;
import static dev.agentvm.libvirt.internal.network.PlanRule.Layer.IP;
import static dev.agentvm.libvirt.internal.network.PlanRule.Transport.ICMP;
import static dev.agentvm.libvirt.internal.network.PlanRule.Transport.TCP;
import static dev.agentvm.libvirt.internal.network.PlanRule.Transport.UDP;

import dev.agentvm.libvirt.internal.network.PlanRule.Action;
import dev.agentvm.libvirt.internal.network.PlanRule.Arp;
import dev.agentvm.libvirt.internal.network.PlanRule.Direction;
import dev.agentvm.libvirt.internal.network.PlanRule.Everything;
import dev.agentvm.libvirt.internal.network.PlanRule.Packet;
import dev.agentvm.libvirt.internal.network.PlanRule.State;
import dev.agentvm.libvirt.internal.network.PlanRule.Transport;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.FloorClause;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.PortRange;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Makes rules of a policy: {@link NetworkPolicy#evaluate} in libvirt's terms.
 *
 * <p>libvirt runs a process for each rule of layer 2 that takes about 17 ms, and one of 3 ms for each chain that a rule
 * of layer 3 stands in, so the rules are few and wide:
 *
 * <ul>
 *   <li>There are no rules that deny a wrong source: every rule that accepts names the VM's own MAC and IP, and the last
 *       rule drops the rest.
 *   <li>What the kernel itself refuses to forward is left to it: 127/8, unless {@code route_localnet} is set. (0/8 is
 *       not: Linux forwards it since 5.3.)
 *   <li>Under {@link DenyAction#REJECT} the ranges where nobody should be ({@link FloorClause#SPECIAL} and 0/8) are closed
 *       at layer 3, for UDP and pings too, if the policy opens any.
 *       Everything behind which somebody usually is is closed at layer 2, which nothing ever unlinks.
 *   <li>Towards the VM no layer 2 can tell an answer from a question. UDP is accepted only from where the VM may ask,
 *       and of a gateway that resolves names also from the ports between those of DNS and DHCP.
 *       TCP (under {@link DenyAction#REJECT} only from ports that the VM may ask) and ICMP are accepted from anywhere,
 *       once the VM may use them at all: what comes from outside has passed the host's NAT, which knows the connections,
 *       and whatever the host or a neighbour sends by itself goes unanswered, because the VM's answer is a packet to a
 *       closed address.
 * </ul>
 *
 * <p>A fragment other than the first has no ports, so at layer 2 it passes only where all of a protocol passes: TCP from
 * the VM under REJECT and to it under DROP, ICMP, and UDP answers from the Internet. What is accepted by its port at layer 2 passes unfragmented
 * only. That is no loss in practice (TCP does not fragment, and the network's resolver is told to keep its answers
 * below the limit), and nothing denied gets through by being cut.
 */
public final class FilterCompiler {
    private static final PortRange DHCP_SERVER = PortRange.of(67);
    private static final PortRange DHCP_CLIENT = PortRange.of(68);
    private static final PortRange DNS = PortRange.of(53);
    private static final PortRange DNS_TO_DHCP = PortRange.of(53, 67);
    private static final int ECHO_REQUEST = 8;
    private static final IPv4Address BROADCAST = IPv4Address.of("255.255.255.255");
    private static final IPv4Address UNSPECIFIED = IPv4Address.of("0.0.0.0");
    private static final Cidr LOOPBACK = Cidr.of("127.0.0.0/8");
    private static final List<Cidr> EMPTY_RANGES = Stream.concat(
                    FloorClause.LOCAL.ranges().stream(), FloorClause.SPECIAL.ranges().stream())
            .filter(range -> !range.equals(LOOPBACK))
            .toList();

    private final NetworkPolicy policy;
    private final Attached attached;
    private final boolean reject;
    private final Openings openings;
    private final List<PlanRule> rules = new ArrayList<>();

    private FilterCompiler(NetworkPolicy policy, Attached attached, DenyAction denied) {
        this.policy = policy;
        this.attached = attached;
        this.reject = denied == DenyAction.REJECT;
        this.openings = Openings.of(policy, attached.vm());
    }

    /**
     * The rules for {@code policy}.
     *
     * @param denied how to deny: the policy's own way, or {@link DenyAction#DROP} where the host cannot do that
     */
    public static FilterPlan compile(NetworkPolicy policy, Attached attached, DenyAction denied) {
        FilterCompiler compiler = new FilterCompiler(policy, attached, denied);
        compiler.fromVM();
        compiler.toVM();
        compiler.connections();
        return new FilterPlan(denied, compiler.rules);
    }

    private void fromVM() {
        arpFromVM();
        dhcpFromVM();
        for (IPv4Address resolver : resolvers()) {
            out(ACCEPT, own().to(resolver).of(UDP).toPorts(DNS), "names are resolved here");
            out(ACCEPT, own().to(resolver).of(TCP).toPorts(DNS), "names are resolved here");
        }
        openings.host().forEach(this::openFromVM);
        for (Cidr closed : overlapping(hostAndSubnet(), openings.closed())) {
            out(DROP, Packet.any().to(closed), "the host and other VMs stay closed within a range that is opened");
        }
        openings.closed().forEach(this::openFromVM);
        for (Cidr closed : closedAtLayer2()) {
            out(DROP, Packet.any().to(closed), reason(closed));
        }
        if (reject) {
            out(ACCEPT, own().of(TCP), "layer 3 judges TCP to public addresses");
        }
        openings.open().stream()
                .filter(opening -> !reject || opening.transport() != TCP)
                .forEach(this::openFromVM);
        rules.add(new PlanRule(ETHERNET, OUT, DROP, new Everything(), "all else from the VM is closed"));
    }

    /**
     * Probes come from no address (RFC 5227). Only on a caller's bridge can somebody else have the VM's, and answer; on
     * the library's own network a probe that is lost says rightly that nobody has.
     */
    private void arpFromVM() {
        out(ACCEPT, new Arp(attached.vm().mac(), attached.vm().address()), "ARP with the VM's own addresses");
        if (hasNeighbours()) {
            out(ACCEPT, new Arp(attached.vm().mac(), UNSPECIFIED), "ARP probes before an address is used");
        }
    }

    /** As RFC 2131 has it, without an address and to all. On the library's own network leases have no end. */
    private void dhcpFromVM() {
        Packet request = Packet.any()
                .fromMac(attached.vm().mac())
                .to(BROADCAST)
                .of(UDP)
                .fromPorts(DHCP_CLIENT)
                .toPorts(DHCP_SERVER);
        out(ACCEPT, request.from(UNSPECIFIED), "the VM asks for its address");
        if (hasNeighbours()) {
            out(ACCEPT, request.from(attached.vm().address()), "the VM renews its address");
        }
    }

    private void openFromVM(Openings.Opening opening) {
        Packet packet = own().to(opening.destination()).of(opening.transport()).toPorts(opening.ports());
        out(ACCEPT, packet, opening.reason());
    }

    private void toVM() {
        attached.vm()
                .gateway()
                .ifPresentOrElse(
                        gateway -> in(ACCEPT, new Arp(gatewayMac(), gateway), "ARP from the gateway"),
                        () -> in(ACCEPT, new Arp(null, null), "ARP from neighbours"));
        servicesToVM();
        tcpToVM();
        icmpToVM();
        udpToVM();
        rules.add(new PlanRule(ETHERNET, IN, DROP, new Everything(), "all else to the VM is closed"));
    }

    /**
     * A gateway that resolves names is let in by one rule for both services' ports and those between: it spares a rule,
     * and what more it lets in is UDP of the host itself.
     */
    private void servicesToVM() {
        Packet lease = fromOutside().of(UDP).fromPorts(DHCP_SERVER).toPorts(DHCP_CLIENT);
        Packet services = fromOutside().of(UDP).fromPorts(DNS_TO_DHCP);
        attached.vm()
                .gateway()
                .ifPresentOrElse(
                        gateway -> in(
                                ACCEPT,
                                (resolvers().contains(gateway) ? services : lease).from(gateway),
                                "answers of the gateway's services"),
                        () -> in(ACCEPT, lease, "answers of DHCP servers"));
        resolvers().stream()
                .filter(resolver -> !isGateway(resolver))
                .forEach(resolver -> in(ACCEPT, answers(UDP).from(resolver).fromPorts(DNS), "answers of the resolver"));
    }

    /**
     * Under REJECT layer 2 lets all TCP out to public addresses, so it lets only what answers open ports in: where layer
     * 3 is unlinked for a moment no connection to a closed port comes about; what leaves then is segments of none.
     */
    private void tcpToVM() {
        if (!reject && !of(TCP, openings.open()).isEmpty()) {
            in(ACCEPT, answers(TCP), "answers to TCP; the host's NAT lets no others in");
            return;
        }
        for (IPv4Address resolver : resolvers()) {
            in(ACCEPT, answers(TCP).from(resolver).fromPorts(DNS), "answers of the resolver");
        }
        of(TCP, openings.all()).forEach(opening -> in(ACCEPT, answersOf(opening), opening.reason()));
    }

    private void icmpToVM() {
        boolean outside = reject || !openings.open().isEmpty();
        if (outside || hasNeighbours()) {
            in(ACCEPT, answers(ICMP), "answers to pings, and errors such as a too large packet");
            return;
        }
        in(ACCEPT, answers(ICMP).from(attached.vm().gateway().orElseThrow()), "the gateway's pings and errors");
        openings.named(ICMP).forEach(opening -> in(ACCEPT, answersOf(opening), opening.reason()));
    }

    private void udpToVM() {
        of(UDP, openings.host()).forEach(opening -> in(ACCEPT, answersOf(opening), opening.reason()));
        List<Openings.Opening> blocks = new ArrayList<>(of(UDP, openings.closed()));
        List<Openings.Opening> open = of(UDP, openings.open());
        boolean anywhere = open.stream().anyMatch(opening -> opening.destination() == null);
        if (!anywhere) {
            blocks.addAll(open);
        }
        for (Cidr closed : overlapping(hostAndSubnet(), blocks)) {
            in(DROP, Packet.any().from(closed), "the host and other VMs stay closed within a range that is opened");
        }
        blocks.forEach(opening -> in(ACCEPT, answersOf(opening), opening.reason()));
        if (anywhere) {
            for (Cidr closed : allClosed()) {
                in(DROP, Packet.any().from(closed), "no UDP from closed addresses");
            }
            in(ACCEPT, answers(UDP), "answers to UDP, fragments too; the host's NAT lets no others in");
        }
    }

    private static List<Openings.Opening> of(Transport transport, List<Openings.Opening> openings) {
        return openings.stream()
                .filter(opening -> opening.transport() == transport)
                .toList();
    }

    /** Layer 3. It sees the VM's packets whole, whatever they were cut into. */
    private void connections() {
        if (reject) {
            refusals();
        }
        if (hasNeighbours()) {
            // Neighbours on a caller's bridge have passed no NAT; here, and only here, layer 3 sees what they send.
            Packet lease = Packet.any().of(UDP).fromPorts(DHCP_SERVER).toPorts(DHCP_CLIENT);
            add(IP, IN, ACCEPT, lease.in(State.NEW_OR_ESTABLISHED), "answers of DHCP servers");
            add(IP, IN, DROP, Packet.any().in(State.NEW_OR_INVALID), "nobody starts a connection to the VM");
        }
    }

    private void refusals() {
        policy.connectionLimit()
                .ifPresent(limit -> add(
                        IP,
                        OUT,
                        REJECT,
                        Packet.any().of(TCP).beyond(limit),
                        "at most " + limit + " connections at once"));
        for (IPv4Address resolver : resolvers()) {
            pass(Openings.Opening.to(Cidr.single(resolver), TCP, DNS, "names are resolved here"));
            pass(Openings.Opening.to(Cidr.single(resolver), UDP, DNS, "names are resolved here"));
        }
        openings.host().forEach(this::pass);
        openings.closed().forEach(this::pass);
        for (Cidr closed : EMPTY_RANGES) {
            add(IP, OUT, DROP, Packet.any().to(closed), reason(closed));
        }
        openings.open().forEach(this::pass);
        boolean pings = openings.all().stream().anyMatch(opening -> opening.transport() == ICMP);
        if (pings) {
            passPings(Packet.any(), "pings, where layer 2 has let ICMP pass");
        }
        add(IP, OUT, REJECT, Packet.any().of(TCP), "all other TCP is refused at once");
    }

    /** Accepts at layer 3 what layer 2 has accepted, if a later rule of layer 3 would deny it. */
    private void pass(Openings.Opening opening) {
        Cidr destination = opening.destination();
        boolean special = destination != null && EMPTY_RANGES.stream().anyMatch(range -> range.overlaps(destination));
        if (opening.transport() == ICMP && special) {
            passPings(Packet.any().to(destination), opening.reason());
        } else if (opening.transport() == TCP || special) {
            Packet packet = Packet.any()
                    .to(destination)
                    .of(opening.transport())
                    .toPorts(opening.ports())
                    .in(State.NEW_OR_ESTABLISHED);
            add(IP, OUT, ACCEPT, packet, opening.reason());
        }
    }

    /** Layer 2 tells no ICMP types apart, so where it has let pings pass, what is no ping is refused here. */
    private void passPings(Packet packet, String reason) {
        add(IP, OUT, ACCEPT, packet.icmp(ECHO_REQUEST).in(State.NEW_OR_ESTABLISHED), reason);
        add(IP, OUT, REJECT, packet.of(ICMP), "no ICMP but pings");
    }

    private List<IPv4Address> resolvers() {
        return policy.nameResolution()
                ? attached.vm().resolvers().stream().distinct().sorted().toList()
                : List.of();
    }

    /** Where the host itself is, or its VMs are, somebody is, whatever the range. */
    private List<Cidr> closedAtLayer2() {
        List<Cidr> closed = floor();
        if (reject) {
            closed.removeAll(EMPTY_RANGES);
        }
        closed.addAll(hostAndSubnet());
        return CidrSet.merged(closed);
    }

    private List<Cidr> allClosed() {
        List<Cidr> closed = floor();
        closed.addAll(hostAndSubnet());
        return CidrSet.merged(closed);
    }

    private List<Cidr> floor() {
        List<Cidr> closed = new ArrayList<>(FloorClause.closedRanges());
        if (!attached.loopbackRouted()) {
            closed.remove(LOOPBACK);
        }
        return closed;
    }

    /** The gateway is one of the subnet. */
    private List<Cidr> hostAndSubnet() {
        TreeSet<Cidr> blocks = new TreeSet<>();
        blocks.add(attached.vm().subnet());
        blocks.addAll(attached.vm().hostBlocks());
        attached.vm().hostAddresses().forEach(address -> blocks.add(Cidr.single(address)));
        return CidrSet.merged(blocks);
    }

    private static List<Cidr> overlapping(List<Cidr> blocks, List<Openings.Opening> openings) {
        return blocks.stream()
                .filter(block -> openings.stream()
                        .anyMatch(opening -> opening.destination() != null
                                && opening.destination().overlaps(block)))
                .toList();
    }

    private String reason(Cidr closed) {
        for (FloorClause clause : FloorClause.values()) {
            if (clause.ranges().contains(closed)) {
                return clause.reason();
            }
        }
        return attached.vm().subnet().equals(closed)
                ? FloorClause.OTHER_VM.reason()
                : FloorClause.HOST.reason() + ", and what merges with its addresses";
    }

    /** On a caller's bridge others than the host and its VMs are there too. */
    private boolean hasNeighbours() {
        return attached.vm().gateway().isEmpty();
    }

    private boolean isGateway(IPv4Address address) {
        return attached.vm().gateway().filter(address::equals).isPresent();
    }

    private Packet own() {
        return Packet.any().fromMac(attached.vm().mac()).from(attached.vm().address());
    }

    private Packet fromOutside() {
        return Packet.any().fromMac(gatewayMac());
    }

    private Packet answers(Transport transport) {
        return fromOutside().to(attached.vm().address()).of(transport);
    }

    private Packet answersOf(Openings.Opening opening) {
        return answers(opening.transport()).from(opening.destination()).fromPorts(opening.ports());
    }

    private @Nullable MacAddress gatewayMac() {
        return attached.gatewayMac().orElse(null);
    }

    private void out(Action action, PlanRule.Match match, String reason) {
        rules.add(new PlanRule(ETHERNET, OUT, action, match, reason));
    }

    private void in(Action action, PlanRule.Match match, String reason) {
        rules.add(new PlanRule(ETHERNET, IN, action, match, reason));
    }

    private void add(PlanRule.Layer layer, Direction direction, Action action, Packet packet, String reason) {
        rules.add(new PlanRule(layer, direction, action, packet, reason));
    }
}
