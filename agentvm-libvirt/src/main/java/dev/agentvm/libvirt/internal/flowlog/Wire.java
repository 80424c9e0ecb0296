package dev.agentvm.libvirt.internal.flowlog;

import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a program and the service say to each other. The program says once, in {@link #REQUEST_BYTES} bytes, whose tap it
 * wants; all else is said by the service, in messages of a type, a length of two bytes, and so many bytes. Numbers are
 * big-endian.
 */
final class Wire {
    /** The length of a request: "avmf", a version, and the VM's id. */
    static final int REQUEST_BYTES = 4 + 1 + 16;

    /** The longest message, with its type and length. */
    static final int LONGEST_MESSAGE = 3 + 3 + PacketSocket.LONGEST_FRAME;

    private static final int MAGIC = 0x61766d66;
    private static final byte VERSION = 1;
    private static final int HEADER = 3;
    private static final int LONGEST_REASON = 500;
    private static final int TOWARDS = 1;
    private static final int TAGGED = 2;

    private Wire() {}

    /** What the service says. */
    enum Type {
        /** It does not show that tap; why, in words. Nothing follows. */
        REFUSED,
        /** From now on it shows what passes. */
        ACCEPTED,
        /** A frame: bits for its direction and whether it had a VLAN tag, the tag's ethertype, and its bytes. */
        FRAME,
        /** How many frames were lost before what follows, eight bytes. */
        LOST,
        /** Nothing; so the service notices when nobody listens. */
        ALIVE,
        /** The tap is gone. Nothing follows. */
        END
    }

    /**
     * A message.
     *
     * @param body what it says, in the memory that it was read from
     */
    record Message(Type type, ByteBuffer body) {}

    /** It is not what the other side may say. */
    static final class MalformedException extends Exception {
        private static final long serialVersionUID = 1L;

        MalformedException(String message) {
            super(message);
        }
    }

    static ByteBuffer request(UUID vm) {
        return ByteBuffer.allocate(REQUEST_BYTES)
                .putInt(MAGIC)
                .put(VERSION)
                .putLong(vm.getMostSignificantBits())
                .putLong(vm.getLeastSignificantBits())
                .flip();
    }

    /** Whose tap is wanted, or empty if that is no request of this version. */
    static Optional<UUID> vm(ByteBuffer request) {
        return request.remaining() == REQUEST_BYTES && request.getInt() == MAGIC && request.get() == VERSION
                ? Optional.of(new UUID(request.getLong(), request.getLong()))
                : Optional.empty();
    }

    static void put(ByteBuffer out, Type type) {
        put(out, type, 0);
    }

    private static void put(ByteBuffer out, Type type, int length) {
        out.put((byte) type.ordinal()).putShort((short) length);
    }

    static void putRefusal(ByteBuffer out, String reason) {
        byte[] text =
                reason.substring(0, Math.min(reason.length(), LONGEST_REASON)).getBytes(StandardCharsets.UTF_8);
        put(out, Type.REFUSED, text.length);
        out.put(text);
    }

    static void putLost(ByteBuffer out, long frames) {
        put(out, Type.LOST, Long.BYTES);
        out.putLong(frames);
    }

    static void putFrame(ByteBuffer out, PacketSocket.Frame frame) {
        ByteBuffer bytes = frame.bytes().duplicate();
        put(out, Type.FRAME, 3 + bytes.remaining());
        out.put((byte) ((frame.towards() ? TOWARDS : 0) | (frame.vlanProtocol().isPresent() ? TAGGED : 0)));
        out.putShort((short) (int) frame.vlanProtocol().orElse(0)).put(bytes);
    }

    /**
     * Takes the next message out of what has come; null if it is not there in full yet.
     *
     * @param in what has come, ready to be read
     */
    static @Nullable Message next(ByteBuffer in) throws MalformedException {
        if (in.remaining() < HEADER) {
            return null;
        }
        int type = in.get(in.position());
        int length = Short.toUnsignedInt(in.getShort(in.position() + 1));
        if (type < 0 || type >= Type.values().length || length > LONGEST_MESSAGE - HEADER) {
            throw new MalformedException("a message of the type " + type + " and " + length + " bytes");
        }
        if (in.remaining() < HEADER + length) {
            return null;
        }
        ByteBuffer body = in.slice(in.position() + HEADER, length);
        in.position(in.position() + HEADER + length);
        return new Message(Type.values()[type], body);
    }

    static String reason(ByteBuffer body) {
        return StandardCharsets.UTF_8.decode(body).toString();
    }

    static long lost(ByteBuffer body) throws MalformedException {
        if (body.remaining() != Long.BYTES || body.getLong(body.position()) < 0) {
            throw new MalformedException("a count of " + body.remaining() + " bytes");
        }
        return body.getLong();
    }

    static PacketSocket.Frame frame(ByteBuffer body) throws MalformedException {
        if (body.remaining() < 3) {
            throw new MalformedException("a frame of " + body.remaining() + " bytes");
        }
        int bits = body.get();
        int tag = Short.toUnsignedInt(body.getShort());
        byte[] bytes = new byte[body.remaining()];
        body.get(bytes);
        return new PacketSocket.Frame(
                ByteBuffer.wrap(bytes),
                (bits & TOWARDS) != 0,
                (bits & TAGGED) == 0 ? Optional.empty() : Optional.of(tag));
    }
}
