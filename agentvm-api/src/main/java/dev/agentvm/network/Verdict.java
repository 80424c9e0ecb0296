package dev.agentvm.network;

import java.util.Optional;
import org.immutables.value.Value;

/** What becomes of a flow, and what decided so. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract class Verdict {
    Verdict() {}

    /** What the sender sees. */
    public enum Outcome {
        /** It passes. */
        ALLOWED,
        /** It is answered with a refusal at once. */
        REFUSED,
        /** It vanishes. */
        DROPPED
    }

    /** What the sender sees. */
    public abstract Outcome outcome();

    /** The rule that allowed the flow, if a rule decided. */
    public abstract Optional<FilterRule> rule();

    /** The clause of the floor that closed it, if the floor decided. */
    public abstract Optional<FloorClause> clause();

    /** Why, in a sentence for people. */
    public abstract String reason();

    /** Whether it passes. */
    public final boolean allowed() {
        return outcome() == Outcome.ALLOWED;
    }

    static Verdict by(FilterRule rule) {
        return of(Outcome.ALLOWED).rule(rule).reason(rule.reason()).build();
    }

    static Verdict by(FloorClause clause) {
        return of(Outcome.DROPPED).clause(clause).reason(clause.reason()).build();
    }

    static Verdict by(Outcome outcome, String reason) {
        return of(outcome).reason(reason).build();
    }

    private static ImmutableVerdict.Builder of(Outcome outcome) {
        return ImmutableVerdict.builder().outcome(outcome);
    }

    /** One line for people. */
    @Override
    public String toString() {
        String by = rule().map(rule -> " by the rule '" + rule + "'")
                .or(() -> clause().map(clause -> " by the floor (" + clause + ")"))
                .orElse("");
        return outcome() + by + ": " + reason();
    }
}
