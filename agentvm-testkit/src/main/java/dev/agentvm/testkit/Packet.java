package dev.agentvm.testkit;

import dev.agentvm.InvalidValueException;
import dev.agentvm.testkit.internal.nwfilter.Bytes;
import dev.agentvm.testkit.internal.nwfilter.Frames;
import dev.agentvm.testkit.internal.nwfilter.IpAddress;
import dev.agentvm.testkit.internal.nwfilter.IpProtocol;
import dev.agentvm.testkit.internal.nwfilter.Mac;
import dev.agentvm.testkit.internal.nwfilter.PacketData;
import dev.agentvm.testkit.internal.nwfilter.PacketData.TcpFlag;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One Ethernet frame on its way from or to a VM, for {@link Simulation#judge}.
 *
 * <pre>{@code
 * Packet syn = nic.sends(Path.ROUTED).ipv4("192.168.101.10", "8.8.8.8").tcp(40000, 443).build();
 * Packet answer = syn.reply();
 * }</pre>
 *
 * <p>Immutable, safe for use by many threads; equal if all its parts are equal.
 */
public final class Packet {
    /** Who sent it, as seen from the VM. */
    public enum Direction {
        /** The VM sends it. */
        FROM_VM,
        /** It is sent to the VM. */
        TO_VM
    }

    /** Where the host takes it. */
    public enum Path {
        /** Between the VM and the host itself: {@code INPUT} on its way there, {@code OUTPUT} on its way back. */
        HOST,
        /** Between the VM and elsewhere, by the host as a router: {@code FORWARD}, without a bridge port at the far end. */
        ROUTED,
        /** From one port of the VM's bridge to another: {@code FORWARD} too, if bridged frames are shown to iptables. */
        BRIDGED
    }

    private final PacketData data;

    private Packet(PacketData data) {
        this.data = data;
    }

    /** A packet that the VM sends. Unless set, its source is {@code 52:54:00:00:00:01}. */
    public static Builder fromVM(Path path) {
        return new Builder(Direction.FROM_VM, path);
    }

    /** A packet that is sent to the VM. Unless set, its destination is {@code 52:54:00:00:00:01}. */
    public static Builder toVM(Path path) {
        return new Builder(Direction.TO_VM, path);
    }

    static Packet of(PacketData data) {
        return new Packet(data);
    }

    PacketData data() {
        return data;
    }

    /** Who sent it. */
    public Direction direction() {
        return data.direction();
    }

    /** Where the host takes it. */
    public Path path() {
        return data.path();
    }

    /** The frame as it is on the wire, without its check sequence, with correct lengths and checksums. */
    public byte[] toFrame() {
        return Frames.write(data);
    }

    /**
     * The other side's usual answer: addresses and ports exchanged, opposite direction; SYN,ACK to a SYN and ACK to other
     * TCP; an echo reply to an echo request; an ARP reply to an ARP request.
     */
    public Packet reply() {
        return new Packet(Frames.reply(data));
    }

    /**
     * The ICMP or ICMPv6 error that {@code sender} sends about this packet.
     *
     * @param sender the IP address that complains
     * @param type such as 3, destination unreachable
     * @param code such as 3, port unreachable
     * @throws InvalidValueException if this is no IP packet, or {@code sender} is of the other family
     */
    public Packet error(String sender, int type, int code) {
        IpAddress address = address("sender", sender);
        if (!(data.body() instanceof PacketData.Ip ip) || ip.version() != address.version()) {
            throw new InvalidValueException("sender", sender, "an address of the packet's own IP version is needed");
        }
        return new Packet(Frames.error(data, ip, address, type, code));
    }

    /**
     * This packet cut into fragments.
     *
     * @param bytes how much of the datagram's transport part each but the last carries: a multiple of 8
     * @throws InvalidValueException if this is no whole IPv4 packet, too short to be cut so, or {@code bytes} is no
     *     positive multiple of 8
     */
    public List<Packet> fragments(int bytes) {
        return Frames.fragments(data, bytes).stream().map(Packet::new).toList();
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Packet that && data.equals(that.data);
    }

    @Override
    public int hashCode() {
        return data.hashCode();
    }

    @Override
    public String toString() {
        return Frames.describe(data);
    }

    private static IpAddress address(String field, String text) {
        return IpAddress.parse(text)
                .orElseThrow(() -> new InvalidValueException(field, text, "an IPv4 or IPv6 address is needed"));
    }

    /** Builds packets. What the frame carries is what was set last. Not safe for use by several threads at once. */
    public static final class Builder {
        private static final String VM = "52:54:00:00:00:01";
        private static final String PEER = "52:54:00:ff:ff:fe";

        private final Direction direction;
        private final Path path;
        private Mac source;
        private Mac destination;
        private @Nullable Integer vlan;
        private int etherType = PacketData.IPV4;
        private PacketData.@Nullable Arp arp;
        private @Nullable IpAddress ipSource;
        private @Nullable IpAddress ipDestination;
        private int protocol = -1;
        private int trafficClass;
        private int hopLimit = 64;
        private int identification;
        private PacketData.Transport transport = new PacketData.Opaque();
        private Bytes payload = Bytes.of(new byte[0]);

        private Builder(Direction direction, Path path) {
            this.direction = direction;
            this.path = path;
            this.source = mac("from", direction == Direction.FROM_VM ? VM : PEER);
            this.destination = mac("to", direction == Direction.FROM_VM ? PEER : VM);
        }

        private static Mac mac(String field, String text) {
            return Mac.parse(text)
                    .orElseThrow(() ->
                            new InvalidValueException(field, text, "six hexadecimal bytes with colons are needed"));
        }

        private static int inRange(String field, int value, int limit) {
            if (value < 0 || value > limit) {
                throw new InvalidValueException(field, value, "0 to " + limit + " is allowed");
            }
            return value;
        }

        /** The frame's source MAC. */
        public Builder from(String mac) {
            source = mac("from", mac);
            return this;
        }

        /** The frame's destination MAC. */
        public Builder to(String mac) {
            destination = mac("to", mac);
            return this;
        }

        /** Sends the frame to every station. */
        public Builder broadcast() {
            destination = Mac.BROADCAST;
            return this;
        }

        /** Tags the frame; 0 to 4095. */
        public Builder vlan(int id) {
            vlan = inRange("vlan", id, 4095);
            return this;
        }

        /** A frame of that type with nothing in it that filters look at; 0 to 65535, below 1536 it is a length. */
        public Builder etherType(int type) {
            etherType = inRange("etherType", type, 0xffff);
            arp = null;
            ipSource = null;
            return this;
        }

        /** An ARP request: who has {@code targetIp}? The sender's MAC is the frame's, unless {@link #arp} says else. */
        public Builder arpRequest(String senderIp, String targetIp) {
            return arp(PacketData.ARP, 1, source.toString(), senderIp, "00:00:00:00:00:00", targetIp);
        }

        /** An ARP reply: {@code senderIp} is at the frame's source MAC. */
        public Builder arpReply(String senderIp, String targetIp) {
            return arp(PacketData.ARP, 2, source.toString(), senderIp, destination.toString(), targetIp);
        }

        /**
         * Any ARP or RARP frame for IPv4 over Ethernet.
         *
         * @param etherType 0x0806 for ARP, 0x8035 for RARP
         * @param operation 1 request, 2 reply, 3 reverse request, …
         */
        public Builder arp(
                int etherType, int operation, String senderMac, String senderIp, String targetMac, String targetIp) {
            return arp(etherType, 1, PacketData.IPV4, operation, senderMac, senderIp, targetMac, targetIp);
        }

        /** Any ARP or RARP frame with addresses of those lengths, its hardware and protocol type included. */
        public Builder arp(
                int etherType,
                int hardwareType,
                int protocolType,
                int operation,
                String senderMac,
                String senderIp,
                String targetMac,
                String targetIp) {
            this.etherType = inRange("etherType", etherType, 0xffff);
            this.ipSource = null;
            this.arp = new PacketData.Arp(
                    inRange("hardwareType", hardwareType, 0xffff),
                    inRange("protocolType", protocolType, 0xffff),
                    inRange("operation", operation, 0xffff),
                    mac("senderMac", senderMac),
                    version4("senderIp", senderIp),
                    mac("targetMac", targetMac),
                    version4("targetIp", targetIp));
            return this;
        }

        private static IpAddress version4(String field, String text) {
            IpAddress address = address(field, text);
            if (address.version() != 4) {
                throw new InvalidValueException(field, text, "an IPv4 address is needed");
            }
            return address;
        }

        /** An IPv4 packet between those addresses. Say next what it carries. */
        public Builder ipv4(String source, String destination) {
            return ip(4, source, destination);
        }

        /** An IPv6 packet between those addresses, without extension headers. Say next what it carries. */
        public Builder ipv6(String source, String destination) {
            return ip(6, source, destination);
        }

        private Builder ip(int version, String source, String destination) {
            IpAddress from = address("source", source);
            IpAddress to = address("destination", destination);
            if (from.version() != version || to.version() != version) {
                throw new InvalidValueException(
                        "addresses", source + ", " + destination, "IPv" + version + " is needed");
            }
            ipSource = from;
            ipDestination = to;
            arp = null;
            etherType = version == 4 ? PacketData.IPV4 : PacketData.IPV6;
            return this;
        }

        /** A TCP segment; flags such as {@code "SYN,ACK"}, by default SYN alone. Ports 0 to 65535. */
        public Builder tcp(int source, int destination, String... flags) {
            Set<TcpFlag> set = EnumSet.noneOf(TcpFlag.class);
            for (String flag : flags.length == 0
                    ? new String[] {"SYN"}
                    : String.join(",", flags).split(",", -1)) {
                if (!flag.isEmpty()) {
                    set.add(flag(flag));
                }
            }
            return ports(IpProtocol.TCP, source, destination, set, 1, set.contains(TcpFlag.ACK) ? 1 : 0);
        }

        private static TcpFlag flag(String name) {
            try {
                return TcpFlag.valueOf(name);
            } catch (IllegalArgumentException e) {
                throw new InvalidValueException("flags", name, "one of " + List.of(TcpFlag.values()) + " is needed");
            }
        }

        /** The sequence and acknowledgement numbers of the TCP segment set before; the simulator does not judge them. */
        public Builder tcpNumbers(long sequence, long acknowledgement) {
            if (!(transport instanceof PacketData.Ports ports) || protocol != IpProtocol.TCP) {
                throw new InvalidValueException("tcpNumbers", sequence, "call tcp(…) before");
            }
            transport = new PacketData.Ports(
                    ports.source(),
                    ports.destination(),
                    ports.flags(),
                    sequence & 0xffff_ffffL,
                    acknowledgement & 0xffff_ffffL);
            return this;
        }

        /** A UDP datagram. Ports 0 to 65535. */
        public Builder udp(int source, int destination) {
            return ports(IpProtocol.UDP, source, destination, Set.of(), 0, 0);
        }

        /** A UDP-Lite datagram. Ports 0 to 65535. */
        public Builder udpLite(int source, int destination) {
            return ports(IpProtocol.UDPLITE, source, destination, Set.of(), 0, 0);
        }

        /** An SCTP packet that opens an association (INIT). Ports 0 to 65535. */
        public Builder sctp(int source, int destination) {
            return ports(IpProtocol.SCTP, source, destination, Set.of(), 0, 0);
        }

        private Builder ports(
                int protocol, int source, int destination, Set<TcpFlag> flags, long sequence, long acknowledgement) {
            this.protocol = protocol;
            this.transport = new PacketData.Ports(
                    inRange("source port", source, 0xffff),
                    inRange("destination port", destination, 0xffff),
                    Set.copyOf(flags),
                    sequence,
                    acknowledgement);
            return this;
        }

        /** An ICMP message in IPv4, an ICMPv6 message in IPv6; type and code 0 to 255. */
        public Builder icmp(int type, int code) {
            return icmp(type, code, 1, 1);
        }

        /** The same with an identifier and a sequence number, 0 to 65535, as echo has them. */
        public Builder icmp(int type, int code, int identifier, int sequence) {
            protocol = etherType == PacketData.IPV6 ? IpProtocol.ICMPV6 : IpProtocol.ICMP;
            transport = new PacketData.Icmp(
                    inRange("type", type, 255),
                    inRange("code", code, 255),
                    inRange("identifier", identifier, 0xffff),
                    inRange("sequence", sequence, 0xffff),
                    null);
            return this;
        }

        /** A ping: an echo request of the IP version set before. */
        public Builder ping() {
            return icmp(etherType == PacketData.IPV6 ? 128 : 8, 0);
        }

        /** Any other IP protocol, 0 to 255, of which filters see the number alone. */
        public Builder protocol(int number) {
            protocol = inRange("protocol", number, 255);
            transport = new PacketData.Opaque();
            return this;
        }

        /** The whole type-of-service or traffic-class byte: DSCP in the upper six bits. */
        public Builder trafficClass(int value) {
            trafficClass = inRange("trafficClass", value, 255);
            return this;
        }

        /** The time to live or hop limit, by default 64. */
        public Builder hopLimit(int value) {
            hopLimit = inRange("hopLimit", value, 255);
            return this;
        }

        /** The IPv4 identification, which fragments of one datagram share; in IPv6 the flow label. */
        public Builder identification(int value) {
            identification = inRange("identification", value, 0xffff);
            return this;
        }

        /** What follows all headers. */
        public Builder payload(byte[] bytes) {
            payload = Bytes.of(bytes);
            return this;
        }

        /**
         * The packet.
         *
         * @throws InvalidValueException if an IP packet was begun without saying what it carries
         */
        public Packet build() {
            PacketData.Body body = new PacketData.Raw();
            if (arp != null) {
                body = arp;
            } else if (ipSource != null && ipDestination != null) {
                if (protocol < 0) {
                    throw new InvalidValueException("an IP packet needs tcp, udp, icmp or another protocol in it");
                }
                boolean icmpFits = protocol != (etherType == PacketData.IPV6 ? IpProtocol.ICMP : IpProtocol.ICMPV6)
                        || !(transport instanceof PacketData.Icmp);
                if (!icmpFits) {
                    throw new InvalidValueException("call ipv4 or ipv6 before icmp: its number depends on it");
                }
                body = new PacketData.Ip(
                        ipSource, ipDestination, protocol, trafficClass, hopLimit, identification, transport, null);
            }
            return new Packet(new PacketData(direction, path, source, destination, vlan, etherType, body, payload));
        }
    }
}
