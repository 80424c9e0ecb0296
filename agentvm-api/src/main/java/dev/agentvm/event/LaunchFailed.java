package dev.agentvm.event;

import dev.agentvm.LaunchStep;
import java.time.Duration;
import java.util.Map;
import org.immutables.value.Value;

/** A launch that had begun failed, and what it made was undone. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract non-sealed class LaunchFailed implements VMEvent, WithLaunchFailed {
    LaunchFailed() {}

    /** When each step ended that did not fail, as the time since the launch began, in their order. */
    public abstract Map<LaunchStep, Duration> steps();

    /** Why it failed, in words. */
    public abstract String reason();

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link LaunchFailed}. Not thread-safe. */
    public static final class Builder extends ImmutableLaunchFailed.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
