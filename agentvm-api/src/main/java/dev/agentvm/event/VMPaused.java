package dev.agentvm.event;

import org.immutables.value.Value;

/** Its program let a VM stand still. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract non-sealed class VMPaused implements VMEvent, WithVMPaused {
    VMPaused() {}

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link VMPaused}. Not thread-safe. */
    public static final class Builder extends ImmutableVMPaused.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
