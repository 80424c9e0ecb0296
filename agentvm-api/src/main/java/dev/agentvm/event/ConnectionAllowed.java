package dev.agentvm.event;

import dev.agentvm.InvalidValueException;
import org.immutables.value.Value;

/** A connection was tried that the policy allows. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract non-sealed class ConnectionAllowed implements ConnectionAttempted, WithConnectionAllowed {
    ConnectionAllowed() {}

    @Value.Check
    void check() {
        if (!verdict().allowed()) {
            throw new InvalidValueException("verdict", verdict(), "a connection that is allowed needs one that allows");
        }
    }

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link ConnectionAllowed}. Not thread-safe. */
    public static final class Builder extends ImmutableConnectionAllowed.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
