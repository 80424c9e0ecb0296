package dev.agentvm.libvirt.internal.connection;

import java.time.Duration;
import java.util.Objects;

/**
 * How to reach libvirt.
 *
 * @param uri the connection URI, such as {@code qemu:///system}
 * @param callTimeout how long a call waits unless its view says otherwise
 * @param reconnectTimeout how long a lost connection is tried again, at the loss and by each call after it
 * @param agentConnections connections for guest-agent calls, one call at a time each; libvirtd has 20 workers by
 *     default for all its clients
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
