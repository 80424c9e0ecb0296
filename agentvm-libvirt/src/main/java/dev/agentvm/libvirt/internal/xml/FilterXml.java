package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import jakarta.xml.bind.annotation.XmlElement;
import jakarta.xml.bind.annotation.XmlElements;
import jakarta.xml.bind.annotation.XmlEnum;
import jakarta.xml.bind.annotation.XmlEnumValue;
import jakarta.xml.bind.annotation.XmlRootElement;
import jakarta.xml.bind.annotation.XmlType;
import jakarta.xml.bind.annotation.adapters.XmlJavaTypeAdapter;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code <filter>}: a network filter.
 *
 * <p>Most attributes of a rule's match are text, because libvirt lets a variable ({@code $MAC}) or a hexadecimal number
 * stand where a plain number may.
 */
@XmlRootElement(name = "filter")
public final class FilterXml {
    @XmlAttribute
    public @Nullable String name;

    /** {@code root}, or a name that begins with mac, stp, vlan, arp, rarp, ipv4 or ipv6. */
    @XmlAttribute
    public @Nullable String chain;

    /** Of the chain; −1000 to 1000. */
    @XmlAttribute
    public @Nullable Integer priority;

    /** Needed to redefine a filter: without it libvirt takes the document for another filter of the same name. */
    public @Nullable String uuid;

    /** Rules and references to other filters, in their order. */
    @XmlElements({
        @XmlElement(name = "filterref", type = FilterRefXml.class),
        @XmlElement(name = "rule", type = Rule.class)
    })
    public List<Entry> entries = new ArrayList<>();

    /** The rules among the entries. */
    public List<Rule> rules() {
        return entries.stream()
                .filter(Rule.class::isInstance)
                .map(Rule.class::cast)
                .toList();
    }

    /** What a filter is made of: {@link Rule} or {@link FilterRefXml}. */
    public sealed interface Entry permits Rule, FilterRefXml {}

    /** {@code <rule>}. */
    @XmlType(name = "filter.rule")
    public static final class Rule implements Entry {
        @XmlAttribute
        public @Nullable Action action;

        @XmlAttribute
        public @Nullable Direction direction;

        /** −1000 to 1000, 500 if absent; libvirt takes one out of range for 500. */
        @XmlAttribute
        public @Nullable Integer priority;

        /** Only {@code false} means something; the schema knows nothing else. */
        @XmlAttribute(name = "statematch")
        public @Nullable Boolean stateMatch;

        /** What the rule applies to; absent: everything. */
        @XmlElements({
            @XmlElement(name = "mac", type = Mac.class),
            @XmlElement(name = "vlan", type = Vlan.class),
            @XmlElement(name = "stp", type = Stp.class),
            @XmlElement(name = "arp", type = Arp.class),
            @XmlElement(name = "rarp", type = Rarp.class),
            @XmlElement(name = "ip", type = Ip.class),
            @XmlElement(name = "ipv6", type = Ipv6.class),
            @XmlElement(name = "tcp", type = Tcp.class),
            @XmlElement(name = "udp", type = Udp.class),
            @XmlElement(name = "sctp", type = Sctp.class),
            @XmlElement(name = "icmp", type = Icmp.class),
            @XmlElement(name = "igmp", type = Igmp.class),
            @XmlElement(name = "all", type = All.class),
            @XmlElement(name = "esp", type = Esp.class),
            @XmlElement(name = "ah", type = Ah.class),
            @XmlElement(name = "udplite", type = Udplite.class),
            @XmlElement(name = "tcp-ipv6", type = TcpIpv6.class),
            @XmlElement(name = "udp-ipv6", type = UdpIpv6.class),
            @XmlElement(name = "sctp-ipv6", type = SctpIpv6.class),
            @XmlElement(name = "icmpv6", type = Icmpv6.class),
            @XmlElement(name = "all-ipv6", type = AllIpv6.class),
            @XmlElement(name = "esp-ipv6", type = EspIpv6.class),
            @XmlElement(name = "ah-ipv6", type = AhIpv6.class),
            @XmlElement(name = "udplite-ipv6", type = UdpliteIpv6.class)
        })
        public @Nullable Match match;

        /** A rule that applies to {@code match}, or to everything if that is null. */
        public static Rule of(Action action, Direction direction, int priority, @Nullable Match match) {
            Rule rule = new Rule();
            rule.action = action;
            rule.direction = direction;
            rule.priority = priority;
            rule.match = match;
            return rule;
        }
    }

    /** What becomes of a packet that a rule applies to. */
    @XmlEnum
    @XmlType(name = "filter.action")
    public enum Action {
        @XmlEnumValue("accept")
        ACCEPT,
        @XmlEnumValue("drop")
        DROP,
        @XmlEnumValue("reject")
        REJECT,
        @XmlEnumValue("return")
        RETURN,
        @XmlEnumValue("continue")
        CONTINUE
    }

    /** Seen from the VM. */
    @XmlEnum
    @XmlType(name = "filter.direction")
    public enum Direction {
        @XmlEnumValue("in")
        IN,
        @XmlEnumValue("out")
        OUT,
        @XmlEnumValue("inout")
        INOUT
    }

    /** What a rule applies to. */
    @XmlType(name = "filter.match")
    public abstract static class Match {
        /** {@code false} turns the match round. */
        @XmlAttribute(name = "match")
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean positive;

        /** At most 256 characters are kept. */
        @XmlAttribute
        public @Nullable String comment;

        Match() {}
    }

    /** A match of the bridge engine (ebtables) that looks at both MAC addresses. */
    public abstract static class EthernetMatch extends Match {
        @XmlAttribute(name = "srcmacaddr")
        public @Nullable String srcMacAddr;

        @XmlAttribute(name = "srcmacmask")
        public @Nullable String srcMacMask;

        @XmlAttribute(name = "dstmacaddr")
        public @Nullable String dstMacAddr;

        @XmlAttribute(name = "dstmacmask")
        public @Nullable String dstMacMask;

        EthernetMatch() {}
    }

    /** {@code <mac>}. */
    @XmlType(name = "filter.Mac")
    public static final class Mac extends EthernetMatch {
        /** A name ({@code arp}, {@code rarp}, {@code ipv4}, {@code ipv6}, {@code vlan}) or a number. */
        @XmlAttribute(name = "protocolid")
        public @Nullable String protocolId;
    }

    /** {@code <vlan>}. */
    @XmlType(name = "filter.Vlan")
    public static final class Vlan extends EthernetMatch {
        @XmlAttribute(name = "vlanid")
        public @Nullable String vlanId;

        @XmlAttribute(name = "encap-protocol")
        public @Nullable String encapProtocol;
    }

    /** {@code <stp>}. */
    @XmlType(name = "filter.Stp")
    public static final class Stp extends Match {
        @XmlAttribute(name = "srcmacaddr")
        public @Nullable String srcMacAddr;

        @XmlAttribute(name = "srcmacmask")
        public @Nullable String srcMacMask;

        @XmlAttribute
        public @Nullable String type;

        @XmlAttribute
        public @Nullable String flags;

        @XmlAttribute(name = "root-priority")
        public @Nullable String rootPriority;

        @XmlAttribute(name = "root-priority-hi")
        public @Nullable String rootPriorityHi;

        @XmlAttribute(name = "root-address")
        public @Nullable String rootAddress;

        @XmlAttribute(name = "root-address-mask")
        public @Nullable String rootAddressMask;

        @XmlAttribute(name = "root-cost")
        public @Nullable String rootCost;

        @XmlAttribute(name = "root-cost-hi")
        public @Nullable String rootCostHi;

        @XmlAttribute(name = "sender-priority")
        public @Nullable String senderPriority;

        @XmlAttribute(name = "sender-priority-hi")
        public @Nullable String senderPriorityHi;

        @XmlAttribute(name = "sender-address")
        public @Nullable String senderAddress;

        @XmlAttribute(name = "sender-address-mask")
        public @Nullable String senderAddressMask;

        @XmlAttribute
        public @Nullable String port;

        @XmlAttribute(name = "port-hi")
        public @Nullable String portHi;

        @XmlAttribute
        public @Nullable String age;

        @XmlAttribute(name = "age-hi")
        public @Nullable String ageHi;

        @XmlAttribute(name = "max-age")
        public @Nullable String maxAge;

        @XmlAttribute(name = "max-age-hi")
        public @Nullable String maxAgeHi;

        @XmlAttribute(name = "hello-time")
        public @Nullable String helloTime;

        @XmlAttribute(name = "hello-time-hi")
        public @Nullable String helloTimeHi;

        @XmlAttribute(name = "forward-delay")
        public @Nullable String forwardDelay;

        @XmlAttribute(name = "forward-delay-hi")
        public @Nullable String forwardDelayHi;
    }

    /** What {@code <arp>} and {@code <rarp>} share. */
    public abstract static class ArpMatch extends EthernetMatch {
        @XmlAttribute(name = "hwtype")
        public @Nullable String hwType;

        @XmlAttribute(name = "protocoltype")
        public @Nullable String protocolType;

        @XmlAttribute
        public @Nullable String opcode;

        @XmlAttribute(name = "arpsrcmacaddr")
        public @Nullable String arpSrcMacAddr;

        @XmlAttribute(name = "arpdstmacaddr")
        public @Nullable String arpDstMacAddr;

        @XmlAttribute(name = "arpsrcipaddr")
        public @Nullable String arpSrcIpAddr;

        @XmlAttribute(name = "arpdstipaddr")
        public @Nullable String arpDstIpAddr;

        /** {@code true} or {@code false}. */
        @XmlAttribute
        public @Nullable String gratuitous;

        ArpMatch() {}
    }

    /** {@code <arp>}. */
    @XmlType(name = "filter.Arp")
    public static final class Arp extends ArpMatch {}

    /** {@code <rarp>}. */
    @XmlType(name = "filter.Rarp")
    public static final class Rarp extends ArpMatch {}

    /** What {@code <ip>} and {@code <ipv6>} share: IP packets as the bridge engine sees them. */
    public abstract static class EthernetIpMatch extends EthernetMatch {
        @XmlAttribute(name = "srcipaddr")
        public @Nullable String srcIpAddr;

        /** A prefix length or a dotted mask. */
        @XmlAttribute(name = "srcipmask")
        public @Nullable String srcIpMask;

        @XmlAttribute(name = "dstipaddr")
        public @Nullable String dstIpAddr;

        /** A prefix length or a dotted mask. */
        @XmlAttribute(name = "dstipmask")
        public @Nullable String dstIpMask;

        /** Needed where ports are named. */
        @XmlAttribute
        public @Nullable String protocol;

        @XmlAttribute(name = "srcportstart")
        public @Nullable String srcPortStart;

        @XmlAttribute(name = "srcportend")
        public @Nullable String srcPortEnd;

        @XmlAttribute(name = "dstportstart")
        public @Nullable String dstPortStart;

        @XmlAttribute(name = "dstportend")
        public @Nullable String dstPortEnd;

        /** Sets the range of destination ports. */
        public void dstPorts(int start, int end) {
            dstPortStart = Integer.toString(start);
            dstPortEnd = Integer.toString(end);
        }

        /** Sets the range of source ports. */
        public void srcPorts(int start, int end) {
            srcPortStart = Integer.toString(start);
            srcPortEnd = Integer.toString(end);
        }

        EthernetIpMatch() {}
    }

    /** {@code <ip>}. */
    @XmlType(name = "filter.Ip")
    public static final class Ip extends EthernetIpMatch {
        @XmlAttribute
        public @Nullable String dscp;
    }

    /** {@code <ipv6>}. */
    @XmlType(name = "filter.Ipv6")
    public static final class Ipv6 extends EthernetIpMatch {
        @XmlAttribute
        public @Nullable String type;

        @XmlAttribute(name = "typeend")
        public @Nullable String typeEnd;

        @XmlAttribute
        public @Nullable String code;

        @XmlAttribute(name = "codeend")
        public @Nullable String codeEnd;
    }

    /** A match of the IP engine (iptables, ip6tables). */
    public abstract static class IpMatch extends Match {
        @XmlAttribute(name = "srcmacaddr")
        public @Nullable String srcMacAddr;

        @XmlAttribute(name = "srcipaddr")
        public @Nullable String srcIpAddr;

        /** A prefix length or a dotted mask. */
        @XmlAttribute(name = "srcipmask")
        public @Nullable String srcIpMask;

        @XmlAttribute(name = "dstipaddr")
        public @Nullable String dstIpAddr;

        /** A prefix length or a dotted mask. */
        @XmlAttribute(name = "dstipmask")
        public @Nullable String dstIpMask;

        @XmlAttribute(name = "srcipfrom")
        public @Nullable String srcIpFrom;

        @XmlAttribute(name = "srcipto")
        public @Nullable String srcIpTo;

        @XmlAttribute(name = "dstipfrom")
        public @Nullable String dstIpFrom;

        @XmlAttribute(name = "dstipto")
        public @Nullable String dstIpTo;

        @XmlAttribute
        public @Nullable String dscp;

        /** Not among the schema's attributes of the IPv6 forms, nor are the three below. */
        @XmlAttribute(name = "connlimit-above")
        public @Nullable String connlimitAbove;

        /** {@code NEW,ESTABLISHED,RELATED,INVALID} or {@code NONE}. */
        @XmlAttribute
        public @Nullable String state;

        @XmlAttribute
        public @Nullable String ipset;

        @XmlAttribute(name = "ipsetflags")
        public @Nullable String ipsetFlags;

        IpMatch() {}
    }

    /** A match of the IP engine on a protocol that has ports. */
    public abstract static class PortMatch extends IpMatch {
        @XmlAttribute(name = "srcportstart")
        public @Nullable String srcPortStart;

        @XmlAttribute(name = "srcportend")
        public @Nullable String srcPortEnd;

        @XmlAttribute(name = "dstportstart")
        public @Nullable String dstPortStart;

        @XmlAttribute(name = "dstportend")
        public @Nullable String dstPortEnd;

        /** Sets the range of destination ports. */
        public void dstPorts(int start, int end) {
            dstPortStart = Integer.toString(start);
            dstPortEnd = Integer.toString(end);
        }

        /** Sets the range of source ports. */
        public void srcPorts(int start, int end) {
            srcPortStart = Integer.toString(start);
            srcPortEnd = Integer.toString(end);
        }

        PortMatch() {}
    }

    /** What {@code <tcp>} and {@code <tcp-ipv6>} share. */
    public abstract static class TcpMatch extends PortMatch {
        /** A mask and the flags that must be set in it, such as {@code SYN,ACK/SYN}. */
        @XmlAttribute
        public @Nullable String flags;

        TcpMatch() {}
    }

    /** What {@code <icmp>} and {@code <icmpv6>} share. */
    public abstract static class IcmpMatch extends IpMatch {
        @XmlAttribute
        public @Nullable String type;

        @XmlAttribute
        public @Nullable String code;

        IcmpMatch() {}
    }

    /** {@code <tcp>}. */
    @XmlType(name = "filter.Tcp")
    public static final class Tcp extends TcpMatch {}

    /** {@code <udp>}. */
    @XmlType(name = "filter.Udp")
    public static final class Udp extends PortMatch {}

    /** {@code <sctp>}. */
    @XmlType(name = "filter.Sctp")
    public static final class Sctp extends PortMatch {}

    /** {@code <icmp>}. */
    @XmlType(name = "filter.Icmp")
    public static final class Icmp extends IcmpMatch {}

    /** {@code <igmp>}. */
    @XmlType(name = "filter.Igmp")
    public static final class Igmp extends IpMatch {}

    /** {@code <all>}. */
    @XmlType(name = "filter.All")
    public static final class All extends IpMatch {}

    /** {@code <esp>}. */
    @XmlType(name = "filter.Esp")
    public static final class Esp extends IpMatch {}

    /** {@code <ah>}. */
    @XmlType(name = "filter.Ah")
    public static final class Ah extends IpMatch {}

    /** {@code <udplite>}. */
    @XmlType(name = "filter.Udplite")
    public static final class Udplite extends IpMatch {}

    /** {@code <tcp-ipv6>}. */
    @XmlType(name = "filter.TcpIpv6")
    public static final class TcpIpv6 extends TcpMatch {}

    /** {@code <udp-ipv6>}. */
    @XmlType(name = "filter.UdpIpv6")
    public static final class UdpIpv6 extends PortMatch {}

    /** {@code <sctp-ipv6>}. */
    @XmlType(name = "filter.SctpIpv6")
    public static final class SctpIpv6 extends PortMatch {}

    /** {@code <icmpv6>}. */
    @XmlType(name = "filter.Icmpv6")
    public static final class Icmpv6 extends IcmpMatch {}

    /** {@code <all-ipv6>}. */
    @XmlType(name = "filter.AllIpv6")
    public static final class AllIpv6 extends IpMatch {}

    /** {@code <esp-ipv6>}. */
    @XmlType(name = "filter.EspIpv6")
    public static final class EspIpv6 extends IpMatch {}

    /** {@code <ah-ipv6>}. */
    @XmlType(name = "filter.AhIpv6")
    public static final class AhIpv6 extends IpMatch {}

    /** {@code <udplite-ipv6>}. */
    @XmlType(name = "filter.UdpliteIpv6")
    public static final class UdpliteIpv6 extends IpMatch {}
}
