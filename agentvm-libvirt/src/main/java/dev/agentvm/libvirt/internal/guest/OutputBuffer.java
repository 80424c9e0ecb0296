package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Output on its way to a reader: as much as there is room for, then nothing is taken from the guest. */
final class OutputBuffer extends InputStream implements Sink {
    static final int CAPACITY = 1024 * 1024;

    private final Runnable whenRead;
    private final Deque<byte[]> pieces = new ArrayDeque<>();
    private int size;
    private int position;
    private boolean ended;
    private boolean closed;
    private @Nullable AgentVMException failure;

    /** @param whenRead is told when there is room again */
    OutputBuffer(Runnable whenRead) {
        this.whenRead = whenRead;
    }

    @Override
    public synchronized int room() {
        return closed ? CAPACITY : CAPACITY - size;
    }

    @Override
    public synchronized void put(byte[] bytes) {
        if (!closed && bytes.length > 0) {
            pieces.add(bytes);
            size += bytes.length;
            notifyAll();
        }
    }

    @Override
    public synchronized void end(@Nullable AgentVMException because) {
        if (!ended) {
            ended = true;
            failure = because;
            notifyAll();
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, into.length);
        if (length == 0) {
            return 0;
        }
        boolean hadLittleRoom;
        int count;
        synchronized (this) {
            await();
            byte[] piece = pieces.peek();
            if (piece == null) {
                if (failure != null) {
                    throw new IOException(failure.getMessage(), failure);
                }
                return -1;
            }
            hadLittleRoom = room() < CAPACITY / 2;
            count = Math.min(length, piece.length - position);
            System.arraycopy(piece, position, into, offset, count);
            position += count;
            size -= count;
            if (position == piece.length) {
                pieces.poll();
                position = 0;
            }
            hadLittleRoom &= room() >= CAPACITY / 2;
        }
        if (hadLittleRoom) {
            whenRead.run();
        }
        return count;
    }

    /** Waits until there is something, or nothing more comes. */
    private void await() throws IOException {
        try {
            while (!closed && size == 0 && !ended) {
                wait();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (InterruptedIOException) new InterruptedIOException("interrupted while reading").initCause(e);
        }
        if (closed) {
            throw new IOException("The stream is closed");
        }
    }

    @Override
    public synchronized int available() {
        return size;
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            pieces.clear();
            size = 0;
            position = 0;
            notifyAll();
        }
        whenRead.run();
    }
}
