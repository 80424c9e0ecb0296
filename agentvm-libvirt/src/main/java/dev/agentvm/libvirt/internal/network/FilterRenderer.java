package dev.agentvm.libvirt.internal.network;

import dev.agentvm.libvirt.internal.network.PlanRule.Arp;
import dev.agentvm.libvirt.internal.network.PlanRule.Everything;
import dev.agentvm.libvirt.internal.network.PlanRule.Layer;
import dev.agentvm.libvirt.internal.network.PlanRule.Packet;
import dev.agentvm.libvirt.internal.network.PlanRule.Transport;
import dev.agentvm.libvirt.internal.xml.FilterXml;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.PortRange;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Writes a {@link FilterPlan} as libvirt's {@code <filter>}.
 *
 * <p>What libvirt renders in another way than it reads is not used here: no sets, no {@code inout}, no
 * negation. Each rule has a priority of its own, because libvirt does not keep the order of rules with equal ones. Rules
 * of layer 3 name the states they mean: with that libvirt makes no second copy of them for the other direction.
 */
public final class FilterRenderer {
    /** All our filters are named so, with the UUID of the VM. */
    private static final String PREFIX = "agentvm-";

    private static final int FIRST_PRIORITY = -1000;
    private static final int LAST_PRIORITY = 1000;
    /** iptables takes 255 bytes; libvirt cuts what is longer. */
    private static final int MAX_COMMENT = 250;

    private FilterRenderer() {}

    /** The name of the filter of a VM. */
    public static String name(UUID vm) {
        return PREFIX + vm;
    }

    /**
     * The filter.
     *
     * @param vm the VM it is for
     * @param filter the filter's own UUID, by which libvirt knows that a later document redefines it
     */
    public static FilterXml render(FilterPlan plan, UUID vm, UUID filter) {
        FilterXml xml = new FilterXml();
        xml.name = name(vm);
        xml.chain = "root";
        xml.uuid = filter.toString();
        int priority = FIRST_PRIORITY;
        for (PlanRule rule : plan.rules()) {
            if (priority > LAST_PRIORITY) {
                throw new IllegalStateException("a filter of " + plan.rules().size() + " rules; libvirt orders 2001");
            }
            xml.entries.add(FilterXml.Rule.of(action(rule), direction(rule), priority++, match(rule)));
        }
        return xml;
    }

    /**
     * The filter of a VM whose address libvirt is to learn from a DHCP lease: DHCP passes and nothing else, before libvirt
     * has learnt the address and after.
     */
    static FilterXml renderLearning(UUID vm, MacAddress mac) {
        FilterXml xml = renderAsking(vm, mac);
        // libvirt learns an address for the sake of a filter that names it; this rule comes last and changes nothing.
        FilterXml.Ip learnt = new FilterXml.Ip();
        learnt.srcIpAddr = "$IP";
        xml.entries.add(FilterXml.Rule.of(
                FilterXml.Action.DROP, FilterXml.Direction.OUT, FIRST_PRIORITY + xml.entries.size(), learnt));
        return xml;
    }

    /** The filter of a VM that runs and has lost its lease: DHCP passes and nothing else. */
    static FilterXml renderAsking(UUID vm, MacAddress mac) {
        Packet dhcp = Packet.any().of(Transport.UDP);
        List<PlanRule> rules = List.of(
                new PlanRule(
                        Layer.ETHERNET,
                        PlanRule.Direction.OUT,
                        PlanRule.Action.ACCEPT,
                        dhcp.fromMac(mac)
                                .from(IPv4Address.of("0.0.0.0"))
                                .to(IPv4Address.of("255.255.255.255"))
                                .fromPorts(PortRange.of(68))
                                .toPorts(PortRange.of(67)),
                        "the VM asks for its address"),
                new PlanRule(
                        Layer.ETHERNET,
                        PlanRule.Direction.IN,
                        PlanRule.Action.ACCEPT,
                        dhcp.fromPorts(PortRange.of(67)).toPorts(PortRange.of(68)),
                        "answers of the DHCP server"),
                new PlanRule(
                        Layer.ETHERNET,
                        PlanRule.Direction.OUT,
                        PlanRule.Action.DROP,
                        new Everything(),
                        "all else from the VM is closed"),
                new PlanRule(
                        Layer.ETHERNET,
                        PlanRule.Direction.IN,
                        PlanRule.Action.DROP,
                        new Everything(),
                        "all else to the VM is closed"));
        return render(new FilterPlan(DenyAction.DROP, rules), vm, vm);
    }

    private static FilterXml.Action action(PlanRule rule) {
        return switch (rule.action()) {
            case ACCEPT -> FilterXml.Action.ACCEPT;
            case DROP -> FilterXml.Action.DROP;
            case REJECT -> FilterXml.Action.REJECT;
        };
    }

    private static FilterXml.Direction direction(PlanRule rule) {
        return rule.direction() == PlanRule.Direction.OUT ? FilterXml.Direction.OUT : FilterXml.Direction.IN;
    }

    private static FilterXml.Match match(PlanRule rule) {
        FilterXml.Match match;
        if (rule.match() instanceof Packet packet) {
            match = rule.layer() == Layer.ETHERNET ? frame(packet) : packet(packet);
        } else if (rule.match() instanceof Arp arp) {
            match = arp(arp);
        } else if (rule.match() instanceof Everything) {
            match = new FilterXml.Mac();
        } else {
            throw new IllegalStateException("no XML for " + rule.match());
        }
        match.comment = comment(rule.reason());
        return match;
    }

    private static FilterXml.Arp arp(Arp match) {
        FilterXml.Arp arp = new FilterXml.Arp();
        arp.srcMacAddr = text(match.source());
        arp.arpSrcMacAddr = text(match.source());
        arp.arpSrcIpAddr = text(match.sender());
        return arp;
    }

    private static FilterXml.Ip frame(Packet match) {
        FilterXml.Ip ip = new FilterXml.Ip();
        ip.srcMacAddr = text(match.sourceMac());
        ip.srcIpAddr = base(match.source());
        ip.srcIpMask = mask(match.source());
        ip.dstIpAddr = base(match.destination());
        ip.dstIpMask = mask(match.destination());
        ip.protocol =
                match.transport() == null ? null : match.transport().name().toLowerCase(Locale.ROOT);
        ip.srcPortStart = first(match.sourcePorts());
        ip.srcPortEnd = last(match.sourcePorts());
        ip.dstPortStart = first(match.destinationPorts());
        ip.dstPortEnd = last(match.destinationPorts());
        return ip;
    }

    private static FilterXml.IpMatch packet(Packet match) {
        FilterXml.IpMatch ip = protocol(match);
        ip.srcIpAddr = base(match.source());
        ip.srcIpMask = mask(match.source());
        ip.dstIpAddr = base(match.destination());
        ip.dstIpMask = mask(match.destination());
        ip.state = switch (match.state()) {
            case ANY -> "NEW,ESTABLISHED,RELATED,INVALID";
            case NEW -> "NEW";
            case NEW_OR_INVALID -> "NEW,INVALID";
            case NEW_OR_ESTABLISHED -> "NEW,ESTABLISHED";
        };
        Integer connections = match.connectionsAbove();
        ip.connlimitAbove = connections == null ? null : connections.toString();
        return ip;
    }

    private static FilterXml.IpMatch protocol(Packet match) {
        Transport transport = match.transport();
        if (transport == null) {
            return new FilterXml.All();
        }
        if (transport == Transport.ICMP) {
            FilterXml.Icmp icmp = new FilterXml.Icmp();
            Integer type = match.icmpType();
            icmp.type = type == null ? null : type.toString();
            return icmp;
        }
        FilterXml.PortMatch ports = transport == Transport.TCP ? new FilterXml.Tcp() : new FilterXml.Udp();
        ports.srcPortStart = first(match.sourcePorts());
        ports.srcPortEnd = last(match.sourcePorts());
        ports.dstPortStart = first(match.destinationPorts());
        ports.dstPortEnd = last(match.destinationPorts());
        return ports;
    }

    private static @Nullable String text(@Nullable Object value) {
        return value == null ? null : value.toString();
    }

    private static @Nullable String base(@Nullable Cidr block) {
        return block == null ? null : block.base().toString();
    }

    private static @Nullable String mask(@Nullable Cidr block) {
        return block == null || block.prefixLength() == 32 ? null : Integer.toString(block.prefixLength());
    }

    private static @Nullable String first(@Nullable PortRange ports) {
        return ports == null ? null : Integer.toString(ports.first());
    }

    private static @Nullable String last(@Nullable PortRange ports) {
        return ports == null || ports.first() == ports.last() ? null : Integer.toString(ports.last());
    }

    /** Comments become arguments of tools that count bytes and quote in their own ways, so only plain ASCII passes. */
    private static String comment(String reason) {
        StringBuilder text = new StringBuilder();
        reason.codePoints()
                .limit(MAX_COMMENT)
                .forEach(c -> text.append(
                        c < 128 && (Character.isLetterOrDigit(c) || " .,:;/()_+='-".indexOf(c) >= 0) ? (char) c : '?'));
        return text.toString();
    }
}
