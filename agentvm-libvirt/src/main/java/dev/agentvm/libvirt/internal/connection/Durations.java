package dev.agentvm.libvirt.internal.connection;

import java.time.Duration;

/** Durations in the units of other interfaces, without overflow. */
final class Durations {
    private Durations() {}

    /** Nanoseconds; the longest that there are stand for what is longer. */
    static long nanos(Duration duration) {
        try {
            return duration.toNanos();
        } catch (ArithmeticException e) {
            return duration.isNegative() ? Long.MIN_VALUE : Long.MAX_VALUE;
        }
    }

    /** Whole seconds, rounded up, at least 1. */
    static int secondsUp(Duration duration) {
        long seconds = duration.getSeconds() + (duration.getNano() > 0 ? 1 : 0);
        return (int) Math.max(1, Math.min(seconds, Integer.MAX_VALUE));
    }

    /** For messages: {@code 2.5 s}. */
    static String text(Duration duration) {
        return duration.toMillis() % 1000 == 0 ? duration.toSeconds() + " s" : duration.toMillis() / 1000.0 + " s";
    }
}
