package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.network.Flow;
import java.util.Optional;

/** What the kernel has counted of a connection. */
@FunctionalInterface
interface ConnectionCounters {
    /**
     * Bytes, headers of IP and above included.
     *
     * @param sent by the VM
     * @param received by the VM
     * @param open whether it is a TCP connection of which the kernel has not seen the end
     */
    record Bytes(long sent, long received, boolean open) {}

    /** What it has counted of that one; empty if it counts nothing, or no longer knows it. */
    Optional<Bytes> of(Flow flow);
}
