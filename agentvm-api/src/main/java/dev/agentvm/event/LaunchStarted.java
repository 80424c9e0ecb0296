package dev.agentvm.event;

import dev.agentvm.network.NetworkPolicy;
import java.util.Optional;
import org.immutables.value.Value;

/**
 * The launch of a VM has begun: the first event of each VM, before anything is made for it. Immutable, safe for use by
 * many threads.
 */
@ValueStyle
@Value.Immutable
public abstract non-sealed class LaunchStarted implements VMEvent, WithLaunchStarted {
    LaunchStarted() {}

    /** The policy that it is launched with; empty without a network. */
    public abstract Optional<NetworkPolicy> policy();

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link LaunchStarted}. Not thread-safe. */
    public static final class Builder extends ImmutableLaunchStarted.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
