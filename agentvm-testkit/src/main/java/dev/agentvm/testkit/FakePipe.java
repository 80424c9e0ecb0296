package dev.agentvm.testkit;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * An output of a {@link FakeProcess}, of which a test reads; who reads and finds nothing waits in virtual time. As much as
 * with a real guest is held without being read.
 */
final class FakePipe extends InputStream {
    private static final byte[] YES = "y\n".repeat(512).getBytes(StandardCharsets.UTF_8);

    /** About what is buffered of a real guest's output, there and here. */
    private static final int CAPACITY = 2 * 1024 * 1024;

    private final VirtualTime time;
    private final Runnable onRead;
    private final Deque<byte[]> pieces = new ArrayDeque<>();
    private final boolean endless;
    private int position;
    /** Read without a lock by who waits until there is room. */
    private volatile long unread;

    /** Read without a lock by who waits. */
    private volatile boolean ready;

    private boolean ended;
    private boolean closed;
    private @Nullable IOException failure;

    /** @param onRead called when some of it was read, or thrown away */
    FakePipe(VirtualTime time, boolean endless, Runnable onRead) {
        this.time = time;
        this.onRead = onRead;
        this.endless = endless;
        this.ready = endless;
    }

    synchronized void put(byte[] bytes) {
        if (bytes.length > 0 && !ended && !closed) {
            pieces.add(bytes.clone());
            unread += bytes.length;
            ready = true;
        }
    }

    /** Whether it holds its writer up. */
    boolean isFull() {
        return unread > CAPACITY;
    }

    /** Nothing more comes: because the program has ended, or because of that failure. */
    synchronized void end(@Nullable IOException because) {
        if (!ended) {
            ended = true;
            failure = because;
            ready = true;
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        while (true) {
            try {
                time.await(() -> ready, VirtualTime.FOREVER);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw (InterruptedIOException) new InterruptedIOException("interrupted while reading").initCause(e);
            }
            int count = readNow(into, offset, length);
            if (count > 0) {
                onRead.run();
            }
            if (count != 0) {
                return count;
            }
        }
    }

    /** Returns how much it read, 0 if there is nothing yet, -1 at the end. */
    private synchronized int readNow(byte[] into, int offset, int length) throws IOException {
        if (closed) {
            throw new IOException("The stream is closed");
        }
        if (endless && !ended) {
            return take(YES, into, offset, length);
        }
        byte[] piece = pieces.peek();
        if (piece != null) {
            int count = take(piece, into, offset, length);
            unread -= count;
            return count;
        }
        if (failure != null) {
            throw new IOException(failure.getMessage(), failure.getCause());
        }
        if (ended) {
            return -1;
        }
        ready = false;
        return 0;
    }

    private int take(byte[] piece, byte[] into, int offset, int length) {
        int count = Math.min(length, piece.length - position);
        System.arraycopy(piece, position, into, offset, count);
        position += count;
        if (position == piece.length) {
            position = 0;
            pieces.poll();
        }
        return count;
    }

    @Override
    public synchronized int available() {
        byte[] piece = pieces.peek();
        return closed || piece == null ? 0 : piece.length - position;
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            pieces.clear();
            unread = 0;
            ready = true;
        }
        onRead.run();
        time.wake();
    }
}
