package dev.agentvm.event;

import dev.agentvm.LaunchStep;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.immutables.value.Value;

/** A VM was launched: its guest agent answers. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract non-sealed class VMLaunched implements VMEvent, WithVMLaunched {
    VMLaunched() {}

    /** The policy that is in force; empty without a network. */
    public abstract Optional<NetworkPolicy> policy();

    /** How it is attached to its network; empty without one. */
    public abstract Optional<NetworkAttachment> attachment();

    /** When each step ended, as the time since the launch began, in their order. */
    public abstract Map<LaunchStep, Duration> steps();

    /** Whether it outlives the program that launched it; false if not said. */
    @Value.Default
    public boolean detached() {
        return false;
    }

    /** The promises that the host keeps in a weaker form, each with its reason. */
    public abstract List<String> warnings();

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link VMLaunched}. Not thread-safe. */
    public static final class Builder extends ImmutableVMLaunched.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
