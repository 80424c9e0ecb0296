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
     */
    record Bytes(long sent, long received) {}

    /** What it has counted of that one; empty if it counts nothing, or no longer knows it. */
    Optional<Bytes> of(Flow flow);
}
