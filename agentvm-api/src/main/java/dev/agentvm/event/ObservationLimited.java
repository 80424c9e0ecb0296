package dev.agentvm.event;

import org.immutables.value.Value;

/** From now on not everything that a VM does is seen. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract non-sealed class ObservationLimited implements VMEvent, WithObservationLimited {
    ObservationLimited() {}

    /** What is not seen and why, in words. */
    public abstract String reason();

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link ObservationLimited}. Not thread-safe. */
    public static final class Builder extends ImmutableObservationLimited.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
