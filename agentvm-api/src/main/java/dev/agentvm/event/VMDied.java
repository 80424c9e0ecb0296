package dev.agentvm.event;

import org.immutables.value.Value;

/**
 * A VM ended that nobody here had destroyed: its guest powered off or crashed, or somebody else ended it. Immutable,
 * safe for use by many threads.
 */
@ValueStyle
@Value.Immutable
public abstract non-sealed class VMDied implements VMEvent, WithVMDied {
    VMDied() {}

    /** Why, in words, as far as it is known. */
    public abstract String reason();

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link VMDied}. Not thread-safe. */
    public static final class Builder extends ImmutableVMDied.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
