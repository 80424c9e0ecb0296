package dev.agentvm.libvirt.internal.nativeaccess;

import static dev.agentvm.libvirt.internal.nativeaccess.Memories.check;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntConsumer;
import java.util.function.ToIntFunction;

/**
 * A non-blocking stream. Safe for use by many threads of this library. Nothing here waits, except {@link #finish} and
 * {@link #close}, for libvirt's confirmation, and {@link #send}, whatever libvirt promises, while libvirt reads no
 * more of the connection since it has not passed on what was sent before.
 */
public final class NativeStream {
    /** The stream has bytes, or has ended. */
    public static final int READABLE = 1;
    /** The stream takes bytes. */
    public static final int WRITABLE = 1 << 1;
    /** The stream failed. */
    public static final int ERROR = 1 << 2;
    /** The other end hung up. */
    public static final int HANGUP = 1 << 3;
    /** What {@link #receive} and {@link #send} return if they would have to wait. */
    public static final int WOULD_BLOCK = -2;

    private static final int NONBLOCK = 1;
    private static final int CHUNK = 64 * 1024;
    private static final int FORCE = 1;

    private static final Handlers<IntConsumer> HANDLERS = new Handlers<>();
    private static final Virt.StreamCallback ON_EVENT =
            (stream, events, opaque) -> HANDLERS.call(opaque, handler -> handler.accept(events));

    private final ReentrantLock lock = new ReentrantLock();
    private final Pointer stream;
    private long key;
    private int uses;
    private boolean closed;
    private boolean freed;
    private volatile boolean gone;

    private NativeStream(Pointer stream) {
        this.stream = stream;
    }

    static NativeStream openConsole(Pointer connection, UUID domain) {
        return open(connection, domain, (d, s) -> Virt.INSTANCE.virDomainOpenConsole(d, null, s, FORCE));
    }

    static NativeStream openChannel(Pointer connection, UUID domain, String name, boolean force) {
        return open(connection, domain, (d, s) -> Virt.INSTANCE.virDomainOpenChannel(d, name, s, force ? FORCE : 0));
    }

    /**
     * Sends {@code bytes} through a stream of their own, waiting for libvirt until it has taken and confirmed all.
     *
     * @param opener gives the stream its purpose; a negative result is an error
     */
    static void send(Pointer connection, byte[] bytes, ToIntFunction<Pointer> opener) {
        Pointer stream = check(Virt.INSTANCE.virStreamNew(connection, 0));
        try {
            check(opener.applyAsInt(stream));
            try {
                sendAll(stream, bytes);
                check(Virt.INSTANCE.virStreamFinish(stream));
            } catch (LibvirtError e) {
                Virt.INSTANCE.virStreamAbort(stream);
                throw e;
            }
        } finally {
            Virt.INSTANCE.virStreamFree(stream);
        }
    }

    private static void sendAll(Pointer stream, byte[] bytes) {
        ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK);
        Pointer pointer = Native.getDirectBufferPointer(chunk);
        int sent = 0;
        while (sent < bytes.length) {
            int length = Math.min(CHUNK, bytes.length - sent);
            chunk.clear().put(bytes, sent, length);
            sent += check(Virt.INSTANCE.virStreamSend(stream, pointer, new NativeSize(length)));
        }
    }

    private interface Opener {
        int open(Pointer domain, Pointer stream);
    }

    private static NativeStream open(Pointer connection, UUID uuid, Opener opener) {
        Pointer domain = check(Virt.INSTANCE.virDomainLookupByUUIDString(connection, uuid.toString()));
        try {
            Pointer stream = check(Virt.INSTANCE.virStreamNew(connection, NONBLOCK));
            try {
                check(opener.open(domain, stream));
            } catch (LibvirtError e) {
                Virt.INSTANCE.virStreamFree(stream);
                throw e;
            }
            return new NativeStream(stream);
        } finally {
            Virt.INSTANCE.virDomainFree(domain);
        }
    }

    /** Begins a use, which holds up the end of the stream but no other use; false if it has ended. */
    private boolean begin() {
        lock.lock();
        try {
            uses += closed ? 0 : 1;
            return !closed;
        } finally {
            lock.unlock();
        }
    }

    private void end() {
        lock.lock();
        try {
            uses--;
        } finally {
            lock.unlock();
        }
        freeIfUnused();
    }

    private void freeIfUnused() {
        lock.lock();
        try {
            if (!closed || uses > 0 || freed) {
                return;
            }
            freed = true;
        } finally {
            lock.unlock();
        }
        if (key != 0) {
            HANDLERS.remove(key);
            Virt.INSTANCE.virStreamEventRemoveCallback(stream);
        }
        // Fails on a stream that has ended, which is just as well.
        Virt.INSTANCE.virStreamAbort(stream);
        Virt.INSTANCE.virStreamFree(stream);
        gone = true;
    }

    /** Whether libvirt has heard of its end. */
    public boolean isGone() {
        return gone;
    }

    /** Sets who hears of events, on the event loop, where it must not block; to be called once. */
    public void onEvents(int events, IntConsumer handler) {
        if (!begin()) {
            return;
        }
        try {
            key = HANDLERS.add(handler);
            check(Virt.INSTANCE.virStreamEventAddCallback(stream, events, ON_EVENT, Handlers.opaque(key), null));
        } finally {
            end();
        }
    }

    /** Sets which events are heard of from now on. */
    public void watch(int events) {
        if (!begin()) {
            return;
        }
        try {
            check(Virt.INSTANCE.virStreamEventUpdateCallback(stream, events));
        } finally {
            end();
        }
    }

    /**
     * Receives into a direct buffer, from its beginning.
     *
     * @return how many bytes, 0 at the end, or {@link #WOULD_BLOCK}
     */
    public int receive(ByteBuffer direct) {
        if (!begin()) {
            return 0;
        }
        try {
            int count = Virt.INSTANCE.virStreamRecv(
                    stream, Native.getDirectBufferPointer(direct), new NativeSize(direct.capacity()));
            return count == WOULD_BLOCK ? count : check(count);
        } finally {
            end();
        }
    }

    /**
     * Sends the first {@code length} bytes of a direct buffer.
     *
     * @return how many were taken, or {@link #WOULD_BLOCK}
     */
    public int send(ByteBuffer direct, int length) {
        if (!begin()) {
            throw isClosed();
        }
        try {
            int count =
                    Virt.INSTANCE.virStreamSend(stream, Native.getDirectBufferPointer(direct), new NativeSize(length));
            return count == WOULD_BLOCK ? count : check(count);
        } finally {
            end();
        }
    }

    /** Ends the stream behind all that was sent, once that is passed on. */
    public void finish() {
        if (!begin()) {
            throw isClosed();
        }
        try {
            check(Virt.INSTANCE.virStreamFinish(stream));
        } finally {
            end();
        }
    }

    private static LibvirtError isClosed() {
        return new LibvirtError(ErrorCode.OPERATION_INVALID, 0, "the stream is closed");
    }

    /** Ends the stream and frees it, when the uses under way are over. Idempotent; never throws. */
    public void close() {
        lock.lock();
        try {
            closed = true;
        } finally {
            lock.unlock();
        }
        freeIfUnused();
    }
}
