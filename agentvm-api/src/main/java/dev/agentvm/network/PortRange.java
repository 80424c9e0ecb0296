package dev.agentvm.network;

import dev.agentvm.InvalidValueException;

/**
 * Ports from {@code first} to {@code last}, both included. Immutable, safe for use by many threads.
 *
 * @param first the first port, 1 to 65535
 * @param last the last port, {@code first} to 65535
 */
public record PortRange(int first, int last) implements Comparable<PortRange> {

    /** Checks the bounds. */
    public PortRange {
        check(first);
        check(last);
        if (first > last) {
            throw new InvalidValueException(
                    "ports", first + "-" + last, "the first port of a range must not be above its last");
        }
    }

    private static void check(int port) {
        if (port < 1 || port > 65535) {
            throw new InvalidValueException("port", port, "must be from 1 to 65535");
        }
    }

    /** That one port. */
    public static PortRange of(int port) {
        return new PortRange(port, port);
    }

    /** Ports from {@code first} to {@code last}, both included. */
    public static PortRange of(int first, int last) {
        return new PortRange(first, last);
    }

    /** Whether {@code port} is one of these. */
    public boolean contains(int port) {
        return port >= first && port <= last;
    }

    @Override
    public int compareTo(PortRange other) {
        return first == other.first ? Integer.compare(last, other.last) : Integer.compare(first, other.first);
    }

    /** {@code 443}, or {@code 8000-8080} for more than one port. */
    @Override
    public String toString() {
        return first == last ? Integer.toString(first) : first + "-" + last;
    }
}
