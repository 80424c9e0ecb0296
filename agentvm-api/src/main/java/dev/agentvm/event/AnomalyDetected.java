package dev.agentvm.event;

import dev.agentvm.InvalidValueException;
import java.util.List;
import java.util.regex.Pattern;
import org.immutables.value.Value;

/** Something was noticed about a VM that somebody should know of. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract non-sealed class AnomalyDetected implements VMEvent, WithAnomalyDetected {
    AnomalyDetected() {}

    /** The kind of what contradicts the policy: it was denied and went through all the same. */
    public static final String POLICY_CONTRADICTED = "policy-contradicted";

    private static final Pattern KIND = Pattern.compile("[a-z][a-z0-9-]{0,62}");

    /** How much it means. */
    public enum Severity {
        /** Out of the ordinary, and honest work may be the cause. */
        NOTICE,
        /** It points to abuse, or to a promise that is broken. */
        ALERT
    }

    /** What it is: a lower-case letter, then up to 62 of a-z 0-9 - */
    public abstract String kind();

    /** How much it means. */
    public abstract Severity severity();

    /** What was noticed, in a sentence for people. */
    public abstract String message();

    /** The events that show it, as many as the one who noticed it keeps. */
    public abstract List<VMEvent> evidence();

    @Value.Check
    void check() {
        if (!KIND.matcher(kind()).matches()) {
            throw new InvalidValueException("kind", kind(), "must be a lower-case letter, then up to 62 of a-z 0-9 -");
        }
    }

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link AnomalyDetected}. Not thread-safe. */
    public static final class Builder extends ImmutableAnomalyDetected.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
