package dev.agentvm.libvirt.internal.connection;

import java.nio.ByteBuffer;

/** An open console or channel. Safe for use by many threads. */
public interface ByteStream extends AutoCloseable {
    /**
     * Sends bytes to the guest, waiting while libvirt takes no more, at most for the timeout of the view that opened
     * the stream.
     */
    void send(ByteBuffer bytes);

    /**
     * Ends the stream behind all that was sent, once that is passed on, waiting as {@link #send} does; it is still to
     * be closed.
     */
    void finish();

    /** Whether the stream is still open. */
    boolean open();

    /** Lets nobody wait in {@link #send} or {@link #finish}, now and from now on: both fail. It is still to be closed. */
    void abort();

    /** Ends the stream. Idempotent; never throws. */
    @Override
    void close();
}
