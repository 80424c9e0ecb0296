package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.LastErrorException;
import dev.agentvm.libvirt.internal.nativeaccess.Netlink.Message;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The connections that the host's kernel keeps track of (linux/netfilter/nfnetlink_conntrack.h for the numbers). It needs
 * the privilege to administer the host's network. For use by one thread at a time.
 */
public final class ConnectionTracking implements AutoCloseable {
    private static final int NEW = 0x0100;
    private static final int GET = 0x0101;
    private static final int DELETE = 0x0102;

    private static final int TUPLE_ORIGINAL = 1;
    private static final int TUPLE_REPLY = 2;
    private static final int COUNTERS_ORIGINAL = 9;
    private static final int COUNTERS_REPLY = 10;
    private static final int ID = 12;
    private static final int ZONE = 18;
    private static final int TUPLE_IP = 1;
    private static final int TUPLE_PROTOCOL = 2;
    private static final int COUNTER_BYTES = 2;
    private static final int PROTOCOL_INFO = 4;
    private static final int PROTOCOL_INFO_TCP = 1;
    private static final int TCP_STATE = 1;
    /** {@code TCP_CONNTRACK_CLOSE_WAIT}: those from the first SYN to this have an end that is still to come. */
    private static final int CLOSE_WAIT = 5;

    private static final int ENOENT = 2;
    /** Answers to questions whose answers were not waited for. */
    private static final int MAX_STALE = 16;

    private static final Tuple NOBODYS = new Tuple(0, 0, 6, 0, 0);

    private final Netlink netlink;
    private int sequence;

    private ConnectionTracking(Netlink netlink) {
        this.netlink = netlink;
    }

    /**
     * A connection, as the one who began it sees it.
     *
     * @param source its address, as 32 bits
     * @param destination the other's
     * @param protocol of TCP or UDP
     */
    public record Tuple(int source, int destination, int protocol, int sourcePort, int destinationPort) {}

    /**
     * Bytes, headers of IP and above included.
     *
     * @param original from who began it
     * @param reply towards who began it
     * @param open whether it is a TCP connection of which the kernel has not seen the end
     */
    public record Counters(long original, long reply, boolean open) {}

    /**
     * Opens it, which everybody may; to be answered takes more.
     *
     * @throws IOException if the kernel has nothing to be asked
     */
    public static ConnectionTracking open() throws IOException {
        return new ConnectionTracking(Netlink.open());
    }

    /** Whether the kernel tells this process of connections. */
    public static boolean answers() {
        try (ConnectionTracking tracking = open()) {
            return tracking.ask(NOBODYS)
                    .filter(answer -> answer.type() == Netlink.ERROR && answer.error() == ENOENT)
                    .isPresent();
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * What was counted of it so far; empty if the kernel does not count, does not know it, or does not tell this process.
     */
    public Optional<Counters> counters(Tuple tuple) {
        return ask(tuple).filter(answer -> answer.type() == NEW).flatMap(answer -> counters(answer.attributes()));
    }

    private Optional<Message> ask(Tuple tuple) {
        sequence++;
        try {
            netlink.send(GET, Netlink.REQUEST, sequence, question(tuple));
            for (int i = 0; i < MAX_STALE; i++) {
                // The kernel has answered before the question is sent.
                Message answer = Netlink.next(netlink.receiveNow());
                if (answer.sequence() == sequence) {
                    return Optional.of(answer);
                }
            }
        } catch (LastErrorException | BufferUnderflowException | IndexOutOfBoundsException e) {
            // It has no answer, or none that can be read.
        }
        return Optional.empty();
    }

    private static byte[] question(Tuple tuple) {
        Netlink.Writer ip =
                new Netlink.Writer().put(1, bytes(4, tuple.source())).put(2, bytes(4, tuple.destination()));
        Netlink.Writer protocol = new Netlink.Writer()
                .put(1, bytes(1, tuple.protocol()))
                .put(2, bytes(2, tuple.sourcePort()))
                .put(3, bytes(2, tuple.destinationPort()));
        return new Netlink.Writer()
                .put(TUPLE_ORIGINAL, new Netlink.Writer().put(TUPLE_IP, ip).put(TUPLE_PROTOCOL, protocol))
                .toByteArray();
    }

    /** In network order. */
    private static byte[] bytes(int length, int value) {
        return Arrays.copyOfRange(ByteBuffer.allocate(4).putInt(value).array(), 4 - length, 4);
    }

    static Optional<Counters> counters(Map<Integer, byte[]> connection) {
        Optional<Long> original = counted(connection.get(COUNTERS_ORIGINAL));
        Optional<Long> reply = counted(connection.get(COUNTERS_REPLY));
        return original.flatMap(sent -> reply.map(received -> new Counters(sent, received, isOpen(connection))));
    }

    private static boolean isOpen(Map<Integer, byte[]> connection) {
        byte[] state = within(within(connection.get(PROTOCOL_INFO), PROTOCOL_INFO_TCP), TCP_STATE);
        return state != null && state.length > 0 && state[0] >= 1 && state[0] <= CLOSE_WAIT;
    }

    private static byte @Nullable [] within(byte @Nullable [] attributes, int type) {
        return attributes == null
                ? null
                : Netlink.attributes(ByteBuffer.wrap(attributes)).get(type);
    }

    private static Optional<Long> counted(byte @Nullable [] counters) {
        byte[] bytes = within(counters, COUNTER_BYTES);
        return bytes == null || bytes.length != Long.BYTES
                ? Optional.empty()
                : Optional.of(ByteBuffer.wrap(bytes).getLong()).filter(count -> count >= 0);
    }

    /**
     * Forgets every IPv4 connection to or from that address.
     *
     * @param address its four bytes
     * @return how many there were
     * @throws IOException if this process may not, or the kernel does not keep track
     */
    public static int forget(byte[] address) throws IOException {
        try (ConnectionTracking tracking = open()) {
            List<Map<Integer, byte[]>> connections = tracking.list(address);
            for (Map<Integer, byte[]> connection : connections) {
                tracking.delete(connection);
            }
            return connections.size();
        } catch (LastErrorException e) {
            throw new IOException("netlink: " + e.getMessage(), e);
        }
    }

    /** Those of that address; of the others, which may be very many, nothing is kept. */
    private List<Map<Integer, byte[]>> list(byte[] address) throws IOException {
        netlink.send(GET, Netlink.REQUEST | Netlink.DUMP, 0, new byte[0]);
        List<Map<Integer, byte[]>> connections = new ArrayList<>();
        while (true) {
            ByteBuffer messages = netlink.receive();
            while (Netlink.hasNext(messages)) {
                Message message = Netlink.next(messages);
                if (message.type() == Netlink.DONE) {
                    return connections;
                }
                if (message.type() == Netlink.ERROR) {
                    throw new IOException("the kernel does not list connections: error " + message.error());
                }
                if (message.type() == NEW) {
                    Map<Integer, byte[]> connection = message.attributes();
                    if (isOf(connection.get(TUPLE_ORIGINAL), address) || isOf(connection.get(TUPLE_REPLY), address)) {
                        connections.add(connection);
                    }
                }
            }
        }
    }

    private void delete(Map<Integer, byte[]> connection) throws IOException {
        Netlink.Writer which = new Netlink.Writer();
        for (int type : new int[] {TUPLE_ORIGINAL, ID, ZONE}) {
            byte[] value = connection.get(type);
            if (value != null) {
                which.put(type == TUPLE_ORIGINAL ? Netlink.NESTED | type : type, value);
            }
        }
        netlink.send(DELETE, Netlink.REQUEST | Netlink.ACK, 0, which.toByteArray());
        Message answer = Netlink.next(netlink.receive());
        int error = answer.type() == Netlink.ERROR ? answer.error() : 0;
        // One that ended by itself is forgotten too.
        if (error != 0 && error != ENOENT) {
            throw new IOException("the kernel does not forget a connection: error " + error);
        }
    }

    private static boolean isOf(byte @Nullable [] tuple, byte[] address) {
        byte[] ip = within(tuple, TUPLE_IP);
        return ip != null
                && Netlink.attributes(ByteBuffer.wrap(ip)).values().stream()
                        .anyMatch(value -> Arrays.equals(value, address));
    }

    @Override
    public void close() {
        netlink.close();
    }
}
