package dev.agentvm.libvirt.internal.capture;

import java.io.IOException;
import java.util.List;
import java.util.UUID;

/** How taps are read. Taps may be opened by any thread; the rest is for one thread at a time. */
public interface Taps extends AutoCloseable {
    /**
     * Reads from now on what passes one.
     *
     * @param vm whose it is
     * @param name its name
     * @throws IOException if it is not there, or this process may not
     */
    Tap open(UUID vm, String name) throws IOException;

    /**
     * Waits until one of them has something to tell.
     *
     * @param taps some that were opened here
     * @return those that have
     */
    List<Tap> await(List<Tap> taps, int timeoutMillis);

    @Override
    void close();
}
