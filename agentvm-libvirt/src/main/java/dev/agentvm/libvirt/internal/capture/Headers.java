package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.InvalidValueException;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What the headers of a frame say: Ethernet, ARP (RFC 826), IPv4 (RFC 791), TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792), and
 * who asks by DHCP (RFC 2131).
 *
 * @param source the source MAC address
 * @param etherType the ethertype, that of a VLAN tag if there is one, or a length below 0x600
 * @param arp what an ARP packet says
 * @param ip what an IPv4 packet says
 */
record Headers(
        MacAddress source,
        int etherType,
        @Nullable Arp arp,
        @Nullable Ip ip) {
    private static final int MAC_BYTES = 6;
    private static final int FRAGMENT_OFFSET = 0x1fff;
    private static final int MORE_FRAGMENTS = 0x2000;
    private static final int SMALLEST_HEADER = 20;
    /** How much of a TCP header is read after its ports. */
    private static final int TCP_AFTER_PORTS = 10;

    private static final int DHCP_CLIENT = 68;
    private static final int DHCP_SERVER = 67;
    private static final int UDP_AFTER_PORTS = 4;
    /** Where a message of DHCP has the MAC address of whom it is about. */
    private static final int DHCP_HARDWARE = 28;

    private static final int FIN = 0x01;
    private static final int SYN = 0x02;
    private static final int RST = 0x04;
    private static final int ACK = 0x10;

    /**
     * An ARP packet.
     *
     * @param hardware who sends it by its own word
     * @param sender whose address it tells
     * @param target whose address it asks for
     */
    record Arp(MacAddress hardware, IPv4Address sender, IPv4Address target) {}

    /**
     * An IPv4 packet.
     *
     * @param id what its fragments have in common
     * @param cut whether it is a fragment
     * @param laterFragment whether it is a fragment after the first, which has no header but this
     * @param ports those of TCP and UDP
     * @param tcp what TCP says of a connection; null also for a first fragment that is too short for it
     * @param icmp what ICMP says
     * @param dhcpClient for whom DHCP is asked
     */
    record Ip(
            IPv4Address source,
            IPv4Address destination,
            int protocol,
            int id,
            boolean cut,
            boolean laterFragment,
            @Nullable Ports ports,
            @Nullable Tcp tcp,
            @Nullable Icmp icmp,
            @Nullable MacAddress dhcpClient) {}

    /** The ports of TCP and UDP. */
    record Ports(int source, int destination) {}

    /**
     * What TCP says of a connection.
     *
     * @param sequence tells one that begins from the next between the same ports
     * @param begins whether it asks for a connection
     * @param agrees whether it agrees to one
     * @param finishes whether its sender has no more to say
     * @param resets whether it ends or refuses a connection at once
     */
    record Tcp(long sequence, boolean begins, boolean agrees, boolean finishes, boolean resets) {}

    /**
     * An ICMP message.
     *
     * @param code tells messages of one type apart
     * @param id tells echo requests of one sender apart
     * @param about the packet that an error is about, as far as it can be read
     */
    record Icmp(int type, int code, int id, @Nullable Ip about) {
        private static final int UNREACHABLE = 3;
        private static final int QUENCH = 4;
        private static final int REDIRECT = 5;
        private static final int EXCEEDED = 11;
        private static final int PARAMETER = 12;
        private static final int FRAGMENTATION_NEEDED = 4;

        /** Whether it is an error after which the packet is not to be sent again, smaller or by another way. */
        boolean isFinal() {
            return (type == UNREACHABLE && code != FRAGMENTATION_NEEDED) || type == EXCEEDED || type == PARAMETER;
        }

        static boolean isError(int type) {
            return type == UNREACHABLE || type == QUENCH || type == REDIRECT || type == EXCEEDED || type == PARAMETER;
        }
    }

    /** What {@code frame} says, or empty if it is cut off or contradicts itself. */
    static Optional<Headers> of(ByteBuffer frame, Optional<Integer> vlanProtocol) {
        try {
            ByteBuffer bytes = frame.duplicate();
            skip(bytes, MAC_BYTES);
            MacAddress source = mac(bytes);
            int etherType = u16(bytes);
            if (vlanProtocol.isPresent()) {
                return Optional.of(new Headers(source, vlanProtocol.get(), null, null));
            }
            return Optional.of(
                    switch (etherType) {
                        case Flow.ETHERTYPE_ARP -> new Headers(source, etherType, arp(bytes), null);
                        case Flow.ETHERTYPE_IPV4 -> new Headers(source, etherType, null, ip(bytes, true));
                        default -> new Headers(source, etherType, null, null);
                    });
        } catch (BufferUnderflowException | IllegalArgumentException | InvalidValueException e) {
            return Optional.empty();
        }
    }

    private static Arp arp(ByteBuffer bytes) {
        skip(bytes, 8);
        MacAddress hardware = mac(bytes);
        IPv4Address sender = IPv4Address.ofBits(bytes.getInt());
        skip(bytes, MAC_BYTES);
        return new Arp(hardware, sender, IPv4Address.ofBits(bytes.getInt()));
    }

    private static Ip ip(ByteBuffer bytes, boolean outermost) {
        int first = u8(bytes);
        int headerLength = 4 * (first & 0xf);
        if (first >> 4 != 4 || headerLength < SMALLEST_HEADER) {
            throw new IllegalArgumentException("no IPv4 header");
        }
        skip(bytes, 3);
        int id = u16(bytes);
        int fragment = u16(bytes);
        boolean later = (fragment & FRAGMENT_OFFSET) != 0;
        skip(bytes, 1);
        int protocol = u8(bytes);
        skip(bytes, 2);
        IPv4Address source = IPv4Address.ofBits(bytes.getInt());
        IPv4Address destination = IPv4Address.ofBits(bytes.getInt());
        skip(bytes, headerLength - SMALLEST_HEADER);
        Ports ports = null;
        Tcp tcp = null;
        Icmp icmp = null;
        if (!later && (protocol == Flow.TCP || protocol == Flow.UDP)) {
            ports = new Ports(u16(bytes), u16(bytes));
        }
        boolean cut = later || (fragment & MORE_FRAGMENTS) != 0;
        if (!later && protocol == Flow.TCP && outermost && !(cut && bytes.remaining() < TCP_AFTER_PORTS)) {
            tcp = tcp(bytes);
        }
        if (!later && protocol == Flow.ICMP) {
            icmp = icmp(bytes, outermost);
        }
        boolean dhcp = protocol == Flow.UDP && new Ports(DHCP_CLIENT, DHCP_SERVER).equals(ports);
        MacAddress client = dhcp && outermost ? dhcpClient(bytes) : null;
        return new Ip(source, destination, protocol, id, cut, later, ports, tcp, icmp, client);
    }

    private static @Nullable MacAddress dhcpClient(ByteBuffer bytes) {
        if (bytes.remaining() < UDP_AFTER_PORTS + DHCP_HARDWARE + MAC_BYTES) {
            return null;
        }
        skip(bytes, UDP_AFTER_PORTS + DHCP_HARDWARE);
        return mac(bytes);
    }

    private static Tcp tcp(ByteBuffer bytes) {
        long sequence = Integer.toUnsignedLong(bytes.getInt());
        skip(bytes, 5);
        int flags = u8(bytes);
        boolean syn = (flags & SYN) != 0;
        boolean ack = (flags & ACK) != 0;
        return new Tcp(sequence, syn && !ack, syn && ack, (flags & FIN) != 0, (flags & RST) != 0);
    }

    private static Icmp icmp(ByteBuffer bytes, boolean outermost) {
        int type = u8(bytes);
        int code = u8(bytes);
        skip(bytes, 2);
        int id = u16(bytes);
        skip(bytes, 2);
        return new Icmp(type, code, id, outermost && Icmp.isError(type) ? about(bytes) : null);
    }

    private static @Nullable Ip about(ByteBuffer bytes) {
        try {
            return ip(bytes, false);
        } catch (BufferUnderflowException | IllegalArgumentException e) {
            return null;
        }
    }

    private static MacAddress mac(ByteBuffer bytes) {
        byte[] octets = new byte[MAC_BYTES];
        bytes.get(octets);
        return MacAddress.of(HexFormat.ofDelimiter(":").formatHex(octets));
    }

    private static int u8(ByteBuffer bytes) {
        return Byte.toUnsignedInt(bytes.get());
    }

    private static int u16(ByteBuffer bytes) {
        return Short.toUnsignedInt(bytes.getShort());
    }

    private static void skip(ByteBuffer bytes, int count) {
        if (count > bytes.remaining()) {
            throw new BufferUnderflowException();
        }
        bytes.position(bytes.position() + count);
    }
}
