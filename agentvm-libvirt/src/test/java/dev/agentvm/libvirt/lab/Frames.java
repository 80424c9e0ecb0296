package dev.agentvm.libvirt.lab;

import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

/** Ethernet frames as a hostile guest makes them, with a text in each by which it is found again. */
final class Frames {
    static final String BROADCAST = "ff:ff:ff:ff:ff:ff";
    static final int IPV4 = 0x0800;
    private static final int UDP = 17;

    private static final int MORE_FRAGMENTS = 0x2000;
    private static final int DO_NOT_FRAGMENT = 0x4000;

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

    /** A datagram without a checksum, as UDP allows. */
    static byte[] udp(IPv4Address from, IPv4Address to, int port, String text) {
        return ip(from, to, UDP, DO_NOT_FRAGMENT, datagram(port, text));
    }

    /** The two halves of a datagram. */
    static byte[][] fragments(IPv4Address from, IPv4Address to, int port, String text) {
        byte[] whole = datagram(port, "-".repeat(16) + text);
        return new byte[][] {
            ip(from, to, UDP, MORE_FRAGMENTS, Arrays.copyOf(whole, 16)),
            ip(from, to, UDP, 16 / 8, Arrays.copyOfRange(whole, 16, whole.length))
        };
    }

    private static byte[] datagram(int port, String text) {
        byte[] words = text.getBytes(StandardCharsets.US_ASCII);
        return ByteBuffer.allocate(8 + words.length)
                .putShort((short) 40000)
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

    /** A segment of TCP in the midst of a connection that there never was. */
    static byte[] segment(IPv4Address from, IPv4Address to, int port, String text) {
        byte[] words = text.getBytes(StandardCharsets.US_ASCII);
        ByteBuffer segment = ByteBuffer.allocate(20 + words.length)
                .putShort((short) 40000)
                .putShort((short) port)
                .putInt(1)
                .putInt(1)
                .putShort((short) 0x5018)
                .putShort((short) 1024)
                .putInt(0)
                .put(words);
        ByteBuffer pseudo = ByteBuffer.allocate(12 + segment.capacity() + segment.capacity() % 2)
                .putInt(from.bits())
                .putInt(to.bits())
                .putShort((short) 6)
                .putShort((short) segment.capacity())
                .put(segment.array());
        segment.putShort(16, checksum(pseudo.array()));
        return ip(from, to, 6, DO_NOT_FRAGMENT, segment.array());
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

    private static byte[] ip(IPv4Address from, IPv4Address to, int protocol, int flagsAndOffset, byte[] payload) {
        ByteBuffer packet = ByteBuffer.allocate(20 + payload.length)
                .putShort((short) 0x4500)
                .putShort((short) (20 + payload.length))
                .putShort((short) 77)
                .putShort((short) flagsAndOffset)
                .put((byte) 64)
                .put((byte) protocol)
                .putShort((short) 0)
                .putInt(from.bits())
                .putInt(to.bits())
                .put(payload);
        packet.putShort(10, checksum(Arrays.copyOf(packet.array(), 20)));
        return packet.array();
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

    private static byte[] mac(String text) {
        return HexFormat.ofDelimiter(":").parseHex(text);
    }
}
