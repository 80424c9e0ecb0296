package dev.agentvm;

import java.time.Duration;

/** What the values of this package have in common. */
final class Checks {
    /** So long that nobody means more, so short that adding it to a time or counting its nanoseconds cannot overflow. */
    static final Duration LONGEST = Duration.ofDays(3650);

    private Checks() {}

    static void within(String field, int value, int min, int max) {
        if (value < min || value > max) {
            throw new InvalidValueException(field, value, "must be from " + min + " to " + max);
        }
    }

    static void positive(String field, Duration time) {
        if (!isPositive(time)) {
            throw new InvalidValueException(
                    field, time, "must be more than zero and at most " + LONGEST.toDays() + " days");
        }
    }

    static boolean isPositive(Duration time) {
        return !time.isZero() && !time.isNegative() && time.compareTo(LONGEST) <= 0;
    }

    /** Whether XML 1.0 can carry {@code text}, on one line: it has no way to write control characters and lone surrogates. */
    static boolean isXmlLine(String text) {
        return text.codePoints()
                .noneMatch(
                        c -> Character.isISOControl(c) || (c >= 0xd800 && c <= 0xdfff) || c == 0xfffe || c == 0xffff);
    }
}
