package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.network.IPv4Address;
import java.nio.ByteBuffer;
import java.util.HexFormat;

/** Frames as they stand on the wire. */
final class Wire {
    static final String VM_MAC = "52:54:c0:a8:65:0a";
    static final String GATEWAY_MAC = "52:54:00:a8:65:01";
    static final int FIN = 0x01;
    static final int SYN = 0x02;
    static final int RST = 0x04;
    static final int ACK = 0x10;

    private Wire() {}

    static byte[] ethernet(String from, int type, byte[] payload) {
        return ByteBuffer.allocate(14 + payload.length)
                .put(new byte[6])
                .put(HexFormat.ofDelimiter(":").parseHex(from))
                .putShort((short) type)
                .put(payload)
                .array();
    }

    static byte[] ip(String from, String to, int protocol, byte[] payload) {
        return ip(from, to, protocol, 0, 0, payload);
    }

    static byte[] ip(String from, String to, int protocol, int id, int fragment, byte[] payload) {
        return ByteBuffer.allocate(20 + payload.length)
                .put((byte) 0x45)
                .put((byte) 0)
                .putShort((short) (20 + payload.length))
                .putShort((short) id)
                .putShort((short) fragment)
                .put((byte) 64)
                .put((byte) protocol)
                .putShort((short) 0)
                .putInt(IPv4Address.of(from).bits())
                .putInt(IPv4Address.of(to).bits())
                .put(payload)
                .array();
    }

    static byte[] tcp(int from, int to, int sequence, int flags) {
        return ByteBuffer.allocate(20)
                .putShort((short) from)
                .putShort((short) to)
                .putInt(sequence)
                .putInt(0)
                .put((byte) 0x50)
                .put((byte) flags)
                .array();
    }

    static byte[] udp(int from, int to) {
        return ByteBuffer.allocate(8)
                .putShort((short) from)
                .putShort((short) to)
                .putShort((short) 8)
                .array();
    }

    static byte[] icmp(int type, int id, byte[] about) {
        return ByteBuffer.allocate(8 + about.length)
                .put((byte) type)
                .put((byte) 0)
                .putShort((short) 0)
                .putShort((short) id)
                .putShort((short) 0)
                .put(about)
                .array();
    }

    static byte[] arp(String hardware, String sender, String target) {
        return ByteBuffer.allocate(28)
                .put(HexFormat.of().parseHex("0001080006040001"))
                .put(HexFormat.ofDelimiter(":").parseHex(hardware))
                .putInt(IPv4Address.of(sender).bits())
                .put(new byte[6])
                .putInt(IPv4Address.of(target).bits())
                .array();
    }
}
