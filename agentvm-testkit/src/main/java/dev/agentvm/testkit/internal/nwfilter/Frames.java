package dev.agentvm.testkit.internal.nwfilter;

import dev.agentvm.InvalidValueException;
import dev.agentvm.testkit.Packet;
import dev.agentvm.testkit.internal.nwfilter.PacketData.TcpFlag;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/** Packets as bytes and as text, and packets made from packets. */
public final class Frames {
    private static final int ETHERNET = 14;

    private Frames() {}

    /** The frame as it is on the wire. */
    public static byte[] write(PacketData packet) {
        byte[] body = body(packet);
        ByteBuffer frame = ByteBuffer.allocate(ETHERNET + (packet.vlan() == null ? 0 : 4) + body.length);
        frame.put(packet.destination().bytes()).put(packet.source().bytes());
        if (packet.vlan() != null) {
            frame.putShort((short) PacketData.VLAN).putShort(packet.vlan().shortValue());
        }
        return frame.putShort((short) packet.etherType()).put(body).array();
    }

    private static byte[] body(PacketData packet) {
        byte[] payload = packet.payload().toArray();
        if (packet.body() instanceof PacketData.Arp arp) {
            return ByteBuffer.allocate(28 + payload.length)
                    .putShort((short) arp.hardwareType())
                    .putShort((short) arp.protocolType())
                    .put((byte) 6)
                    .put((byte) 4)
                    .putShort((short) arp.operation())
                    .put(arp.senderMac().bytes())
                    .put(arp.senderIp().bytes())
                    .put(arp.targetMac().bytes())
                    .put(arp.targetIp().bytes())
                    .put(payload)
                    .array();
        }
        return packet.body() instanceof PacketData.Ip ip ? ip(ip, payload) : payload;
    }

    private static byte[] ip(PacketData.Ip ip, byte[] payload) {
        byte[] transport = transportPart(ip, payload);
        return ip.version() == 4 ? ip4(ip, transport, ip.fragment()) : ip6(ip, transport);
    }

    /** What stands behind the IP header of a packet, in a fragment its part of it. */
    static byte[] transportPart(PacketData packet) {
        return packet.body() instanceof PacketData.Ip ip
                ? transportPart(ip, packet.payload().toArray())
                : new byte[0];
    }

    private static byte[] transportPart(PacketData.Ip ip, byte[] payload) {
        byte[] transport = transport(ip, payload);
        PacketData.Fragment fragment = ip.fragment();
        return fragment == null
                ? transport
                : Arrays.copyOfRange(transport, fragment.offset(), fragment.offset() + fragment.length());
    }

    private static byte[] ip4(PacketData.Ip ip, byte[] transport, PacketData.@Nullable Fragment fragment) {
        int flags = fragment == null ? 0 : (fragment.more() ? 0x2000 : 0) | fragment.offset() / 8;
        ByteBuffer packet = ByteBuffer.allocate(20 + transport.length)
                .put((byte) 0x45)
                .put((byte) ip.trafficClass())
                .putShort((short) (20 + transport.length))
                .putShort((short) ip.identification())
                .putShort((short) flags)
                .put((byte) ip.hopLimit())
                .put((byte) ip.protocol())
                .putShort((short) 0)
                .put(ip.source().bytes())
                .put(ip.destination().bytes());
        packet.putShort(10, (short) checksum(Arrays.copyOf(packet.array(), 20)));
        return packet.put(transport).array();
    }

    private static byte[] ip6(PacketData.Ip ip, byte[] transport) {
        return ByteBuffer.allocate(40 + transport.length)
                .putInt(6 << 28 | ip.trafficClass() << 20 | ip.identification())
                .putShort((short) transport.length)
                .put((byte) ip.protocol())
                .put((byte) ip.hopLimit())
                .put(ip.source().bytes())
                .put(ip.destination().bytes())
                .put(transport)
                .array();
    }

    private static byte[] transport(PacketData.Ip ip, byte[] payload) {
        if (ip.transport() instanceof PacketData.Ports ports) {
            return switch (ip.protocol()) {
                case IpProtocol.TCP -> tcp(ip, ports, payload);
                case IpProtocol.SCTP -> sctp(ports, payload);
                default -> datagram(ip, ports, payload);
            };
        }
        if (ip.transport() instanceof PacketData.Icmp icmp) {
            return icmp(ip, icmp, payload);
        }
        return payload;
    }

    private static byte[] tcp(PacketData.Ip ip, PacketData.Ports ports, byte[] payload) {
        int flags = 0;
        for (TcpFlag flag : ports.flags()) {
            flags |= 1 << flag.ordinal();
        }
        ByteBuffer segment = ByteBuffer.allocate(20 + payload.length)
                .putShort((short) ports.source())
                .putShort((short) ports.destination())
                .putInt((int) ports.sequence())
                .putInt((int) ports.acknowledgement())
                .put((byte) 0x50)
                .put((byte) flags)
                .putShort((short) 0xfaf0)
                .putInt(0)
                .put(payload);
        return segment.putShort(16, (short) pseudoChecksum(ip, segment.array())).array();
    }

    /** UDP and UDP-Lite differ in what stands where UDP has its length; covering everything, both sum alike. */
    private static byte[] datagram(PacketData.Ip ip, PacketData.Ports ports, byte[] payload) {
        ByteBuffer datagram = ByteBuffer.allocate(8 + payload.length)
                .putShort((short) ports.source())
                .putShort((short) ports.destination())
                .putShort((short) (8 + payload.length))
                .putShort((short) 0)
                .put(payload);
        int sum = pseudoChecksum(ip, datagram.array());
        return datagram.putShort(6, (short) (sum == 0 ? 0xffff : sum)).array();
    }

    private static byte[] sctp(PacketData.Ports ports, byte[] payload) {
        int parameter = payload.length == 0 ? 0 : 4 + payload.length;
        ByteBuffer packet = ByteBuffer.allocate(12 + 20 + (parameter + 3) / 4 * 4)
                .putShort((short) ports.source())
                .putShort((short) ports.destination())
                .putInt(0)
                .putInt(0)
                .put((byte) 1)
                .put((byte) 0)
                .putShort((short) (20 + parameter))
                .putInt(1)
                .putInt(0xffff)
                .putShort((short) 1)
                .putShort((short) 1)
                .putInt(1);
        if (parameter > 0) {
            packet.putShort((short) 0x8008).putShort((short) parameter).put(payload);
        }
        CRC32C crc = new CRC32C();
        crc.update(packet.array());
        return packet.putInt(8, Integer.reverseBytes((int) crc.getValue())).array();
    }

    private static byte[] icmp(PacketData.Ip ip, PacketData.Icmp icmp, byte[] payload) {
        byte[] about = icmp.about() == null ? new byte[0] : ip(icmp.about(), new byte[0]);
        ByteBuffer message = ByteBuffer.allocate(8 + about.length + payload.length)
                .put((byte) icmp.type())
                .put((byte) icmp.code())
                .putShort((short) 0)
                .putShort((short) icmp.identifier())
                .putShort((short) icmp.sequence())
                .put(about)
                .put(payload);
        int sum = ip.version() == 4 ? checksum(message.array()) : pseudoChecksum(ip, message.array());
        return message.putShort(2, (short) sum).array();
    }

    private static int pseudoChecksum(PacketData.Ip ip, byte[] transport) {
        byte[] source = ip.source().bytes();
        ByteBuffer all = ByteBuffer.allocate(2 * source.length + 8 + transport.length)
                .put(source)
                .put(ip.destination().bytes())
                .putInt(transport.length)
                .putInt(ip.protocol())
                .put(transport);
        return checksum(all.array());
    }

    /** The Internet checksum: 0 over data that holds its own. */
    public static int checksum(byte[] data) {
        long sum = 0;
        for (int i = 0; i < data.length; i += 2) {
            sum += (data[i] & 0xff) << 8 | (i + 1 < data.length ? data[i + 1] & 0xff : 0);
        }
        while (sum >> 16 != 0) {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        return (int) ~sum & 0xffff;
    }

    /** The usual answer. */
    public static PacketData reply(PacketData packet) {
        PacketData.Body body = packet.body();
        if (body instanceof PacketData.Arp arp) {
            body = new PacketData.Arp(
                    arp.hardwareType(),
                    arp.protocolType(),
                    arp.operation() == 1 ? 2 : arp.operation(),
                    packet.direction() == Packet.Direction.FROM_VM ? packet.destination() : arp.targetMac(),
                    /* senderIp= */ arp.targetIp(),
                    arp.senderMac(),
                    /* targetIp= */ arp.senderIp());
        } else if (body instanceof PacketData.Ip ip) {
            body = new PacketData.Ip(
                    /* source= */ ip.destination(),
                    /* destination= */ ip.source(),
                    ip.protocol(),
                    ip.trafficClass(),
                    ip.hopLimit(),
                    ip.identification(),
                    reply(ip.transport()),
                    null);
        }
        return new PacketData(
                opposite(packet.direction()),
                packet.path(),
                /* source= */ packet.destination(),
                /* destination= */ packet.source(),
                packet.vlan(),
                packet.etherType(),
                body,
                packet.payload());
    }

    private static Packet.Direction opposite(Packet.Direction direction) {
        return direction == Packet.Direction.FROM_VM ? Packet.Direction.TO_VM : Packet.Direction.FROM_VM;
    }

    private static PacketData.Transport reply(PacketData.Transport transport) {
        if (transport instanceof PacketData.Ports ports) {
            boolean opening = ports.flags().equals(Set.of(TcpFlag.SYN));
            Set<TcpFlag> flags = ports.flags().isEmpty()
                    ? Set.of()
                    : opening ? EnumSet.of(TcpFlag.SYN, TcpFlag.ACK) : EnumSet.of(TcpFlag.ACK);
            return new PacketData.Ports(
                    /* source= */ ports.destination(),
                    /* destination= */ ports.source(),
                    Set.copyOf(flags),
                    opening ? 1 : ports.acknowledgement(),
                    ports.flags().contains(TcpFlag.SYN) ? ports.sequence() + 1 : ports.sequence());
        }
        if (transport instanceof PacketData.Icmp icmp) {
            int type = icmp.type() == 8 ? 0 : icmp.type() == 128 ? 129 : icmp.type();
            return new PacketData.Icmp(type, icmp.code(), icmp.identifier(), icmp.sequence(), icmp.about());
        }
        return transport;
    }

    /** An ICMP error about a packet, on its way to the packet's sender. */
    public static PacketData error(PacketData packet, PacketData.Ip ip, IpAddress sender, int type, int code) {
        if (type < 0 || type > 255 || code < 0 || code > 255) {
            throw new InvalidValueException("type, code", type + ", " + code, "0 to 255 is allowed");
        }
        int protocol = ip.version() == 4 ? IpProtocol.ICMP : IpProtocol.ICMPV6;
        PacketData.Ip error = new PacketData.Ip(
                sender, ip.source(), protocol, 0, 64, 0, new PacketData.Icmp(type, code, 0, 0, ip), null);
        return new PacketData(
                opposite(packet.direction()),
                packet.path(),
                /* source= */ packet.destination(),
                /* destination= */ packet.source(),
                packet.vlan(),
                packet.etherType(),
                error,
                Bytes.NONE);
    }

    /** A packet cut into pieces of so many bytes of its transport part. */
    public static List<PacketData> fragments(PacketData packet, int bytes) {
        if (!(packet.body() instanceof PacketData.Ip ip) || ip.version() != 4 || ip.fragment() != null) {
            throw new InvalidValueException("fragments", packet.body(), "a whole IPv4 packet is needed");
        }
        int length = transport(ip, packet.payload().toArray()).length;
        if (bytes <= 0 || bytes % 8 != 0 || bytes >= length) {
            throw new InvalidValueException("bytes", bytes, "a multiple of 8 below " + length + " is needed");
        }
        List<PacketData> fragments = new ArrayList<>();
        for (int offset = 0; offset < length; offset += bytes) {
            int size = Math.min(bytes, length - offset);
            PacketData.Fragment fragment = new PacketData.Fragment(offset, size, offset + size < length);
            fragments.add(withIp(packet, ip, fragment));
        }
        return fragments;
    }

    /** The datagram that a fragment is part of. */
    static PacketData whole(PacketData packet, PacketData.Ip ip) {
        return ip.fragment() == null ? packet : withIp(packet, ip, null);
    }

    private static PacketData withIp(PacketData packet, PacketData.Ip ip, PacketData.@Nullable Fragment fragment) {
        PacketData.Ip body = new PacketData.Ip(
                ip.source(),
                ip.destination(),
                ip.protocol(),
                ip.trafficClass(),
                ip.hopLimit(),
                ip.identification(),
                ip.transport(),
                fragment);
        return new PacketData(
                packet.direction(),
                packet.path(),
                packet.source(),
                packet.destination(),
                packet.vlan(),
                packet.etherType(),
                body,
                packet.payload());
    }

    /** One line for people. */
    public static String describe(PacketData packet) {
        StringBuilder text = new StringBuilder()
                .append(packet.direction() == Packet.Direction.FROM_VM ? "from VM" : "to VM")
                .append(
                        switch (packet.path()) {
                            case HOST -> packet.direction() == Packet.Direction.FROM_VM ? " to host" : " from host";
                            case ROUTED -> " routed";
                            case BRIDGED -> " bridged";
                        })
                .append(": ")
                .append(packet.source())
                .append(" > ")
                .append(packet.destination());
        if (packet.vlan() != null) {
            text.append(" vlan ").append(packet.vlan());
        }
        if (packet.body() instanceof PacketData.Ip ip) {
            return text.append(", ").append(describe(ip)).toString();
        }
        if (packet.body() instanceof PacketData.Arp arp) {
            text.append(packet.etherType() == PacketData.RARP ? ", rarp " : ", arp ")
                    .append(arp.operation() == 1 ? "request" : arp.operation() == 2 ? "reply" : "op " + arp.operation())
                    .append(", sender ")
                    .append(arp.senderIp())
                    .append(" at ")
                    .append(arp.senderMac())
                    .append(", target ")
                    .append(arp.targetIp())
                    .append(" at ")
                    .append(arp.targetMac());
            if (arp.hardwareType() != 1 || arp.protocolType() != PacketData.IPV4) {
                text.append(", types ").append(arp.hardwareType()).append(' ').append(arp.protocolType());
            }
            return text.toString();
        }
        return text.append(String.format(", ethertype 0x%04x", packet.etherType()))
                .toString();
    }

    private static String describe(PacketData.Ip ip) {
        StringBuilder text = new StringBuilder(IpProtocol.name(ip.protocol())).append(' ');
        if (ip.transport() instanceof PacketData.Ports ports) {
            text.append(endpoint(ip.source(), ports.source()))
                    .append(" > ")
                    .append(endpoint(ip.destination(), ports.destination()));
            if (ip.protocol() == IpProtocol.TCP) {
                text.append(' ').append(new TreeSet<>(ports.flags()));
            }
        } else {
            text.append(ip.source()).append(" > ").append(ip.destination());
        }
        if (ip.transport() instanceof PacketData.Icmp icmp) {
            text.append(" type ").append(icmp.type()).append(" code ").append(icmp.code());
            text.append(icmp.about() == null ? "" : " about (" + describe(icmp.about()) + ")");
        }
        if (ip.trafficClass() != 0) {
            text.append(String.format(" tos 0x%02x", ip.trafficClass()));
        }
        PacketData.Fragment fragment = ip.fragment();
        if (fragment != null) {
            text.append(" fragment at ").append(fragment.offset()).append(fragment.more() ? " of more" : ", last");
        }
        return text.toString();
    }

    private static String endpoint(IpAddress address, int port) {
        return address.version() == 4 ? address + ":" + port : "[" + address + "]:" + port;
    }
}
