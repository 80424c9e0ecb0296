package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import com.sun.jna.NativeLong;
import com.sun.jna.ptr.IntByReference;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What passes a network interface of the host, read through a packet socket (packet(7), and linux/if_packet.h and
 * linux/filter.h for the numbers; the layouts are those of 64-bit Linux). For use by one thread at a time.
 */
public final class PacketSocket implements AutoCloseable {
    /** How much of what name servers say, in bytes: more than of anything else. */
    public static final int LONGEST_FRAME = 2048;

    /** How much of each frame is read: the headers of everything that is looked at, those within ICMP errors too. */
    private static final int SNAP_LENGTH = 128;

    private static final int AF_PACKET = 17;
    private static final int SOCK_RAW = 3;
    private static final int SOCK_NONBLOCK = 0x800;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int ETH_P_ALL = 3;
    private static final int SOL_SOCKET = 1;
    private static final int SO_ATTACH_FILTER = 26;
    private static final int SO_RCVBUF = 8;
    private static final int SO_RCVBUFFORCE = 33;
    private static final int SOL_PACKET = 263;
    private static final int PACKET_STATISTICS = 6;
    private static final int PACKET_AUXDATA = 8;
    private static final int PACKET_OUTGOING = 4;
    private static final int TP_STATUS_VLAN_VALID = 1 << 4;
    private static final int TP_STATUS_VLAN_TPID_VALID = 1 << 6;
    private static final int ETHERTYPE_VLAN = 0x8100;
    private static final int POLLIN = 1;

    private static final int SHORTEST_IPV4 = 14 + 20;

    private static final int EPERM = 1;
    private static final int EINTR = 4;
    private static final int EAGAIN = 11;
    /** An interface may go down, be gone, and come again between two frames. */
    private static final int MOST_WORDS_OF_AN_END = 4;

    private static final int RECEIVE_BUFFER = 4 << 20;
    private static final int ADDRESS_SIZE = 20;
    private static final int CONTROL_SIZE = 64;
    private static final int MESSAGE_SIZE = 56;
    private static final int POLLFD_SIZE = 8;

    /**
     * Classic BPF that passes all but the middle of TCP connections: every frame that is not TCP over IPv4 or is in a
     * VLAN, fragments, and TCP that begins or ends a connection or has flags as no connection has. What comes from UDP port
     * 53 is passed whole.
     */
    private static final long[] PROGRAM = {
        loadWhetherTagged(),
        jumpIfEqual(0, 0, 19), // in a VLAN: pass
        loadLength(),
        jumpIfAtLeast(SHORTEST_IPV4, 0, 17), // cut off: pass
        load16(12),
        jumpIfEqual(0x0800, 0, 15), // not IPv4: pass
        load8(23),
        jumpIfEqual(6, 6, 0), // TCP: below
        jumpIfEqual(17, 0, 12), // not UDP: pass
        load16(20),
        jumpIfAnyBit(0x1fff, 10, 0), // a later fragment: pass
        loadHeaderLength(14),
        load16AfterHeader(14),
        jumpIfEqual(53, 8, 7), // from port 53: pass whole, else pass
        load16(20),
        jumpIfAnyBit(0x3fff, 5, 0), // a fragment, which may be too short for flags: pass
        loadHeaderLength(14),
        load8AfterHeader(14 + 13),
        jumpIfAnyBit(0x07, 2, 0), // FIN, SYN or RST: pass
        jumpIfAnyBit(0x10, 0, 1), // neither these nor ACK: pass
        result(0),
        result(SNAP_LENGTH),
        result(LONGEST_FRAME),
    };

    private final int descriptor;
    private final String name;
    private final int index;
    private final Memory frame = new Memory(LONGEST_FRAME);
    private final Memory address = new Memory(ADDRESS_SIZE);
    private final Memory control = new Memory(CONTROL_SIZE);
    private final Memory vector = new Memory(16);
    private final Memory message = new Memory(MESSAGE_SIZE);
    private boolean closed;

    /**
     * A frame.
     *
     * @param bytes its beginning, without a VLAN tag
     * @param towards whether the host sent it to the interface's other end, and not the other way round
     * @param vlanProtocol the ethertype of the VLAN tag that it had; empty if it had none
     */
    public record Frame(ByteBuffer bytes, boolean towards, Optional<Integer> vlanProtocol) {}

    private PacketSocket(int descriptor, String name, int index) {
        this.descriptor = descriptor;
        this.name = name;
        this.index = index;
    }

    /** Whether this process may open packet sockets. */
    public static boolean permitted() {
        try {
            Libc.INSTANCE.close(Libc.INSTANCE.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
            return true;
        } catch (LastErrorException e) {
            return false;
        }
    }

    /**
     * Reads from that interface from now on.
     *
     * @throws IOException if there is no such interface, or this process may not
     */
    public static PacketSocket open(String networkInterface) throws IOException {
        int index = indexOf(networkInterface);
        try {
            // Without a protocol it hears nothing before the filter is there.
            int descriptor = Libc.INSTANCE.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
            PacketSocket socket = new PacketSocket(descriptor, networkInterface, index);
            try {
                socket.prepare();
                return socket;
            } catch (LastErrorException e) {
                socket.close();
                throw e;
            }
        } catch (LastErrorException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    /** {@link java.net.NetworkInterface} knows only those that have an address, which a tap has of IPv6 at most. */
    private static int indexOf(String networkInterface) throws IOException {
        try {
            return Libc.INSTANCE.if_nametoindex(networkInterface);
        } catch (LastErrorException e) {
            throw new IOException("there is no interface " + networkInterface, e);
        }
    }

    private void prepare() {
        try (Memory instructions = new Memory(8L * PROGRAM.length);
                Memory program = new Memory(16);
                Memory one = new Memory(4);
                Memory size = new Memory(4)) {
            instructions.write(0, PROGRAM, 0, PROGRAM.length);
            program.clear();
            program.setShort(0, (short) PROGRAM.length);
            program.setPointer(8, instructions);
            set(SOL_SOCKET, SO_ATTACH_FILTER, program);
            one.setInt(0, 1);
            set(SOL_PACKET, PACKET_AUXDATA, one);
            size.setInt(0, RECEIVE_BUFFER);
            setReceiveBuffer(size);
        }
        address.clear();
        address.setShort(0, (short) AF_PACKET);
        address.setShort(2, (short) bigEndian16(ETH_P_ALL));
        address.setInt(4, index);
        Libc.INSTANCE.bind(descriptor, address, ADDRESS_SIZE);

        vector.setPointer(0, frame);
        vector.setLong(8, LONGEST_FRAME);
    }

    /** Beyond what the host allows everybody needs CAP_NET_ADMIN, which is not needed for anything else here. */
    private void setReceiveBuffer(Memory size) {
        try {
            set(SOL_SOCKET, SO_RCVBUFFORCE, size);
        } catch (LastErrorException e) {
            if (e.getErrorCode() != EPERM) {
                throw e;
            }
            set(SOL_SOCKET, SO_RCVBUF, size);
        }
    }

    private void set(int level, int option, Memory value) {
        Libc.INSTANCE.setsockopt(descriptor, level, option, value, (int) value.size());
    }

    /**
     * The next frame, or null if there is none now. That the interface is down or gone the kernel says once each, before it
     * gives what came earlier, and is passed over.
     *
     * @throws UncheckedIOException if nothing more can be read
     */
    public @Nullable Frame receive() {
        for (int failures = 0; ; failures++) {
            try {
                return receiveNext();
            } catch (LastErrorException e) {
                if (failures == MOST_WORDS_OF_AN_END) {
                    throw new UncheckedIOException(new IOException(e.getMessage(), e));
                }
            }
        }
    }

    private @Nullable Frame receiveNext() {
        message.clear();
        message.setPointer(0, address);
        message.setInt(8, ADDRESS_SIZE);
        message.setPointer(16, vector);
        message.setLong(24, 1);
        message.setPointer(32, control);
        message.setLong(40, CONTROL_SIZE);
        NativeLong length;
        try {
            length = Libc.INSTANCE.recvmsg(descriptor, message, 0);
        } catch (LastErrorException e) {
            if (e.getErrorCode() == EAGAIN || e.getErrorCode() == EINTR) {
                return null;
            }
            throw e;
        }
        return new Frame(
                ByteBuffer.wrap(frame.getByteArray(0, Math.min(length.intValue(), LONGEST_FRAME))),
                address.getByte(10) == PACKET_OUTGOING,
                vlanProtocol());
    }

    /** The kernel takes the tag off before it shows the frame, and tells of it aside. */
    private Optional<Integer> vlanProtocol() {
        if (message.getLong(40) < 16 + ADDRESS_SIZE
                || control.getInt(8) != SOL_PACKET
                || control.getInt(12) != PACKET_AUXDATA) {
            return Optional.empty();
        }
        int status = control.getInt(16);
        if ((status & TP_STATUS_VLAN_VALID) == 0) {
            return Optional.empty();
        }
        boolean told = (status & TP_STATUS_VLAN_TPID_VALID) != 0;
        return Optional.of(told ? Short.toUnsignedInt(control.getShort(16 + 18)) : ETHERTYPE_VLAN);
    }

    /** Whether its interface is there no more, even if another has got its name. */
    public boolean isGone() {
        try {
            return indexOf(name) != index;
        } catch (IOException e) {
            return true;
        }
    }

    /** How many frames were lost since the last time that this was asked, because they were not read fast enough. */
    public long takeLost() {
        try (Memory statistics = new Memory(8)) {
            Libc.INSTANCE.getsockopt(
                    descriptor, SOL_PACKET, PACKET_STATISTICS, statistics, new IntByReference((int) statistics.size()));
            return Integer.toUnsignedLong(statistics.getInt(4));
        }
    }

    /**
     * Waits until one of them has something to tell, a frame or the end of its interface.
     *
     * @return those that have
     */
    public static List<PacketSocket> await(List<PacketSocket> sockets, int timeoutMillis) {
        try (Memory descriptors = new Memory(Math.max(1, (long) POLLFD_SIZE * sockets.size()))) {
            for (int i = 0; i < sockets.size(); i++) {
                descriptors.setInt((long) POLLFD_SIZE * i, sockets.get(i).descriptor);
                descriptors.setInt((long) POLLFD_SIZE * i + 4, POLLIN);
            }
            int count;
            try {
                count = Libc.INSTANCE.poll(descriptors, new NativeSize(sockets.size()), timeoutMillis);
            } catch (LastErrorException e) {
                if (e.getErrorCode() != EINTR) {
                    throw e;
                }
                count = 0;
            }
            List<PacketSocket> ready = new ArrayList<>(count);
            for (int i = 0; count > 0 && i < sockets.size(); i++) {
                if (descriptors.getShort((long) POLLFD_SIZE * i + 6) != 0) {
                    ready.add(sockets.get(i));
                }
            }
            return ready;
        }
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            Libc.INSTANCE.close(descriptor);
            frame.close();
            address.close();
            control.close();
            vector.close();
            message.close();
        }
    }

    private static int bigEndian16(int value) {
        return ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN ? value : Short.reverseBytes((short) value);
    }

    /** {@code SKF_AD_VLAN_TAG_PRESENT}: the tag itself has been taken off. */
    private static long loadWhetherTagged() {
        return instruction(0x20, 0, 0, 0xfffff030);
    }

    private static long loadLength() {
        return instruction(0x80, 0, 0, 0);
    }

    private static long jumpIfAtLeast(int value, int then, int otherwise) {
        return instruction(0x35, then, otherwise, value);
    }

    private static long load16(int offset) {
        return instruction(0x28, 0, 0, offset);
    }

    private static long load8(int offset) {
        return instruction(0x30, 0, 0, offset);
    }

    private static long loadHeaderLength(int offset) {
        return instruction(0xb1, 0, 0, offset);
    }

    private static long load8AfterHeader(int offset) {
        return instruction(0x50, 0, 0, offset);
    }

    private static long load16AfterHeader(int offset) {
        return instruction(0x48, 0, 0, offset);
    }

    private static long jumpIfEqual(int value, int then, int otherwise) {
        return instruction(0x15, then, otherwise, value);
    }

    private static long jumpIfAnyBit(int bits, int then, int otherwise) {
        return instruction(0x45, then, otherwise, bits);
    }

    private static long result(int bytes) {
        return instruction(0x06, 0, 0, bytes);
    }

    /** {@code struct sock_filter}: code, jt, jf, k, of a little-endian machine. */
    private static long instruction(int code, int jumpTrue, int jumpFalse, int operand) {
        return code | (long) jumpTrue << 16 | (long) jumpFalse << 24 | Integer.toUnsignedLong(operand) << 32;
    }
}
