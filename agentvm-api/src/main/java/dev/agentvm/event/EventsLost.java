package dev.agentvm.event;

import dev.agentvm.InvalidValueException;
import java.time.Instant;
import org.immutables.value.Value;

/**
 * Something about a VM is missing here, in the stream of events, and this says how much. Immutable, safe for use by
 * many threads.
 */
@ValueStyle
@Value.Immutable
public abstract non-sealed class EventsLost implements VMEvent, WithEventsLost {
    EventsLost() {}

    /** Where it was lost. */
    public enum Cause {
        /** In front of the listener that is told so, which was too slow; others may have got all. */
        LISTENER,
        /** On the VM's network card: frames went by unread. */
        CAPTURE,
        /**
         * At the source: the VM made more attempts, or got more answers of name servers, than are told of one VM. What
         * is left out is told to no listener; the end of an attempt that is left out is too, and is not counted.
         */
        RATE
    }

    /** Where it was lost. */
    public abstract Cause cause();

    /** How many events, or frames with {@link Cause#CAPTURE}; at least 1. */
    public abstract long count();

    /** When the first was lost, at the latest; the last was lost at {@link #time}. */
    public abstract Instant since();

    @Value.Check
    void check() {
        if (count() < 1) {
            throw new InvalidValueException("count", count(), "must be at least 1");
        }
    }

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link EventsLost}. Not thread-safe. */
    public static final class Builder extends ImmutableEventsLost.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
