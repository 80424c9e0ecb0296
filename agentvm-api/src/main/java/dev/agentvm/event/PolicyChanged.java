package dev.agentvm.event;

import dev.agentvm.network.FilterRule;
import dev.agentvm.network.NetworkPolicy;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import org.immutables.value.Value;

/** Another policy is in force for a running VM. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract non-sealed class PolicyChanged implements VMEvent, WithPolicyChanged {
    PolicyChanged() {}

    /** The policy before; empty if it was set by another program. */
    public abstract Optional<NetworkPolicy> before();

    /** The policy that is in force now; each of its rules has a reason. */
    public abstract NetworkPolicy after();

    /** The rules that it has and the one before had not. */
    public final Set<FilterRule> added() {
        return without(after().rules(), before().map(NetworkPolicy::rules).orElse(Set.of()));
    }

    /** The rules that it has no longer. */
    public final Set<FilterRule> removed() {
        return without(before().map(NetworkPolicy::rules).orElse(Set.of()), after().rules());
    }

    private static Set<FilterRule> without(Set<FilterRule> rules, Set<FilterRule> others) {
        Set<FilterRule> rest = new LinkedHashSet<>(rules);
        rest.removeAll(others);
        return rest;
    }

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link PolicyChanged}. Not thread-safe. */
    public static final class Builder extends ImmutablePolicyChanged.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
