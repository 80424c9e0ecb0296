package dev.agentvm.event;

import dev.agentvm.InvalidValueException;
import dev.agentvm.network.IPv4Address;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.immutables.value.Value;

/** A VM got an answer to a question for a name. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract non-sealed class NameResolved implements VMEvent, WithNameResolved {
    NameResolved() {}

    /** The type of a question for an IPv4 address. */
    public static final int A = 1;
    /** The response code of an answer without a fault. */
    public static final int NO_ERROR = 0;
    /** The response code that says that there is no such name. */
    public static final int NX_DOMAIN = 3;

    private static final int LONGEST_NAME = 1004;

    /**
     * The name that was asked for, without the last dot and in lower case; the root is the empty name. Bytes that are
     * no printable ASCII, and dots and backslashes in labels, are written as RFC 1035 says in section 5.1: {@code \DDD}
     * in decimal.
     */
    public abstract String query();

    /** The type of the question, 0 to 65535, as IANA numbers them. */
    public abstract int type();

    /** The response code, 0 to 15, as IANA numbers them. */
    public abstract int responseCode();

    /** The IPv4 addresses of the answer, in its order. */
    public abstract List<IPv4Address> addresses();

    /** For how long the answer may be kept: the shortest time of its records; empty if it has none. */
    public abstract Optional<Duration> ttl();

    @Value.Check
    void check() {
        if (query().length() > LONGEST_NAME || query().chars().anyMatch(c -> c <= 0x20 || c > 0x7e)) {
            throw new InvalidValueException(
                    "query",
                    query(),
                    "must be at most " + LONGEST_NAME + " characters of printable ASCII; write others as \\DDD");
        }
        if (type() < 0 || type() > 0xffff) {
            throw new InvalidValueException("type", type(), "must be from 0 to 65535");
        }
        if (responseCode() < 0 || responseCode() > 15) {
            throw new InvalidValueException("responseCode", responseCode(), "must be from 0 to 15");
        }
        Counts.notNegative("ttl", ttl());
    }

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link NameResolved}. Not thread-safe. */
    public static final class Builder extends ImmutableNameResolved.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
