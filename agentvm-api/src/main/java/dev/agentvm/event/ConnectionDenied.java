package dev.agentvm.event;

import dev.agentvm.InvalidValueException;
import org.immutables.value.Value;

/** A connection was tried that the policy denies. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract non-sealed class ConnectionDenied implements ConnectionAttempted, WithConnectionDenied {
    ConnectionDenied() {}

    @Value.Check
    void check() {
        if (verdict().allowed()) {
            throw new InvalidValueException("verdict", verdict(), "a connection that is denied needs one that denies");
        }
    }

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link ConnectionDenied}. Not thread-safe. */
    public static final class Builder extends ImmutableConnectionDenied.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
