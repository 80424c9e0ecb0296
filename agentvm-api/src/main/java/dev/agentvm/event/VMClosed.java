package dev.agentvm.event;

import org.immutables.value.Value;

/**
 * A VM was destroyed by its program, or by the library in its place when its time was over. Immutable, safe for use by
 * many threads.
 */
@ValueStyle
@Value.Immutable
public abstract non-sealed class VMClosed implements VMEvent, WithVMClosed {
    VMClosed() {}

    /** Why, in words. */
    public abstract String reason();

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link VMClosed}. Not thread-safe. */
    public static final class Builder extends ImmutableVMClosed.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
