package dev.agentvm.event;

import dev.agentvm.InvalidValueException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;

/** What can be counted is not negative. */
final class Counts {
    private Counts() {}

    static void notNegative(String field, OptionalLong count) {
        if (count.isPresent() && count.getAsLong() < 0) {
            throw new InvalidValueException(field, count.getAsLong(), "must not be negative");
        }
    }

    static void notNegative(String field, Optional<Duration> time) {
        time.filter(Duration::isNegative).ifPresent(negative -> {
            throw new InvalidValueException(field, negative, "must not be negative");
        });
    }
}
