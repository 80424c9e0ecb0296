package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.AgentVMException;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Takes what a stream delivers, in order, on a library thread that serves all streams: it must not block. libvirt reads
 * on for as long as the connection lives, so there is nothing to be gained by being slow; bound what is kept.
 */
public interface ByteSink {
    /** The next bytes; the buffer is reused after the return. */
    void bytes(ByteBuffer bytes);

    /**
     * The end, exactly once, also after {@link ByteStream#close}.
     *
     * @param failure why, unless the stream was closed or ended by itself
     */
    void end(Optional<AgentVMException> failure);
}
