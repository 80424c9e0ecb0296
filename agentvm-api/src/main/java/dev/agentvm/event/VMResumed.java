package dev.agentvm.event;

import org.immutables.value.Value;

/** Its program let a VM run on that stood still. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract non-sealed class VMResumed implements VMEvent, WithVMResumed {
    VMResumed() {}

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link VMResumed}. Not thread-safe. */
    public static final class Builder extends ImmutableVMResumed.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
