package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * Asks the kernel what it has counted of a connection (netlink(7), and linux/netfilter/nfnetlink_conntrack.h for the
 * numbers). For use by one thread at a time.
 */
public final class ConntrackSocket implements AutoCloseable {
    private static final int AF_NETLINK = 16;
    private static final int SOCK_RAW = 3;
    private static final int SOCK_NONBLOCK = 0x800;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int NETLINK_NETFILTER = 12;

    private static final short GET = 0x0101;
    private static final short NEW = 0x0100;
    private static final short REQUEST = 1;
    private static final byte AF_INET = 2;
    private static final int HEADER = 16;
    private static final int GENERIC_HEADER = 4;

    private static final int NESTED = 0x8000;
    private static final int TYPE_BITS = 0x3fff;
    private static final int TUPLE_ORIGINAL = 1;
    private static final int TUPLE_IP = 1;
    private static final int TUPLE_PROTOCOL = 2;
    private static final int COUNTERS_ORIGINAL = 9;
    private static final int COUNTERS_REPLY = 10;
    private static final int COUNTER_BYTES = 2;

    private static final int BUFFER = 4096;
    /** Answers to questions whose answers were not waited for. */
    private static final int MAX_STALE = 16;

    private final int descriptor;
    private final Memory buffer = new Memory(BUFFER);
    private int sequence;
    private boolean closed;

    private ConntrackSocket(int descriptor) {
        this.descriptor = descriptor;
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
     */
    public record Counters(long original, long reply) {}

    /**
     * Opens one.
     *
     * @throws IOException if this process may not
     */
    public static ConntrackSocket open() throws IOException {
        try {
            return new ConntrackSocket(
                    Libc.INSTANCE.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
        } catch (LastErrorException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    /**
     * What was counted of it so far; empty if the kernel does not count, does not know it, or does not tell this process.
     */
    public Optional<Counters> counters(Tuple tuple) {
        sequence++;
        byte[] question = question(tuple, sequence);
        buffer.write(0, question, 0, question.length);
        try {
            Libc.INSTANCE.send(descriptor, buffer, new NativeSize(question.length), 0);
            for (int i = 0; i < MAX_STALE; i++) {
                int length = Libc.INSTANCE
                        .recv(descriptor, buffer, new NativeSize(BUFFER), 0)
                        .intValue();
                ByteBuffer answer =
                        buffer.getByteBuffer(0, Math.min(length, BUFFER)).order(ByteOrder.nativeOrder());
                if (answer.remaining() >= HEADER && answer.getInt(8) == sequence) {
                    return answer.getShort(4) == NEW ? counters(answer) : Optional.empty();
                }
            }
        } catch (LastErrorException | BufferUnderflowException | IllegalArgumentException e) {
            // It has no answer, or none that can be read.
        }
        return Optional.empty();
    }

    static byte[] question(Tuple tuple, int sequence) {
        ByteBuffer message = ByteBuffer.allocate(128).order(ByteOrder.nativeOrder());
        message.putInt(0).putShort(GET).putShort(REQUEST).putInt(sequence).putInt(0);
        message.put(AF_INET).put((byte) 0).putShort((short) 0);
        int original = begin(message, TUPLE_ORIGINAL);
        int ip = begin(message, TUPLE_IP);
        put(message, 1, 4, tuple.source());
        put(message, 2, 4, tuple.destination());
        end(message, ip);
        int protocol = begin(message, TUPLE_PROTOCOL);
        put(message, 1, 1, tuple.protocol());
        put(message, 2, 2, tuple.sourcePort());
        put(message, 3, 2, tuple.destinationPort());
        end(message, protocol);
        end(message, original);
        message.putInt(0, message.position());
        byte[] bytes = new byte[message.position()];
        message.get(0, bytes);
        return bytes;
    }

    private static int begin(ByteBuffer message, int type) {
        int start = message.position();
        message.putShort((short) 0).putShort((short) (NESTED | type));
        return start;
    }

    private static void end(ByteBuffer message, int start) {
        message.putShort(start, (short) (message.position() - start));
    }

    /** An attribute of that many bytes in network order, and what fills it up to four. */
    private static void put(ByteBuffer message, int type, int length, int value) {
        message.putShort((short) (4 + length)).putShort((short) type);
        for (int i = length - 1; i >= 0; i--) {
            message.put((byte) (value >>> (8 * i)));
        }
        while (message.position() % 4 != 0) {
            message.put((byte) 0);
        }
    }

    static Optional<Counters> counters(ByteBuffer answer) {
        ByteBuffer attributes = answer.position(HEADER + GENERIC_HEADER).slice().order(ByteOrder.nativeOrder());
        Optional<ByteBuffer> original = attribute(attributes, COUNTERS_ORIGINAL);
        Optional<ByteBuffer> reply = attribute(attributes, COUNTERS_REPLY);
        return original.flatMap(ConntrackSocket::bytes)
                .flatMap(sent -> reply.flatMap(ConntrackSocket::bytes).map(received -> new Counters(sent, received)));
    }

    private static Optional<Long> bytes(ByteBuffer counters) {
        return attribute(counters, COUNTER_BYTES)
                .map(bytes -> bytes.order(ByteOrder.BIG_ENDIAN).getLong(0))
                .filter(bytes -> bytes >= 0);
    }

    private static Optional<ByteBuffer> attribute(ByteBuffer attributes, int type) {
        for (int at = 0; at + 4 <= attributes.limit(); ) {
            int length = Short.toUnsignedInt(attributes.getShort(at));
            if (length < 4 || at + length > attributes.limit()) {
                return Optional.empty();
            }
            if ((attributes.getShort(at + 2) & TYPE_BITS) == type) {
                return Optional.of(attributes.slice(at + 4, length - 4).order(ByteOrder.nativeOrder()));
            }
            at += length + 3 & ~3;
        }
        return Optional.empty();
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            Libc.INSTANCE.close(descriptor);
            buffer.close();
        }
    }
}
