package dev.agentvm.event;

import dev.agentvm.network.Flow;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import org.immutables.value.Value;

/**
 * A connection that was allowed is over: it was ended or reset, or nothing was seen of it for so long that it counts as
 * over. Immutable, safe for use by many threads.
 */
@ValueStyle
@Value.Immutable
public abstract non-sealed class ConnectionClosed implements VMEvent, WithConnectionClosed {
    ConnectionClosed() {}

    /** What the VM or the other side got to see of the one that it had called. */
    public enum Answer {
        /** It answered. */
        ANSWERED,
        /** It, or a router for it, refused. */
        REFUSED,
        /** Nothing came back. */
        SILENT
    }

    /** The {@link #id} of the {@link ConnectionAllowed} with which it began. */
    public abstract UUID connection();

    /** What it was. */
    public abstract Flow flow();

    /** The name of the other side, as {@link ConnectionAttempted#name} had it. */
    public abstract Optional<String> name();

    /** What came back; empty if that was not seen. */
    public abstract Optional<Answer> answer();

    /** The bytes that the VM sent, headers of IP and above included; empty where the kernel does not count them. */
    public abstract OptionalLong sentBytes();

    /**
     * The bytes that the VM received, headers of IP and above included; empty where the kernel does not count them.
     */
    public abstract OptionalLong receivedBytes();

    /** From its first packet to the last that was seen of it; empty if its end was not seen. */
    public abstract Optional<Duration> duration();

    @Value.Check
    void check() {
        Counts.notNegative("sentBytes", sentBytes());
        Counts.notNegative("receivedBytes", receivedBytes());
        Counts.notNegative("duration", duration());
    }

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link ConnectionClosed}. Not thread-safe. */
    public static final class Builder extends ImmutableConnectionClosed.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
