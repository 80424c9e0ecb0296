package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Standard input on its way to the guest: who writes waits while there is more than it holds. */
final class InputBuffer extends OutputStream {
    private static final int CAPACITY = 256 * 1024;

    private final Runnable whenWritten;
    private final Deque<byte[]> pieces = new ArrayDeque<>();
    private int size;
    private boolean closed;
    private @Nullable IOException broken;

    /**
     * @param first what comes before all that is written
     * @param whenWritten is told when there is something to send
     */
    InputBuffer(byte[] first, Runnable whenWritten) {
        this.whenWritten = whenWritten;
        if (first.length > 0) {
            pieces.add(first);
            size = first.length;
        }
    }

    @Override
    public void write(int one) throws IOException {
        write(new byte[] {(byte) one}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, bytes.length);
        int end = offset + length;
        int from = offset;
        do {
            int until = Math.min(end, from + CAPACITY / 4);
            put(Arrays.copyOfRange(bytes, from, until));
            from = until;
        } while (from < end);
    }

    private void put(byte[] piece) throws IOException {
        synchronized (this) {
            try {
                while (!closed && broken == null && size + piece.length > CAPACITY) {
                    wait();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw (InterruptedIOException) new InterruptedIOException("interrupted while writing").initCause(e);
            }
            if (closed) {
                throw new IOException("The stream is closed");
            }
            if (broken != null) {
                throw new IOException(broken.getMessage(), broken.getCause());
            }
            if (piece.length > 0) {
                pieces.add(piece);
                size += piece.length;
            }
        }
        whenWritten.run();
    }

    /** What is to be sent next, at most so many bytes; empty if there is nothing. */
    synchronized byte[] take(int limit) {
        byte[] taken = new byte[Math.min(limit, size)];
        int at = 0;
        while (at < taken.length) {
            byte[] piece = pieces.remove();
            int count = Math.min(piece.length, taken.length - at);
            System.arraycopy(piece, 0, taken, at, count);
            if (count < piece.length) {
                pieces.addFirst(Arrays.copyOfRange(piece, count, piece.length));
            }
            at += count;
        }
        size -= taken.length;
        notifyAll();
        return taken;
    }

    synchronized boolean isEmpty() {
        return size == 0;
    }

    /** Whether its end is to be told, once all before is sent. */
    synchronized boolean isClosed() {
        return closed;
    }

    /** Nobody reads it any more: for that reason, or because the command has closed it. */
    synchronized void abandon(String message, @Nullable AgentVMException because) {
        if (broken == null) {
            broken = new IOException(message, because);
            pieces.clear();
            size = 0;
            notifyAll();
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        whenWritten.run();
    }
}
