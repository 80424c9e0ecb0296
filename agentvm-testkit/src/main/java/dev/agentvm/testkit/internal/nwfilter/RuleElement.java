package dev.agentvm.testkit.internal.nwfilter;

import static dev.agentvm.testkit.internal.nwfilter.AttributeType.ARP_OPCODE;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.BOOLEAN;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.COMMENT;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.CONNLIMIT;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.DSCP;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.ETHER_TYPE;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.IPSET;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.IPSET_FLAGS;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.IPV4;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.IPV4_MASK;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.IPV6;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.IPV6_MASK;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.IP_PROTOCOL;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.MAC;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.MAC_MASK;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.NUMBER_16;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.NUMBER_8;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.STATE;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.TCP_FLAGS;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.VLAN_ENCAPSULATION;
import static dev.agentvm.testkit.internal.nwfilter.AttributeType.VLAN_ID;

import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The elements inside {@code <rule>} and their attributes, in the order in which libvirt reads them. What libvirt knows
 * and the simulator does not is in {@link #unmodelled()}.
 */
enum RuleElement {
    NONE("", Engine.EBTABLES, Map.of()),
    MAC_("mac", Engine.EBTABLES, ethernet("protocolid", ETHER_TYPE)),
    VLAN("vlan", Engine.EBTABLES, ethernet("vlanid", VLAN_ID, "encap-protocol", VLAN_ENCAPSULATION)),
    STP("stp", Engine.EBTABLES, attributes("srcmacaddr", MAC, "srcmacmask", MAC_MASK, "comment", COMMENT)),
    ARP("arp", Engine.EBTABLES, arp()),
    RARP("rarp", Engine.EBTABLES, arp()),
    IP("ip", Engine.EBTABLES, frameIp(IPV4, IPV4_MASK, "dscp", DSCP)),
    IPV6_(
            "ipv6",
            Engine.EBTABLES,
            frameIp(IPV6, IPV6_MASK, "type", NUMBER_8, "typeend", NUMBER_8, "code", NUMBER_8, "codeend", NUMBER_8)),
    TCP("tcp", Engine.IPTABLES, packetPorts(4, "flags", TCP_FLAGS)),
    UDP("udp", Engine.IPTABLES, packetPorts(4)),
    UDPLITE("udplite", Engine.IPTABLES, packet(4)),
    ESP("esp", Engine.IPTABLES, packet(4)),
    AH("ah", Engine.IPTABLES, packet(4)),
    SCTP("sctp", Engine.IPTABLES, packetPorts(4)),
    ICMP("icmp", Engine.IPTABLES, packet(4, "type", NUMBER_8, "code", NUMBER_8)),
    ALL("all", Engine.IPTABLES, packet(4)),
    IGMP("igmp", Engine.IPTABLES, packet(4)),
    TCP_IPV6("tcp-ipv6", Engine.IP6TABLES, packetPorts(6)),
    UDP_IPV6("udp-ipv6", Engine.IP6TABLES, packetPorts(6)),
    UDPLITE_IPV6("udplite-ipv6", Engine.IP6TABLES, packet(6)),
    ESP_IPV6("esp-ipv6", Engine.IP6TABLES, packet(6)),
    SCTP_IPV6("sctp-ipv6", Engine.IP6TABLES, packetPorts(6)),
    ICMPV6("icmpv6", Engine.IP6TABLES, packet(6, "type", NUMBER_8, "code", NUMBER_8)),
    ALL_IPV6("all-ipv6", Engine.IP6TABLES, packet(6));

    /** Elements that libvirt knows beyond those. */
    static final Set<String> UNMODELLED = Set.of("ah-ipv6");

    /** Which tool gets the rule. */
    enum Engine {
        EBTABLES,
        IPTABLES,
        IP6TABLES;

        String command() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }

    private final String element;
    private final Engine engine;
    private final Map<String, AttributeType> attributes;

    RuleElement(String element, Engine engine, Map<String, AttributeType> attributes) {
        this.element = element;
        this.engine = engine;
        this.attributes = attributes;
    }

    static Optional<RuleElement> named(String name) {
        return Arrays.stream(values())
                .filter(e -> e != NONE && e.element.equals(name))
                .findFirst();
    }

    String element() {
        return element;
    }

    Engine engine() {
        return engine;
    }

    Map<String, AttributeType> attributes() {
        return attributes;
    }

    Set<String> unmodelled() {
        return switch (this) {
            case STP ->
                Set.of(
                        "type",
                        "flags",
                        "root-priority",
                        "root-priority-hi",
                        "root-address",
                        "root-address-mask",
                        "root-cost",
                        "root-cost-hi",
                        "sender-priority",
                        "sender-priority-hi",
                        "sender-address",
                        "sender-address-mask",
                        "port",
                        "port-hi",
                        "age",
                        "age-hi",
                        "max-age",
                        "max-age-hi",
                        "hello-time",
                        "hello-time-hi",
                        "forward-delay",
                        "forward-delay-hi");
            case TCP, TCP_IPV6 -> Set.of("option");
            default -> Set.of();
        };
    }

    /** What {@code -p} gets; the engine's own rules have none. */
    String protocolOption() {
        return element.replace("-ipv6", "");
    }

    private static Map<String, AttributeType> attributes(Object... pairs) {
        Map<String, AttributeType> attributes = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            attributes.put((String) pairs[i], (AttributeType) pairs[i + 1]);
        }
        return Collections.unmodifiableMap(attributes);
    }

    private static Map<String, AttributeType> join(Object[] first, Object... rest) {
        Object[] all = Arrays.copyOf(first, first.length + rest.length);
        System.arraycopy(rest, 0, all, first.length, rest.length);
        return attributes(all);
    }

    private static Object[] macs() {
        return new Object[] {"srcmacaddr", MAC, "srcmacmask", MAC_MASK, "dstmacaddr", MAC, "dstmacmask", MAC_MASK};
    }

    private static Map<String, AttributeType> ethernet(Object... own) {
        Map<String, AttributeType> attributes = new LinkedHashMap<>(join(macs(), own));
        attributes.put("comment", COMMENT);
        return Collections.unmodifiableMap(attributes);
    }

    private static Map<String, AttributeType> arp() {
        return ethernet(
                "hwtype",
                NUMBER_16,
                "protocoltype",
                NUMBER_16,
                "opcode",
                ARP_OPCODE,
                "arpsrcmacaddr",
                MAC,
                "arpdstmacaddr",
                MAC,
                "arpsrcipaddr",
                IPV4,
                "arpsrcipmask",
                IPV4_MASK,
                "arpdstipaddr",
                IPV4,
                "arpdstipmask",
                IPV4_MASK,
                "gratuitous",
                BOOLEAN);
    }

    private static Map<String, AttributeType> frameIp(AttributeType address, AttributeType mask, Object... own) {
        Map<String, AttributeType> attributes = new LinkedHashMap<>(ethernet(
                "srcipaddr",
                address,
                "srcipmask",
                mask,
                "dstipaddr",
                address,
                "dstipmask",
                mask,
                "protocol",
                IP_PROTOCOL,
                "srcportstart",
                NUMBER_16,
                "srcportend",
                NUMBER_16,
                "dstportstart",
                NUMBER_16,
                "dstportend",
                NUMBER_16));
        attributes.putAll(attributes(own));
        return Collections.unmodifiableMap(attributes);
    }

    private static Map<String, AttributeType> packet(int version, Object... own) {
        AttributeType address = version == 4 ? IPV4 : IPV6;
        AttributeType mask = version == 4 ? IPV4_MASK : IPV6_MASK;
        Object[] common = {
            "srcmacaddr",
            MAC,
            "srcipaddr",
            address,
            "srcipmask",
            mask,
            "dstipaddr",
            address,
            "dstipmask",
            mask,
            "srcipfrom",
            address,
            "srcipto",
            address,
            "dstipfrom",
            address,
            // Not a slip: libvirt reads this one as IPv4 in IPv6 rules too, and so refuses every IPv6 address here.
            "dstipto",
            IPV4,
            "dscp",
            DSCP,
            "connlimit-above",
            CONNLIMIT,
            "state",
            STATE,
            "ipset",
            IPSET,
            "ipsetflags",
            IPSET_FLAGS
        };
        Map<String, AttributeType> attributes = new LinkedHashMap<>(join(common, own));
        attributes.put("comment", COMMENT);
        return Collections.unmodifiableMap(attributes);
    }

    private static Map<String, AttributeType> packetPorts(int version, Object... own) {
        Object[] ports = {
            "srcportstart", NUMBER_16, "srcportend", NUMBER_16, "dstportstart", NUMBER_16, "dstportend", NUMBER_16
        };
        Object[] all = Arrays.copyOf(ports, ports.length + own.length);
        System.arraycopy(own, 0, all, ports.length, own.length);
        return packet(version, all);
    }
}
