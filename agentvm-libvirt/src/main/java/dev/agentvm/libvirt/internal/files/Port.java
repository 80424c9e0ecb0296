package dev.agentvm.libvirt.internal.files;

import dev.agentvm.AgentVMException;
import dev.agentvm.libvirt.internal.connection.ByteSink;
import dev.agentvm.libvirt.internal.connection.ByteStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The host's end of a port, open for one copy. What we send is held up while the guest does not take it. What the
 * guest sends libvirt takes as fast as it comes, so a guest is told to stop when much is unread, and one that goes on
 * is given up. Read and written by one thread.
 */
final class Port implements ByteSink, AutoCloseable {
    /** With how many unread bytes a guest is told to stop, with how many to go on, and with how many it is given up. */
    static final int MUCH = 8 << 20;

    static final int LITTLE = 4 << 20;
    static final int TOO_MUCH = 64 << 20;

    private static final Logger LOG = LoggerFactory.getLogger(Port.class);

    private final String name;
    private final Ports ports;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Unread unread = new Unread();
    /** Where a reader that waits has room, into which what comes goes first. */
    private @Nullable ByteBuffer wanted;

    private boolean controlled;
    /** Whether the guest is to stand still, whether it was told so, and whether somebody is telling it. */
    private boolean stopped;

    private boolean toldToStop;
    private boolean telling;
    private boolean flooded;
    private boolean over;
    private Optional<AgentVMException> failure = Optional.empty();
    private volatile @Nullable ByteStream stream;

    /** How a port failed its copy. */
    static final class PortException extends Exception {
        private static final long serialVersionUID = 1L;

        PortException(String message, @Nullable Throwable cause) {
            super(message, cause);
        }
    }

    Port(String name, Ports ports) {
        this.name = name;
        this.ports = ports;
    }

    void opened(ByteStream opened) {
        stream = opened;
    }

    String name() {
        return name;
    }

    /** From now on the guest is told to stop and to go on. */
    void control() {
        lock.lock();
        try {
            controlled = true;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void bytes(ByteBuffer bytes) {
        lock.lock();
        try {
            if (over || flooded) {
                return;
            }
            handOver(bytes);
            if (bytes.remaining() > TOO_MUCH - unread.size()) {
                flooded = true;
                unread.clear();
            } else {
                unread.add(bytes);
            }
            if (controlled && unread.size() >= MUCH) {
                stopped = true;
            }
            changed.signalAll();
            tell();
        } finally {
            lock.unlock();
        }
    }

    private void handOver(ByteBuffer bytes) {
        if (wanted != null && unread.isEmpty()) {
            int count = Math.min(wanted.remaining(), bytes.remaining());
            wanted.put(bytes.slice().limit(count));
            bytes.position(bytes.position() + count);
        }
    }

    /**
     * Tells the guest what is wanted of it, one line after the other: a stop that overtook its go would hold it for ever.
     * The lock is held, but not while a line is sent.
     */
    private void tell() {
        while (!telling && !over && toldToStop != stopped) {
            telling = true;
            toldToStop = stopped;
            String line = toldToStop ? PortScripts.STOP : PortScripts.GO;
            lock.unlock();
            try {
                say(line);
            } finally {
                lock.lock();
                telling = false;
            }
        }
    }

    /** Such a line always fits in, unless the guest reads none; then its time will be over, or its measure full. */
    private void say(String line) {
        try {
            send(line.getBytes(StandardCharsets.US_ASCII), 0, line.length());
        } catch (PortException e) {
            LOG.debug("the guest is not told to {}", line.strip(), e);
        }
    }

    @Override
    public void end(Optional<AgentVMException> reason) {
        lock.lock();
        try {
            if (!over) {
                over = true;
                failure = reason;
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * The guest's program has ended: nothing more is to be waited for, and nobody takes what is sent.
     *
     * @param lost whether it is only not known of any more, as when its VM is gone
     */
    void guestEnded(boolean lost) {
        end(Optional.empty());
        ByteStream open = stream;
        if (open != null) {
            if (lost) {
                open.abort();
            }
            open.close();
        }
    }

    /**
     * Waits for what the guest sends.
     *
     * @return how many bytes, or -1 if the guest's program or the connection has ended
     * @throws PortException if nothing comes for that long, or more than was asked for
     */
    int receive(byte[] into, int offset, int length, long patienceNanos) throws PortException, InterruptedException {
        lock.lockInterruptibly();
        try {
            int count = unread.isEmpty()
                    ? await(ByteBuffer.wrap(into, offset, length), patienceNanos)
                    : unread.take(into, offset, length);
            if (flooded) {
                throw new PortException("the guest sends more by the port " + name + " than it is asked for", null);
            }
            if (count == 0) {
                if (failure.isPresent()) {
                    throw new PortException("the port " + name + " has failed", failure.get());
                }
                return -1;
            }
            if (unread.size() <= LITTLE) {
                stopped = false;
            }
            tell();
            return count;
        } finally {
            lock.unlock();
        }
    }

    /** Waits until something was handed over, or nothing more comes; how much it is. */
    private int await(ByteBuffer room, long patienceNanos) throws PortException, InterruptedException {
        int begin = room.position();
        wanted = room;
        try {
            long left = patienceNanos;
            while (room.position() == begin && !over && !flooded) {
                if (left <= 0) {
                    throw new PortException(
                            "no byte has come by the port " + name + " for "
                                    + TimeUnit.NANOSECONDS.toSeconds(patienceNanos) + " s",
                            null);
                }
                left = changed.awaitNanos(left);
            }
            return room.position() - begin;
        } finally {
            wanted = null;
        }
    }

    void send(byte[] bytes, int offset, int length) throws PortException {
        try {
            stream().send(ByteBuffer.wrap(bytes, offset, length));
        } catch (AgentVMException e) {
            throw new PortException("the port " + name + " takes nothing", e);
        }
    }

    /** Ends what is sent, and waits until it is passed on to the guest. */
    void finish() throws PortException {
        try {
            stream().finish();
        } catch (AgentVMException e) {
            throw new PortException("the port " + name + " does not take all", e);
        }
    }

    private ByteStream stream() {
        ByteStream open = stream;
        if (open == null) {
            throw new IllegalStateException("the port " + name + " is not open");
        }
        return open;
    }

    /** Lets go of it, which the guest's end hears of. Idempotent. */
    @Override
    public void close() {
        ByteStream open = stream;
        stream = null;
        if (open != null) {
            open.close();
            ports.release(name);
        }
    }
}
