package dev.agentvm.event;

import dev.agentvm.LaunchStep;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.immutables.value.Value;

/**
 * A VM was put back to an earlier state: what it has done since is gone from its memory and its disk, and what
 * {@link TrafficSampled} counts begins anew. Immutable, safe for use by many threads.
 */
@ValueStyle
@Value.Immutable
public abstract non-sealed class VMRestored implements VMEvent, WithVMRestored {
    VMRestored() {}

    /** The snapshot; empty if the VM was reset to what it was after its launch. */
    public abstract Optional<String> snapshot();

    /** How long it took until the guest agent answered; not negative. */
    public abstract Duration duration();

    /**
     * When each step ended that a restore has in common with a launch, as the time since the restore began, in their order;
     * empty if that is not known.
     */
    public abstract Map<LaunchStep, Duration> steps();

    @Value.Check
    void check() {
        Counts.notNegative("duration", Optional.of(duration()));
    }

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link VMRestored}. Not thread-safe. */
    public static final class Builder extends ImmutableVMRestored.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
