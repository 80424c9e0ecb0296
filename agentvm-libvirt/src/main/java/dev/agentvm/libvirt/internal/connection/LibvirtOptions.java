package dev.agentvm.libvirt.internal.connection;

import java.time.Duration;
import java.util.Objects;

/**
 * How to reach libvirt.
 *
 * @param uri the connection URI, such as {@code qemu:///system}
 * @param callTimeout how long a call waits unless its view says otherwise
 * @param reconnectTimeout how long a lost connection is tried again, at the loss and by each call after it
 * @param agentConnections the most connections for guest-agent calls, opened as they are needed, one call at a time
 *     each. A call holds a worker of libvirtd until the agent answers or is given up, and half of these may be held by
 *     mute agents; libvirtd has 20 workers by default ({@code max_workers}) for the longer calls of all its clients, so
 *     a few less than that
 */
public record LibvirtOptions(String uri, Duration callTimeout, Duration reconnectTimeout, int agentConnections) {
    /** Checks the ranges. */
    public LibvirtOptions {
        Objects.requireNonNull(uri, "uri");
        if (callTimeout.isNegative() || callTimeout.isZero()) {
            throw new IllegalArgumentException("callTimeout " + callTimeout + ": must be positive");
        }
        if (reconnectTimeout.isNegative()) {
            throw new IllegalArgumentException("reconnectTimeout " + reconnectTimeout + ": must not be negative");
        }
        if (agentConnections < 1) {
            throw new IllegalArgumentException("agentConnections " + agentConnections + ": must be at least 1");
        }
    }

    /** The defaults for {@code uri}. */
    public static LibvirtOptions of(String uri) {
        return new LibvirtOptions(uri, Duration.ofSeconds(60), Duration.ofSeconds(20), 16);
    }
}
