package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The connections that the host's kernel keeps track of, by netlink (linux/netfilter/nfnetlink_conntrack.h and
 * linux/netlink.h for the numbers and layouts). It needs the privilege to administer the host's network.
 */
public final class ConnectionTracking {
    private static final int AF_NETLINK = 16;
    private static final int SOCK_RAW = 3;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int NETLINK_NETFILTER = 12;
    private static final int SOL_SOCKET = 1;
    private static final int SO_RCVTIMEO = 20;
    private static final long ANSWER_SECONDS = 5;

    private static final int NLM_F_REQUEST = 1;
    private static final int NLM_F_ACK = 4;
    private static final int NLM_F_DUMP = 0x300;
    private static final short NLMSG_ERROR = 2;
    private static final short NLMSG_DONE = 3;
    private static final int CT_GET = 1 << 8 | 1;
    private static final int CT_DELETE = 1 << 8 | 2;
    private static final int CT_NEW = 1 << 8;
    private static final byte AF_INET = 2;
    private static final int HEADER = 16;
    private static final int FAMILY = 4;

    private static final int TYPE_MASK = 0x3fff;
    private static final int CTA_TUPLE_ORIG = 1;
    private static final int CTA_TUPLE_REPLY = 2;
    private static final int CTA_ID = 12;
    private static final int CTA_ZONE = 18;
    private static final int CTA_TUPLE_IP = 1;

    private static final int ENOENT = 2;
    private static final int BUFFER = 1 << 17;

    private ConnectionTracking() {}

    /**
     * Forgets every IPv4 connection to or from that address.
     *
     * @param address its four bytes
     * @return how many there were
     * @throws IOException if this process may not, or the kernel does not keep track
     */
    public static int forget(byte[] address) throws IOException {
        int socket = -1;
        try (Memory buffer = new Memory(BUFFER)) {
            socket = Libc.INSTANCE.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
            buffer.setLong(0, ANSWER_SECONDS);
            buffer.setLong(8, 0);
            Libc.INSTANCE.setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, buffer, 16);
            int forgotten = 0;
            for (Map<Integer, byte[]> connection : list(socket, buffer)) {
                if (isOf(connection.get(CTA_TUPLE_ORIG), address) || isOf(connection.get(CTA_TUPLE_REPLY), address)) {
                    delete(socket, buffer, connection);
                    forgotten++;
                }
            }
            return forgotten;
        } catch (LastErrorException e) {
            throw new IOException("netlink: " + e.getMessage(), e);
        } finally {
            if (socket >= 0) {
                Libc.INSTANCE.close(socket);
            }
        }
    }

    private static List<Map<Integer, byte[]>> list(int socket, Memory buffer) throws IOException {
        send(socket, buffer, CT_GET, NLM_F_REQUEST | NLM_F_DUMP, new byte[0]);
        List<Map<Integer, byte[]>> connections = new ArrayList<>();
        while (true) {
            ByteBuffer datagram = receive(socket, buffer);
            while (datagram.remaining() >= HEADER) {
                ByteBuffer message = next(datagram);
                int type = message.getShort(4);
                if (type == NLMSG_DONE) {
                    return connections;
                }
                if (type == NLMSG_ERROR) {
                    throw new IOException("the kernel does not list connections: error " + -message.getInt(HEADER));
                }
                if (type == CT_NEW) {
                    message.position(HEADER + FAMILY);
                    connections.add(attributes(message));
                }
            }
        }
    }

    private static void delete(int socket, Memory buffer, Map<Integer, byte[]> connection) throws IOException {
        ByteBuffer attributes = ByteBuffer.allocate(1024).order(ByteOrder.nativeOrder());
        for (int type : new int[] {CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE}) {
            byte[] value = connection.get(type);
            if (value != null) {
                attributes.putShort((short) (4 + value.length));
                attributes.putShort((short) (type == CTA_TUPLE_ORIG ? type | 0x8000 : type));
                attributes.put(value);
                attributes.position(aligned(attributes.position()));
            }
        }
        byte[] body = new byte[attributes.position()];
        attributes.flip().get(body);
        send(socket, buffer, CT_DELETE, NLM_F_REQUEST | NLM_F_ACK, body);
        ByteBuffer answer = receive(socket, buffer);
        int error = answer.getShort(4) == NLMSG_ERROR ? -answer.getInt(HEADER) : 0;
        // One that ended by itself is forgotten too.
        if (error != 0 && error != ENOENT) {
            throw new IOException("the kernel does not forget a connection: error " + error);
        }
    }

    private static void send(int socket, Memory buffer, int type, int flags, byte[] attributes) {
        int length = HEADER + FAMILY + attributes.length;
        ByteBuffer message = buffer.getByteBuffer(0, length).order(ByteOrder.nativeOrder());
        message.putInt(length)
                .putShort((short) type)
                .putShort((short) flags)
                .putInt(0)
                .putInt(0);
        message.put(AF_INET).put((byte) 0).putShort((short) 0).put(attributes);
        Libc.INSTANCE.send(socket, buffer, new NativeSize(length), 0);
    }

    private static ByteBuffer receive(int socket, Memory buffer) {
        int length =
                Libc.INSTANCE.recv(socket, buffer, new NativeSize(BUFFER), 0).intValue();
        byte[] copy = buffer.getByteArray(0, length);
        return ByteBuffer.wrap(copy).order(ByteOrder.nativeOrder());
    }

    /** The next message of a datagram, or attribute of a message, with its header, which says its length. */
    private static ByteBuffer next(ByteBuffer datagram) {
        int length = datagram.getInt(datagram.position());
        return slice(datagram, Math.max(HEADER, length));
    }

    private static ByteBuffer slice(ByteBuffer from, int length) {
        int end = Math.min(from.limit(), from.position() + length);
        ByteBuffer part = from.slice(from.position(), end - from.position()).order(ByteOrder.nativeOrder());
        from.position(Math.min(from.limit(), from.position() + aligned(length)));
        return part;
    }

    private static Map<Integer, byte[]> attributes(ByteBuffer from) {
        Map<Integer, byte[]> attributes = new HashMap<>();
        while (from.remaining() >= 4) {
            int length = from.getShort(from.position()) & 0xffff;
            int type = from.getShort(from.position() + 2) & TYPE_MASK;
            ByteBuffer attribute = slice(from, Math.max(4, length));
            byte[] value = new byte[attribute.remaining() - 4];
            attribute.get(4, value);
            attributes.put(type, value);
        }
        return attributes;
    }

    private static boolean isOf(byte @Nullable [] tuple, byte[] address) {
        if (tuple == null) {
            return false;
        }
        byte[] ip = attributes(ByteBuffer.wrap(tuple).order(ByteOrder.nativeOrder()))
                .get(CTA_TUPLE_IP);
        return ip != null
                && attributes(ByteBuffer.wrap(ip).order(ByteOrder.nativeOrder())).values().stream()
                        .anyMatch(value -> java.util.Arrays.equals(value, address));
    }

    private static int aligned(int length) {
        return length + 3 & ~3;
    }
}
