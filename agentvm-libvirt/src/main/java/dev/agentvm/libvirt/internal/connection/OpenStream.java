package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.AgentVMException;
import dev.agentvm.libvirt.internal.nativeaccess.LibvirtError;
import dev.agentvm.libvirt.internal.nativeaccess.NativeStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An open console or channel. The event loop says that there is something to read and reads nothing itself; one thread
 * for all streams reads it, in turns, and the event loop looks again when it has.
 */
final class OpenStream implements ByteStream {
    private static final Logger LOG = LoggerFactory.getLogger(OpenStream.class);
    private static final int TROUBLE = NativeStream.ERROR | NativeStream.HANGUP;
    private static final int READS_PER_TURN = 16;
    /** What every libvirt takes in one message. */
    private static final int CHUNK = 256 * 1024 - 24;

    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);

    private final NativeStream stream;
    private final ByteSink sink;
    private final Errors.Operation operation;
    private final Scope scope;
    private final Lane lane;
    private final Executor reader;
    private final Streams streams;

    private final AtomicInteger underWay = new AtomicInteger();
    private volatile boolean aborted;
    /** Of those who send. */
    private final Set<PendingCall<?>> calls = ConcurrentHashMap.newKeySet();
    /** The last buffer that bytes were sent from, if nobody uses it. */
    private final AtomicReference<@Nullable ByteBuffer> spare = new AtomicReference<>();

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition writable = lock.newCondition();
    private boolean reading;
    private boolean wantsToWrite;
    private boolean closed;
    /** Touched on the reading thread only. */
    private boolean ended;

    OpenStream(
            NativeStream stream, ByteSink sink, Errors.Operation operation, Scope scope, Lane lane, Streams streams) {
        this.stream = stream;
        this.sink = sink;
        this.operation = operation;
        this.scope = scope;
        this.lane = lane;
        this.streams = streams;
        this.reader = streams.reader();
    }

    /** On a thread of the lane. */
    void begin() {
        stream.onEvents(NativeStream.READABLE | TROUBLE, this::onEvents);
    }

    /** On the event loop. */
    private void onEvents(int events) {
        lock.lock();
        try {
            if (closed) {
                return;
            }
            if ((events & NativeStream.WRITABLE) != 0) {
                wantsToWrite = false;
                writable.signalAll();
            }
            if ((events & ~NativeStream.WRITABLE) != 0 && !reading) {
                reading = true;
                reader.execute(this::read);
            }
            stream.watch(interest());
        } finally {
            lock.unlock();
        }
    }

    private int interest() {
        return (reading ? 0 : NativeStream.READABLE | TROUBLE) | (wantsToWrite ? NativeStream.WRITABLE : 0);
    }

    /** On the reading thread. */
    private void read() {
        ByteBuffer buffer = streams.buffer();
        try {
            for (int i = 0; i < READS_PER_TURN; i++) {
                int count = stream.receive(buffer);
                if (count == NativeStream.WOULD_BLOCK) {
                    rest();
                    return;
                }
                if (count == 0) {
                    end(Optional.empty());
                    return;
                }
                deliver(buffer.position(0).limit(count));
            }
            reader.execute(this::read);
        } catch (LibvirtError e) {
            end(Optional.of(Errors.failure(e, operation)));
        }
    }

    private void deliver(ByteBuffer bytes) {
        try {
            sink.bytes(bytes.asReadOnlyBuffer());
        } catch (RuntimeException e) {
            LOG.warn("A sink failed", e);
        }
    }

    /** Lets the event loop look again. */
    private void rest() {
        lock.lock();
        try {
            reading = false;
            if (!closed) {
                stream.watch(interest());
            }
        } finally {
            lock.unlock();
        }
    }

    /** On the reading thread. */
    private void end(Optional<AgentVMException> failure) {
        if (ended) {
            return;
        }
        ended = true;
        boolean ours = markClosed();
        try {
            sink.end(ours ? failure : Optional.empty());
        } catch (RuntimeException e) {
            LOG.warn("A sink failed", e);
        }
        streams.closeLater(this);
    }

    /** Ends the stream, which libvirt will say nothing more about. */
    void fail(AgentVMException failure) {
        reader.execute(() -> end(Optional.of(failure)));
    }

    private boolean markClosed() {
        lock.lock();
        try {
            boolean first = !closed;
            closed = true;
            writable.signalAll();
            return first;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void abort() {
        aborted = true;
        // libvirt was seen to answer none of them when QEMU was killed.
        calls.forEach(call -> call.fail(new AbortedException()));
    }

    private static final class AbortedException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        AbortedException() {
            super("it was given up");
        }
    }

    @Override
    public void send(ByteBuffer bytes) {
        long deadline = System.nanoTime() + Durations.nanos(scope.timeout());
        ByteBuffer chunk = chunk(bytes.remaining());
        while (bytes.hasRemaining()) {
            int length = Math.min(chunk.capacity(), bytes.remaining());
            chunk.clear().put(bytes.slice().limit(length));
            int sent = lane.run(scope, operation, calls, () -> heldUp(() -> sendOrWatch(chunk, length)));
            if (sent == NativeStream.WOULD_BLOCK) {
                awaitWritable(deadline);
            } else {
                bytes.position(bytes.position() + sent);
            }
        }
        // After a failure libvirt may still be reading it.
        spare.set(chunk);
    }

    /** On a thread of the lane. */
    private int sendOrWatch(ByteBuffer chunk, int length) {
        int sent = stream.send(chunk, length);
        if (sent == NativeStream.WOULD_BLOCK) {
            lock.lock();
            try {
                wantsToWrite = !closed;
                if (wantsToWrite) {
                    stream.watch(interest());
                }
            } finally {
                lock.unlock();
            }
        }
        return sent;
    }

    private ByteBuffer chunk(int length) {
        int wanted = Math.min(CHUNK, Math.max(1, length));
        ByteBuffer last = spare.getAndSet(null);
        return last != null && last.capacity() >= wanted ? last : ByteBuffer.allocateDirect(wanted);
    }

    /** What libvirt holds up. */
    private <T> T heldUp(Supplier<T> call) {
        underWay.incrementAndGet();
        try {
            if (aborted) {
                throw new AbortedException();
            }
            return call.get();
        } finally {
            if (underWay.decrementAndGet() == 0 && !open()) {
                streams.remove(this);
            }
        }
    }

    private void awaitWritable(long deadline) {
        lock.lock();
        try {
            while (wantsToWrite && !closed) {
                long left = deadline - System.nanoTime();
                if (left <= 0) {
                    throw Errors.timeout(operation, scope.timeout());
                }
                if (writable.awaitNanos(Math.min(left, TimeUnit.SECONDS.toNanos(1))) <= 0) {
                    LOG.trace("Still not writable");
                }
            }
        } catch (InterruptedException e) {
            throw Errors.interrupted(operation, e);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public boolean open() {
        lock.lock();
        try {
            return !closed;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void finish() {
        boolean unused = lane.run(
                scope,
                operation,
                calls,
                () -> heldUp(() -> {
                    stream.finish();
                    return true;
                }));
    }

    @Override
    public void close() {
        boolean unused = close(CLOSE_TIMEOUT);
    }

    /** As {@link #close()}, and tells whether it came to its end in that time. */
    boolean close(Duration timeout) {
        if (!markClosed()) {
            return true;
        }
        reader.execute(() -> end(Optional.empty()));
        try {
            return lane.run(new Scope(timeout, Optional.empty()), operation, () -> {
                closeNative();
                return underWay.get() == 0;
            });
        } catch (AgentVMException e) {
            LOG.debug("Closing a stream", e);
            return false;
        }
    }

    /** On a library thread. */
    void closeNative() {
        stream.close();
        if (underWay.get() == 0) {
            streams.remove(this);
        }
    }

    /** Whether libvirt has heard of its end. */
    boolean isGone() {
        return stream.isGone();
    }
}
