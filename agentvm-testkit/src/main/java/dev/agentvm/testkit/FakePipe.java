package dev.agentvm.testkit;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** An output of a {@link FakeProcess}, of which a test reads; who reads and finds nothing waits in virtual time. */
final class FakePipe extends InputStream {
    private static final Duration FOREVER = Duration.ofDays(36_500);
    private static final byte[] YES = "y\n".repeat(512).getBytes(StandardCharsets.UTF_8);

    private final VirtualTime time;
    private final Deque<byte[]> pieces = new ArrayDeque<>();
    private final boolean endless;
    private int position;
    /** Read without a lock by who waits. */
    private volatile boolean ready;

    private boolean ended;
    private boolean closed;
    private @Nullable IOException failure;

    FakePipe(VirtualTime time, boolean endless) {
        this.time = time;
        this.endless = endless;
        this.ready = endless;
    }

    synchronized void put(byte[] bytes) {
        if (bytes.length > 0 && !ended && !closed) {
            pieces.add(bytes.clone());
            ready = true;
        }
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
                time.await(() -> ready, FOREVER);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw (InterruptedIOException) new InterruptedIOException("interrupted while reading").initCause(e);
            }
            synchronized (this) {
                if (closed) {
                    throw new IOException("The stream is closed");
                }
                byte[] piece = endless && !ended ? YES : pieces.peek();
                if (piece != null) {
                    return take(piece, into, offset, length);
                }
                if (failure != null) {
                    throw new IOException(failure.getMessage(), failure.getCause());
                }
                if (ended) {
                    return -1;
                }
                ready = false;
            }
        }
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
            ready = true;
        }
        time.wake();
    }
}
