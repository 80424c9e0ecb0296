package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;

/**
 * Messages to the kernel's netfilter and what it answers (netlink(7); linux/netlink.h and linux/netfilter/nfnetlink.h for
 * the numbers and layouts). For use by one thread at a time.
 */
final class Netlink implements AutoCloseable {
    /** Set in the type of an attribute that is made of others. */
    static final int NESTED = 0x8000;

    static final short REQUEST = 1;
    static final short ACK = 4;
    static final short DUMP = 0x300;
    static final short ERROR = 2;
    static final short DONE = 3;

    /** The length of what stands before the attributes of a message: its own header, and that of netfilter. */
    private static final int HEADERS = 16 + 4;

    private static final int HEADER = 16;
    private static final int TYPE_BITS = 0x3fff;

    private static final int AF_NETLINK = 16;
    private static final int SOCK_RAW = 3;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int NETLINK_NETFILTER = 12;
    private static final int SOL_SOCKET = 1;
    private static final int SO_RCVTIMEO = 20;
    private static final int MSG_DONTWAIT = 0x40;
    private static final long ANSWER_SECONDS = 5;
    private static final byte AF_INET = 2;
    private static final int BUFFER = 1 << 17;

    private final int descriptor;
    private final Memory buffer = new Memory(BUFFER);
    private boolean closed;

    private Netlink(int descriptor) {
        this.descriptor = descriptor;
    }

    /**
     * Opens one.
     *
     * @throws IOException if this process may not
     */
    static Netlink open() throws IOException {
        try {
            Netlink netlink = new Netlink(Libc.INSTANCE.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
            netlink.buffer.setLong(0, ANSWER_SECONDS);
            netlink.buffer.setLong(8, 0);
            Libc.INSTANCE.setsockopt(netlink.descriptor, SOL_SOCKET, SO_RCVTIMEO, netlink.buffer, 16);
            return netlink;
        } catch (LastErrorException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    /**
     * A message of the kernel.
     *
     * @param bytes all of it, in the machine's order
     */
    record Message(ByteBuffer bytes) {
        short type() {
            return bytes.getShort(4);
        }

        int sequence() {
            return bytes.getInt(8);
        }

        /** The number of the error that it tells if it is one: 0 if all is well. */
        int error() {
            return -bytes.getInt(HEADER);
        }

        /** What it says, if it is about netfilter. */
        Map<Integer, byte[]> attributes() {
            return bytes.limit() < HEADERS
                    ? Map.of()
                    : Netlink.attributes(bytes.slice(HEADERS, bytes.limit() - HEADERS));
        }
    }

    /** Says something about IPv4. */
    void send(int type, int flags, int sequence, byte[] attributes) {
        int length = HEADERS + attributes.length;
        ByteBuffer message = buffer.getByteBuffer(0, length).order(ByteOrder.nativeOrder());
        message.putInt(length)
                .putShort((short) type)
                .putShort((short) flags)
                .putInt(sequence)
                .putInt(0);
        message.put(AF_INET).put((byte) 0).putShort((short) 0).put(attributes);
        Libc.INSTANCE.send(descriptor, buffer, new NativeSize(length), 0);
    }

    /** The next messages, which {@link #next} takes out, if there are some already. */
    ByteBuffer receiveNow() {
        return receive(MSG_DONTWAIT);
    }

    /** The next messages, which {@link #next} takes out, when they come. */
    ByteBuffer receive() {
        return receive(0);
    }

    private ByteBuffer receive(int flags) {
        int length = Libc.INSTANCE
                .recv(descriptor, buffer, new NativeSize(BUFFER), flags)
                .intValue();
        return ByteBuffer.wrap(buffer.getByteArray(0, Math.min(length, BUFFER)));
    }

    static boolean hasNext(ByteBuffer messages) {
        return messages.remaining() >= HEADER;
    }

    static Message next(ByteBuffer messages) {
        int length = messages.order(ByteOrder.nativeOrder()).getInt(messages.position());
        return new Message(slice(messages, Math.max(HEADER, length)));
    }

    /** The attributes that make up {@code bytes}, by type; those that are cut off are left out. */
    static Map<Integer, byte[]> attributes(ByteBuffer bytes) {
        ByteBuffer from = bytes.order(ByteOrder.nativeOrder());
        Map<Integer, byte[]> attributes = new HashMap<>();
        while (from.remaining() >= 4) {
            int length = Short.toUnsignedInt(from.getShort(from.position()));
            int type = from.getShort(from.position() + 2) & TYPE_BITS;
            if (length < 4 || length > from.remaining()) {
                break;
            }
            byte[] value = new byte[length - 4];
            slice(from, length).get(4, value);
            attributes.put(type, value);
        }
        return attributes;
    }

    private static ByteBuffer slice(ByteBuffer from, int length) {
        int end = Math.min(from.limit(), from.position() + length);
        ByteBuffer part = from.slice(from.position(), end - from.position()).order(ByteOrder.nativeOrder());
        from.position(Math.min(from.limit(), from.position() + aligned(length)));
        return part;
    }

    private static int aligned(int length) {
        return length + 3 & ~3;
    }

    /** Attributes that are being written, at most 1 KiB. */
    static final class Writer {
        private final ByteBuffer bytes = ByteBuffer.allocate(1024).order(ByteOrder.nativeOrder());

        /** Adds one as it is. */
        Writer put(int type, byte[] value) {
            bytes.putShort((short) (4 + value.length)).putShort((short) type).put(value);
            bytes.position(aligned(bytes.position()));
            return this;
        }

        /** Adds one that is made of others. */
        Writer put(int type, Writer nested) {
            return put(NESTED | type, nested.toByteArray());
        }

        byte[] toByteArray() {
            byte[] written = new byte[bytes.position()];
            bytes.get(0, written);
            return written;
        }
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
