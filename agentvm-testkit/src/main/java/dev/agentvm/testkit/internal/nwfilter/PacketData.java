package dev.agentvm.testkit.internal.nwfilter;

import dev.agentvm.testkit.Packet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A frame and its way, taken apart.
 *
 * @param vlan the VLAN identifier of a tagged frame
 * @param etherType what follows the addresses and the tag
 */
public record PacketData(
        Packet.Direction direction,
        Packet.Path path,
        Mac source,
        Mac destination,
        @Nullable Integer vlan,
        int etherType,
        Body body,
        Bytes payload) {
    public static final int IPV4 = 0x0800;
    public static final int ARP = 0x0806;
    public static final int RARP = 0x8035;
    public static final int VLAN = 0x8100;
    public static final int IPV6 = 0x86dd;

    /** What the frame carries. */
    public sealed interface Body permits Arp, Ip, Raw {}

    /** A body that the simulator does not look into. */
    public record Raw() implements Body {}

    /** ARP or RARP for IPv4 over Ethernet. */
    public record Arp(
            int hardwareType,
            int protocolType,
            int operation,
            Mac senderMac,
            IpAddress senderIp,
            Mac targetMac,
            IpAddress targetIp)
            implements Body {}

    /** An IP packet, whole or a fragment of the whole. */
    public record Ip(
            IpAddress source,
            IpAddress destination,
            int protocol,
            int trafficClass,
            int hopLimit,
            int identification,
            Transport transport,
            @Nullable Fragment fragment)
            implements Body {
        public int version() {
            return source.version();
        }

        boolean showsTransport() {
            return fragment == null || fragment.offset() == 0;
        }
    }

    /** Which bytes of the whole datagram's transport part this fragment carries. */
    public record Fragment(int offset, int length, boolean more) {}

    /** What IP carries. */
    public sealed interface Transport permits Ports, Icmp, Opaque {}

    /** TCP, UDP, UDP-Lite, SCTP or DCCP; flags and numbers for TCP alone. */
    public record Ports(int source, int destination, Set<TcpFlag> flags, long sequence, long acknowledgement)
            implements Transport {}

    /** ICMP or ICMPv6; an error carries the packet it is about. */
    public record Icmp(
            int type,
            int code,
            int identifier,
            int sequence,
            @Nullable Ip about) implements Transport {}

    /** Any other protocol. */
    public record Opaque() implements Transport {}

    /** In the order of their bits. */
    public enum TcpFlag {
        FIN,
        SYN,
        RST,
        PSH,
        ACK,
        URG
    }

    /** The type field that a filter of frames sees. */
    int outerEtherType() {
        return vlan == null ? etherType : VLAN;
    }
}
