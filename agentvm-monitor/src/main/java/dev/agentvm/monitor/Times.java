package dev.agentvm.monitor;

import dev.agentvm.InvalidValueException;
import java.time.Duration;

/** How long times of thresholds may be. */
final class Times {
    /** So long that nobody means more, so short that counting back from an event by it cannot overflow. */
    private static final Duration LONGEST = Duration.ofDays(3650);

    private Times() {}

    static void positive(String field, Duration time) {
        if (time.isZero() || time.isNegative() || time.compareTo(LONGEST) > 0) {
            throw new InvalidValueException(
                    field, time, "must be more than zero and at most " + LONGEST.toDays() + " days");
        }
    }
}
