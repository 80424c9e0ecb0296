package dev.agentvm.network;

import dev.agentvm.InvalidValueException;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What a VM may reach: an unordered set of allow rules on top of a floor that no rule widens by accident
 * ({@link FloorClause}). What no rule allows is denied. Immutable, safe for use by many threads.
 *
 * <p>{@link #evaluate} says what becomes of a flow without any hypervisor, and {@link #explain} gives a table for
 * people.
 */
public final class NetworkPolicy {
    /**
     * The most openings that a policy may have: a rule counts once for each pair of port range and destination. libvirt
     * runs a process for each, so more would make a launch take longer than people wait.
     */
    public static final int MAX_OPENINGS = 200;

    private static final Comparator<FilterRule> ORDER = Comparator.comparing(FilterRule::protocol)
            .thenComparing(rule -> rule.ports().stream().findFirst().orElse(PortRange.of(1)))
            .thenComparing(FilterRule::toString);

    private static final NetworkPolicy AGENT_DEFAULT = new Builder()
            .addRule(FilterRule.allow().tcp(22).because("SSH, and git over it"))
            .addRule(FilterRule.allow().tcp(80).because("HTTP: package mirrors, redirects to HTTPS"))
            .addRule(FilterRule.allow().tcp(443).because("HTTPS: clones, package registries, APIs"))
            .addRule(FilterRule.allow().tcp(9418).because("the git protocol"))
            .addRule(FilterRule.allow().ping().because("to tell a dead network from a slow one"))
            .build();
    private static final NetworkPolicy NONE =
            new Builder().nameResolution(false).build();

    private final List<FilterRule> sortedRules;
    private final Set<FilterRule> rules;
    private final boolean nameResolution;
    private final DenyAction denied;
    private final @Nullable Integer connectionLimit;

    private NetworkPolicy(Builder builder) {
        this.sortedRules = builder.rules.stream().sorted(ORDER).toList();
        this.rules = Collections.unmodifiableSet(new LinkedHashSet<>(sortedRules));
        this.nameResolution = builder.nameResolution;
        this.denied = builder.denied;
        this.connectionLimit = builder.connectionLimit;
    }

    /** DNS at the network's resolver, SSH, HTTP, HTTPS, git and ping to the public Internet; the rest is refused. */
    public static NetworkPolicy agentDefault() {
        return AGENT_DEFAULT;
    }

    /** Nothing but DHCP. */
    public static NetworkPolicy none() {
        return NONE;
    }

    /** The rules; their order means nothing and does not depend on the order in which they were added. */
    public Set<FilterRule> rules() {
        return rules;
    }

    /** Whether the VM may ask the network's resolver, by UDP and TCP on port 53. */
    public boolean nameResolution() {
        return nameResolution;
    }

    /** What happens to traffic that no rule allows. */
    public DenyAction denied() {
        return denied;
    }

    /** The most TCP connections that the VM may have open at once, 1 to 65535, if there is a limit. */
    public OptionalInt connectionLimit() {
        return connectionLimit == null ? OptionalInt.empty() : OptionalInt.of(connectionLimit);
    }

    /**
     * What becomes of {@code flow} for a VM that is attached as {@link NetworkAttachment#example()} says. Good for
     * judging a policy; for a running VM give its own attachment.
     */
    public Verdict evaluate(Flow flow) {
        return evaluate(flow, NetworkAttachment.example());
    }

    /** What becomes of {@code flow} for a VM that is attached as {@code attachment} says. */
    public Verdict evaluate(Flow flow, NetworkAttachment attachment) {
        return new Evaluation(this, attachment).judge(flow);
    }

    /** A table of all that this policy opens and closes, and why; loud where it opens what the floor closes. */
    public String explain() {
        return new Explanation(this).text();
    }

    /** A builder that starts with this policy. */
    public Builder toBuilder() {
        return new Builder(this);
    }

    /** Policies are equal if they have equal rules and deny in the same way. */
    @Override
    public boolean equals(Object other) {
        return other instanceof NetworkPolicy policy
                && rules.equals(policy.rules)
                && nameResolution == policy.nameResolution
                && denied == policy.denied
                && Objects.equals(connectionLimit, policy.connectionLimit);
    }

    @Override
    public int hashCode() {
        return Objects.hash(rules, nameResolution, denied, connectionLimit);
    }

    /** A short form for logs; {@link #explain} is the long one. */
    @Override
    public String toString() {
        return "NetworkPolicy{" + denied + (nameResolution ? ", dns" : "")
                + (connectionLimit == null ? "" : ", at most " + connectionLimit + " connections") + ", " + rules + "}";
    }

    /** Makes a {@link NetworkPolicy}; starts with no rules, name resolution and {@link DenyAction#REJECT}. Not thread-safe. */
    public static final class Builder {
        private final Set<FilterRule> rules = new LinkedHashSet<>();
        private boolean nameResolution = true;
        private DenyAction denied = DenyAction.REJECT;
        private @Nullable Integer connectionLimit;

        /** A policy of name resolution alone. */
        public Builder() {}

        private Builder(NetworkPolicy policy) {
            rules.addAll(policy.rules);
            nameResolution = policy.nameResolution;
            denied = policy.denied;
            connectionLimit = policy.connectionLimit;
        }

        /** Adds a rule; one that is there already is not added twice. */
        public Builder addRule(FilterRule rule) {
            rules.add(Objects.requireNonNull(rule, "rule"));
            return this;
        }

        /** Adds rules. */
        public Builder addRules(Collection<FilterRule> more) {
            more.forEach(this::addRule);
            return this;
        }

        /**
         * Takes a rule away.
         *
         * @throws InvalidValueException if it is not there, since the caller then believes something closed that is not
         */
        public Builder removeRule(FilterRule rule) {
            if (!rules.remove(rule)) {
                throw new InvalidValueException("rule", rule, "is not in the policy; its rules are " + rules);
            }
            return this;
        }

        /** Takes away all rules that {@code unwanted} holds for. */
        public Builder removeRules(Predicate<FilterRule> unwanted) {
            rules.removeIf(unwanted);
            return this;
        }

        /** Whether the VM may ask the network's resolver. */
        public Builder nameResolution(boolean allowed) {
            nameResolution = allowed;
            return this;
        }

        /** What happens to traffic that no rule allows. */
        public Builder denied(DenyAction action) {
            denied = Objects.requireNonNull(action, "action");
            return this;
        }

        /**
         * The most TCP connections that the VM may have open at once, 1 to 65535; only with {@link DenyAction#REJECT}.
         * Connections that were open before the VM's policy, or an address of its host, last changed are not counted.
         */
        public Builder connectionLimit(int connections) {
            if (connections < 1 || connections > 65535) {
                throw new InvalidValueException("connectionLimit", connections, "must be from 1 to 65535");
            }
            connectionLimit = connections;
            return this;
        }

        /** As many TCP connections as the VM likes. */
        public Builder noConnectionLimit() {
            connectionLimit = null;
            return this;
        }

        /**
         * Makes the policy.
         *
         * @throws InvalidValueException for a connection limit with {@link DenyAction#DROP}, which layer 2 cannot count,
         *     or for more than {@link #MAX_OPENINGS} openings
         */
        public NetworkPolicy build() {
            if (connectionLimit != null && denied == DenyAction.DROP) {
                throw new InvalidValueException(
                        "connectionLimit", connectionLimit, "needs DenyAction.REJECT: layer 2 counts no connections");
            }
            long openings = rules.stream().mapToLong(Builder::openings).sum();
            if (openings > MAX_OPENINGS) {
                throw new InvalidValueException(
                        "rules",
                        openings + " openings",
                        "a policy may have at most " + MAX_OPENINGS
                                + " (port ranges × destinations, summed over its rules); use wider ranges or blocks");
            }
            return new NetworkPolicy(this);
        }

        private static long openings(FilterRule rule) {
            return (long) Math.max(1, rule.ports().size())
                    * Math.max(1, rule.destinations().size());
        }
    }

    /** The rules in an order that depends on nothing but the rules. */
    List<FilterRule> sortedRules() {
        return sortedRules;
    }
}
