package dev.agentvm.testkit.internal.nwfilter;

import dev.agentvm.testkit.internal.nwfilter.PacketData.TcpFlag;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Connection tracking as netfilter does it, without time: nothing expires, sequence numbers are not looked at, there are
 * no helpers and no address translation.
 */
final class Conntrack {
    private static final Set<Set<TcpFlag>> VALID_FLAGS = Set.of(
            EnumSet.of(TcpFlag.SYN),
            EnumSet.of(TcpFlag.SYN, TcpFlag.URG),
            EnumSet.of(TcpFlag.SYN, TcpFlag.ACK),
            EnumSet.of(TcpFlag.RST),
            EnumSet.of(TcpFlag.RST, TcpFlag.ACK),
            EnumSet.of(TcpFlag.FIN, TcpFlag.ACK),
            EnumSet.of(TcpFlag.FIN, TcpFlag.ACK, TcpFlag.URG),
            EnumSet.of(TcpFlag.ACK),
            EnumSet.of(TcpFlag.ACK, TcpFlag.URG));
    private static final Map<Integer, Integer> ICMP_ANSWERS =
            Map.of(8, 0, 0, 8, 13, 14, 14, 13, 15, 16, 16, 15, 17, 18, 18, 17);
    private static final Set<Integer> ICMP_REQUESTS = Set.of(8, 13, 15, 17);
    private static final Set<Integer> ICMP_ERRORS = Set.of(3, 4, 5, 11, 12);
    private static final Map<Integer, Integer> ICMPV6_ANSWERS = Map.of(128, 129, 129, 128, 139, 140, 140, 139);
    private static final Set<Integer> ICMPV6_REQUESTS = Set.of(128, 139);
    private static final Set<Integer> ICMPV6_UNTRACKED = Set.of(130, 131, 132, 133, 134, 135, 136, 143);
    private static final int ICMPV6_FIRST_MESSAGE = 128;

    private final Map<Tuple, Connection> connections = new HashMap<>();

    /** What {@code --ctstate} compares. */
    enum Tracked {
        NEW,
        ESTABLISHED,
        RELATED,
        INVALID,
        UNTRACKED
    }

    /** What {@code --ctdir} compares. */
    enum Side {
        ORIGINAL,
        REPLY
    }

    /** How a packet relates to the connections known; without a connection it has no side. */
    record Finding(
            Tracked state, @Nullable Side side, @Nullable Connection connection, Tuple tuple) {}

    /** One way of a connection. For ICMP the ports are the identifier, and type and code. */
    record Tuple(IpAddress source, IpAddress destination, int protocol, int sourcePort, int destinationPort) {}

    /** A connection, by the way of its first packet. */
    static final class Connection {
        private final Tuple original;
        private boolean opening;
        private boolean replied;
        private boolean closed;
        private final Set<Side> finished = EnumSet.noneOf(Side.class);

        private Connection(Tuple original, boolean opening) {
            this.original = original;
            this.opening = opening;
        }

        Tuple original() {
            return original;
        }
    }

    /** Looks a packet up, and takes note of it in the connection it belongs to. */
    Finding find(PacketData.Ip ip) {
        Tuple tuple = tuple(ip);
        if (ip.transport() instanceof PacketData.Icmp icmp) {
            boolean v4 = ip.version() == 4;
            if (v4 ? ICMP_ERRORS.contains(icmp.type()) : icmp.type() < ICMPV6_FIRST_MESSAGE) {
                return findError(ip, icmp, tuple);
            }
            if (!v4 && ICMPV6_UNTRACKED.contains(icmp.type())) {
                return new Finding(Tracked.UNTRACKED, null, null, tuple);
            }
            if (!(v4 ? ICMP_ANSWERS : ICMPV6_ANSWERS).containsKey(icmp.type())) {
                return invalid(tuple);
            }
            boolean request = (v4 ? ICMP_REQUESTS : ICMPV6_REQUESTS).contains(icmp.type());
            return find(tuple, request);
        }
        return ip.protocol() == IpProtocol.TCP && ip.transport() instanceof PacketData.Ports ports
                ? findTcp(tuple, ports)
                : find(tuple, true);
    }

    private Finding find(Tuple tuple, boolean mayBegin) {
        Connection connection = connections.get(tuple);
        if (connection != null) {
            return known(connection, Side.ORIGINAL, tuple);
        }
        connection = connections.get(inverse(tuple));
        if (connection != null) {
            return known(connection, Side.REPLY, tuple);
        }
        return mayBegin ? new Finding(Tracked.NEW, Side.ORIGINAL, new Connection(tuple, false), tuple) : invalid(tuple);
    }

    private Finding known(Connection connection, Side side, Tuple tuple) {
        if (side == Side.REPLY) {
            connection.replied = true;
            connection.opening = false;
        }
        return new Finding(connection.replied ? Tracked.ESTABLISHED : Tracked.NEW, side, connection, tuple);
    }

    private static Finding invalid(Tuple tuple) {
        return new Finding(Tracked.INVALID, null, null, tuple);
    }

    private Finding findError(PacketData.Ip ip, PacketData.Icmp icmp, Tuple tuple) {
        PacketData.Ip about = icmp.about();
        if (about == null || !about.source().equals(ip.destination())) {
            return invalid(tuple);
        }
        Tuple inner = tuple(about);
        Connection forward = connections.get(inner);
        Connection backward = connections.get(inverse(inner));
        if (forward != null) {
            return new Finding(Tracked.RELATED, Side.REPLY, forward, tuple);
        }
        return backward != null ? new Finding(Tracked.RELATED, Side.ORIGINAL, backward, tuple) : invalid(tuple);
    }

    private Finding findTcp(Tuple tuple, PacketData.Ports ports) {
        EnumSet<TcpFlag> flags = EnumSet.noneOf(TcpFlag.class);
        flags.addAll(ports.flags());
        flags.remove(TcpFlag.PSH);
        if (!VALID_FLAGS.contains(flags)) {
            return invalid(tuple);
        }
        boolean rst = flags.contains(TcpFlag.RST);
        boolean syn = flags.contains(TcpFlag.SYN) && !flags.contains(TcpFlag.ACK);
        boolean synAck = flags.contains(TcpFlag.SYN) && flags.contains(TcpFlag.ACK);
        boolean fin = flags.contains(TcpFlag.FIN);
        Connection connection = connections.get(tuple);
        Side side = connection != null ? Side.ORIGINAL : Side.REPLY;
        if (connection == null) {
            connection = connections.get(inverse(tuple));
        }
        if (connection != null && syn && connection.closed) {
            connections.remove(connection.original);
            connection = null;
        }
        if (connection == null) {
            // A stream may be picked up in its middle, but not at its end.
            return rst || synAck || fin
                    ? invalid(tuple)
                    : new Finding(Tracked.NEW, Side.ORIGINAL, new Connection(tuple, syn), tuple);
        }
        if (connection.opening && (side == Side.ORIGINAL ? !syn && !rst : fin)) {
            return invalid(tuple);
        }
        if (rst && side == Side.ORIGINAL && !connection.replied) {
            connections.remove(connection.original);
        }
        Finding finding = known(connection, side, tuple);
        if (fin) {
            connection.finished.add(side);
        }
        connection.closed |= rst || connection.finished.size() == 2;
        return finding;
    }

    /** Takes a connection in for good, as netfilter does at the end of a packet's way. */
    void confirm(Finding finding) {
        if (finding.state() == Tracked.NEW && finding.connection() != null && !finding.connection().closed) {
            connections.putIfAbsent(finding.connection().original, finding.connection());
        }
    }

    /** Whether a connection is known and not over. */
    boolean isAlive(Tuple original) {
        Connection connection = connections.get(original);
        return connection != null && !connection.closed;
    }

    void clear() {
        connections.clear();
    }

    private static Tuple tuple(PacketData.Ip ip) {
        int source = 0;
        int destination = 0;
        if (ip.transport() instanceof PacketData.Ports ports) {
            source = ports.source();
            destination = ports.destination();
        } else if (ip.transport() instanceof PacketData.Icmp icmp) {
            source = icmp.identifier();
            destination = icmp.type() << 8 | icmp.code();
        }
        return new Tuple(ip.source(), ip.destination(), ip.protocol(), source, destination);
    }

    private static Tuple inverse(Tuple tuple) {
        boolean v4 = tuple.protocol() == IpProtocol.ICMP;
        if (v4 || tuple.protocol() == IpProtocol.ICMPV6) {
            int type = tuple.destinationPort() >> 8;
            int answer = Objects.requireNonNullElse((v4 ? ICMP_ANSWERS : ICMPV6_ANSWERS).get(type), type);
            return new Tuple(
                    tuple.destination(),
                    tuple.source(),
                    tuple.protocol(),
                    tuple.sourcePort(),
                    answer << 8 | (tuple.destinationPort() & 0xff));
        }
        return new Tuple(
                tuple.destination(), tuple.source(), tuple.protocol(), tuple.destinationPort(), tuple.sourcePort());
    }
}
