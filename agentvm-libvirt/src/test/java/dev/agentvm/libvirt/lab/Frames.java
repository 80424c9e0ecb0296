package dev.agentvm.libvirt.lab;

import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** Ethernet frames as a hostile guest makes them, with a text in each by which it is found again. */
final class Frames {
    static final String BROADCAST = "ff:ff:ff:ff:ff:ff";
    static final int IPV4 = 0x0800;
    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int SYN = 0x02;
    private static final int PUSH = 0x08;
    private static final int ACK = 0x10;

    private static final int MORE_FRAGMENTS = 0x2000;
    private static final int DO_NOT_FRAGMENT = 0x4000;
    /** What a packet can be cut into pieces of. */
    private static final int FRAGMENT_UNIT = 8;

    /** The host may cut a packet anew, into pieces of the size of the largest: the text is to stay in one. */
    private static final String FILL = "-".repeat(200);

    private static final int IP_HEADER = 20;
    private static final int FIRST_PORT = 40000;
    private static final int PORTS = 20000;

    /** What goes between the same ports may belong to the same exchange; each of these is to be one of its own. */
    private static final AtomicInteger PORT = new AtomicInteger();

    /** Fragments of a packet have a number in common; what is not gathered of one must not be mixed into the next. */
    private static final AtomicInteger IDENTIFICATION = new AtomicInteger(77);

    private Frames() {}

    /** A frame of that type. */
    static byte[] ethernet(String to, MacAddress from, int type, byte[] payload) {
        return ByteBuffer.allocate(14 + payload.length)
                .put(mac(to))
                .put(mac(from.toString()))
                .putShort((short) type)
                .put(payload)
                .array();
    }

    /** An answer by ARP to everybody that {@code address} is at {@code from}. */
    static byte[] arp(MacAddress from, IPv4Address address, String text) {
        byte[] words = text.getBytes(StandardCharsets.US_ASCII);
        byte[] arp = ByteBuffer.allocate(28 + words.length)
                .put(HexFormat.of().parseHex("0001080006040002"))
                .put(mac(from.toString()))
                .putInt(address.bits())
                .put(mac(BROADCAST))
                .putInt(address.bits())
                .put(words)
                .array();
        return ethernet(BROADCAST, from, 0x0806, arp);
    }

    /** A source port that was not used lately. */
    static int freshPort() {
        return FIRST_PORT + Math.floorMod(PORT.getAndIncrement(), PORTS);
    }

    /** A datagram without a checksum, as UDP allows. */
    static byte[] udp(IPv4Address from, IPv4Address to, int port, String text) {
        return udp(from, freshPort(), to, port, text);
    }

    static byte[] udp(IPv4Address from, int fromPort, IPv4Address to, int port, String text) {
        return ip(from, to, UDP, DO_NOT_FRAGMENT, datagram(fromPort, port, text));
    }

    /** The two halves of a datagram, each with the text in it. */
    static List<byte[]> fragments(IPv4Address from, int fromPort, IPv4Address to, int port, String text) {
        String half = text + FILL.substring(0, FRAGMENT_UNIT - text.length() % FRAGMENT_UNIT);
        return cut(from, to, UDP, datagram(fromPort, port, half + half), FRAGMENT_UNIT + half.length());
    }

    /** The same segment as {@link #segment}, cut so that its first fragment has nothing but the ports in it. */
    static List<byte[]> tinyFragments(IPv4Address from, IPv4Address to, int port, String text) {
        return cut(from, to, TCP, tcp(from, to, port, "----" + text + FILL), FRAGMENT_UNIT, 3 * FRAGMENT_UNIT);
    }

    /**
     * The same segment, with a second beginning that names another port after the first. Linux keeps what it has, so
     * what is put together goes to the port that was named first.
     */
    static List<byte[]> overlappingFragments(IPv4Address from, IPv4Address to, int port, int pretended, String text) {
        byte[] segment = tcp(from, to, port, "----" + text + FILL);
        List<byte[]> fragments = new ArrayList<>(cut(from, to, TCP, segment, 3 * FRAGMENT_UNIT));
        fragments.add(1, pretence(fragments.get(0), pretended));
        return fragments;
    }

    /** The same for a datagram. */
    static List<byte[]> overlappingDatagram(IPv4Address from, IPv4Address to, int port, int pretended, String text) {
        byte[] whole = datagram(freshPort(), port, "-".repeat(FRAGMENT_UNIT) + text + FILL);
        List<byte[]> fragments = new ArrayList<>(cut(from, to, UDP, whole, 2 * FRAGMENT_UNIT));
        fragments.add(1, pretence(fragments.get(0), pretended));
        return fragments;
    }

    /** The first bytes of a packet's first fragment, with another destination port. */
    private static byte[] pretence(byte[] first, int port) {
        byte[] packet = Arrays.copyOf(first, IP_HEADER + FRAGMENT_UNIT);
        ByteBuffer.wrap(packet).putShort(2, (short) packet.length).putShort(IP_HEADER + 2, (short) port);
        return withChecksum(packet);
    }

    /** A packet in pieces that begin where it is cut. */
    private static List<byte[]> cut(IPv4Address from, IPv4Address to, int protocol, byte[] whole, int... cuts) {
        int identification = IDENTIFICATION.incrementAndGet();
        List<byte[]> fragments = new ArrayList<>();
        int start = 0;
        for (int cut : cuts) {
            byte[] piece = Arrays.copyOfRange(whole, start, cut);
            fragments.add(ip(from, to, protocol, identification, MORE_FRAGMENTS | start / FRAGMENT_UNIT, piece));
            start = cut;
        }
        byte[] rest = Arrays.copyOfRange(whole, start, whole.length);
        fragments.add(ip(from, to, protocol, identification, start / FRAGMENT_UNIT, rest));
        return fragments;
    }

    private static byte[] datagram(int fromPort, int port, String text) {
        byte[] words = text.getBytes(StandardCharsets.US_ASCII);
        return ByteBuffer.allocate(8 + words.length)
                .putShort((short) fromPort)
                .putShort((short) port)
                .putShort((short) (8 + words.length))
                .putShort((short) 0)
                .put(words)
                .array();
    }

    /** A packet of any protocol with nothing but text in it. */
    static byte[] packet(IPv4Address from, IPv4Address to, int protocol, String text) {
        return ip(from, to, protocol, DO_NOT_FRAGMENT, text.getBytes(StandardCharsets.US_ASCII));
    }

    /** A message of ICMP of that type. */
    static byte[] icmp(IPv4Address from, IPv4Address to, int type, String text) {
        byte[] words = text.getBytes(StandardCharsets.US_ASCII);
        byte[] message = ByteBuffer.allocate(8 + words.length + words.length % 2)
                .put((byte) type)
                .position(4)
                .putShort((short) freshPort())
                .putShort((short) 1)
                .put(words)
                .array();
        ByteBuffer.wrap(message).putShort(2, checksum(message));
        return ip(from, to, Flow.ICMP, DO_NOT_FRAGMENT, message);
    }

    /** A segment of TCP in the midst of a connection that there never was. */
    static byte[] segment(IPv4Address from, IPv4Address to, int port, String text) {
        return ip(from, to, TCP, DO_NOT_FRAGMENT, tcp(from, to, port, text));
    }

    /** The first segment of a connection, with data in it already, as RFC 9293 allows. */
    static byte[] opening(IPv4Address from, IPv4Address to, int port, String text) {
        return ip(from, to, TCP, DO_NOT_FRAGMENT, tcp(from, to, port, SYN, text));
    }

    private static byte[] tcp(IPv4Address from, IPv4Address to, int port, String text) {
        return tcp(from, to, port, ACK | PUSH, text);
    }

    private static byte[] tcp(IPv4Address from, IPv4Address to, int port, int flags, String text) {
        byte[] words = text.getBytes(StandardCharsets.US_ASCII);
        ByteBuffer segment = ByteBuffer.allocate(20 + words.length)
                .putShort((short) freshPort())
                .putShort((short) port)
                .putInt(1)
                .putInt((flags & ACK) == 0 ? 0 : 1)
                .putShort((short) (0x5000 | flags))
                .putShort((short) 1024)
                .putInt(0)
                .put(words);
        ByteBuffer pseudo = ByteBuffer.allocate(12 + segment.capacity() + segment.capacity() % 2)
                .putInt(from.bits())
                .putInt(to.bits())
                .putShort((short) TCP)
                .putShort((short) segment.capacity())
                .put(segment.array());
        return segment.putShort(16, checksum(pseudo.array())).array();
    }

    /** A packet of IPv6 between link-local addresses. */
    static byte[] ipv6(String text) {
        byte[] words = text.getBytes(StandardCharsets.US_ASCII);
        return ByteBuffer.allocate(40 + words.length)
                .putInt(0x60000000)
                .putShort((short) words.length)
                .put((byte) 59)
                .put((byte) 64)
                .put(HexFormat.of().parseHex("fe800000000000000000000000000001"))
                .put(HexFormat.of().parseHex("fe800000000000000000000000000002"))
                .put(words)
                .array();
    }

    private static byte[] ip(IPv4Address from, IPv4Address to, int protocol, int flags, byte[] payload) {
        return ip(from, to, protocol, IDENTIFICATION.incrementAndGet(), flags, payload);
    }

    private static byte[] ip(
            IPv4Address from, IPv4Address to, int protocol, int identification, int flagsAndOffset, byte[] payload) {
        return withChecksum(ByteBuffer.allocate(IP_HEADER + payload.length)
                .putShort((short) 0x4500)
                .putShort((short) (IP_HEADER + payload.length))
                .putShort((short) identification)
                .putShort((short) flagsAndOffset)
                .put((byte) 64)
                .put((byte) protocol)
                .putShort((short) 0)
                .putInt(from.bits())
                .putInt(to.bits())
                .put(payload)
                .array());
    }

    private static byte[] withChecksum(byte[] packet) {
        ByteBuffer header = ByteBuffer.wrap(packet, 0, IP_HEADER).putShort(10, (short) 0);
        header.putShort(10, checksum(Arrays.copyOf(packet, IP_HEADER)));
        return packet;
    }

    private static short checksum(byte[] bytes) {
        ByteBuffer words = ByteBuffer.wrap(bytes);
        int sum = 0;
        while (words.remaining() >= 2) {
            sum += words.getShort() & 0xffff;
        }
        sum = (sum & 0xffff) + (sum >>> 16);
        sum = (sum & 0xffff) + (sum >>> 16);
        return (short) ~sum;
    }

    /** Whether it is a segment, not cut, that neither begins nor ends a connection: by itself it is no attempt. */
    static boolean isMiddleOfTcp(byte[] frame) {
        ByteBuffer bytes = ByteBuffer.wrap(frame);
        return bytes.getShort(12) == IPV4
                && bytes.get(23) == TCP
                && (bytes.getShort(20) & ~DO_NOT_FRAGMENT) == 0
                && (bytes.get(14 + IP_HEADER + 13) & 0x17) == ACK;
    }

    /** Whether it is a fragment after the first, which does not say what its packet is about. */
    static boolean isLaterFragment(byte[] frame) {
        ByteBuffer bytes = ByteBuffer.wrap(frame);
        return bytes.getShort(12) == IPV4 && (bytes.getShort(20) & 0x1fff) != 0;
    }

    /**
     * What a frame on the tap of the VM {@code own} says of itself, as far as frames of these tests need it: IPv4
     * headers are 20 bytes long, and a later fragment has the port 0.
     */
    static Flow flow(byte[] frame, MacAddress own) {
        ByteBuffer bytes = ByteBuffer.wrap(frame);
        int type = bytes.getShort(12) & 0xffff;
        MacAddress from = MacAddress.of(HexFormat.ofDelimiter(":").formatHex(frame, 6, 12));
        Flow.Builder flow = new Flow.Builder()
                .direction(
                        Arrays.equals(frame, 0, 6, mac(own.toString()), 0, 6)
                                ? Flow.Direction.TO_VM
                                : Flow.Direction.FROM_VM)
                .etherType(type)
                .sourceMac(from);
        if (type == Flow.ETHERTYPE_ARP) {
            flow.source(IPv4Address.ofBits(bytes.getInt(28))).destination(IPv4Address.ofBits(bytes.getInt(38)));
        }
        if (type != IPV4) {
            return flow.build();
        }
        int protocol = bytes.get(23) & 0xff;
        boolean later = isLaterFragment(frame);
        flow.ipProtocol(protocol)
                .source(IPv4Address.ofBits(bytes.getInt(26)))
                .destination(IPv4Address.ofBits(bytes.getInt(30)));
        if (protocol == TCP || protocol == UDP) {
            flow.sourcePort(later ? 0 : bytes.getShort(34) & 0xffff)
                    .destinationPort(later ? 0 : bytes.getShort(36) & 0xffff);
        }
        if (protocol == Flow.ICMP) {
            flow.icmpType(later ? 255 : bytes.get(34) & 0xff);
        }
        return flow.build();
    }

    private static byte[] mac(String text) {
        return HexFormat.ofDelimiter(":").parseHex(text);
    }
}
