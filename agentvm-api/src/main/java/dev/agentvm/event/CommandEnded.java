package dev.agentvm.event;

import dev.agentvm.InvalidValueException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.immutables.value.Value;

/**
 * A command that a program ran in a VM is over. Its environment and what it read and wrote are not part of this.
 * Immutable, safe for use by many threads.
 */
@ValueStyle
@Value.Immutable
public abstract non-sealed class CommandEnded implements VMEvent, WithCommandEnded {
    CommandEnded() {}

    /** The program and its arguments. */
    public abstract List<String> argv();

    /** The user of the guest that it ran as, if the caller said so. */
    public abstract Optional<String> user();

    /** The time from the call until its end was known; not negative. */
    public abstract Duration duration();

    /** What the program returned, 0 to 255. */
    public abstract OptionalInt exitCode();

    /** The number of the signal that ended it, 1 to 127 in the guest's numbering. */
    public abstract OptionalInt signal();

    /**
     * Why neither is known or its own doing, in words: its time was over, it could not be started, its VM went away.
     */
    public abstract Optional<String> failure();

    /** Whether that is because its time was over; false if not said. */
    @Value.Default
    public boolean timedOut() {
        return false;
    }

    @Value.Check
    void check() {
        if (timedOut() && failure().isEmpty()) {
            throw new InvalidValueException("timedOut", true, "needs a failure that says so in words");
        }
        if (argv().isEmpty()) {
            throw new InvalidValueException("argv", argv(), "must name a program");
        }
        Counts.notNegative("duration", Optional.of(duration()));
        int outcomes = (exitCode().isPresent() ? 1 : 0)
                + (signal().isPresent() ? 1 : 0)
                + (failure().isPresent() ? 1 : 0);
        if (outcomes != 1) {
            throw new InvalidValueException(
                    "exitCode, signal and failure",
                    exitCode() + ", " + signal() + ", " + failure(),
                    "exactly one is present");
        }
    }

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link CommandEnded}. Not thread-safe. */
    public static final class Builder extends ImmutableCommandEnded.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
