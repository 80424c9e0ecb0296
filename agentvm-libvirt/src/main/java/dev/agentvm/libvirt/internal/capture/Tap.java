package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import org.jspecify.annotations.Nullable;

/** A VM's end on the host, as it is read. For use by one thread at a time. */
public interface Tap extends AutoCloseable {
    /**
     * The next frame, or null if there is none now.
     *
     * @throws java.io.UncheckedIOException if nothing more can be read
     */
    PacketSocket.@Nullable Frame receive();

    /** How many frames were lost since the last time that this was asked, because they were not read fast enough. */
    long takeLost();

    /** Whether it is gone, so that nothing comes after what can be read now. */
    boolean isGone();

    /** Whether what it has passed already may become readable only later. */
    boolean lags();

    @Override
    void close();
}
