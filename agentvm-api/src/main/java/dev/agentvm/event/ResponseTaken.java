package dev.agentvm.event;

import dev.agentvm.InvalidValueException;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import org.immutables.value.Value;

/** A host program answered an anomaly. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract non-sealed class ResponseTaken implements VMEvent, WithResponseTaken {
    ResponseTaken() {}

    private static final Pattern RESPONSE = Pattern.compile("[a-z][a-z0-9-]{0,62}");

    /** The {@link #id} of the {@link AnomalyDetected} that it answers. */
    public abstract UUID anomaly();

    /** What was done, such as {@code destroy}: a lower-case letter, then up to 62 of a-z 0-9 - */
    public abstract String response();

    /** Why it failed, in words; empty if it did not. */
    public abstract Optional<String> failure();

    @Value.Check
    void check() {
        if (!RESPONSE.matcher(response()).matches()) {
            throw new InvalidValueException(
                    "response", response(), "must be a lower-case letter, then up to 62 of a-z 0-9 -");
        }
    }

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link ResponseTaken}. Not thread-safe. */
    public static final class Builder extends ImmutableResponseTaken.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
