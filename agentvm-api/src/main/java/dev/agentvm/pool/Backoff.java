package dev.agentvm.pool;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * When to try again what has failed: one second later, then two, four, and so on, at most a minute. What was begun
 * together and fails together counts as one failure. Not thread-safe.
 */
final class Backoff {
    static final Duration FIRST = Duration.ofSeconds(1);
    static final Duration LONGEST = Duration.ofMinutes(1);

    private Duration delay = Duration.ZERO;
    private Instant retryAt = Instant.MIN;
    private @Nullable Throwable failure;
    private int round;

    /** What an attempt that begins now belongs to. */
    int round() {
        return round;
    }

    void failed(int roundOfAttempt, Throwable reason, Instant now) {
        if (roundOfAttempt == round) {
            failure = reason;
            round++;
            delay = delay.isZero() ? FIRST : min(delay.multipliedBy(2), LONGEST);
            retryAt = now.plus(delay);
        }
    }

    /** Only an attempt since the last failure shows that things are better. */
    void succeeded(int roundOfAttempt) {
        if (roundOfAttempt == round) {
            delay = Duration.ZERO;
            failure = null;
        }
    }

    boolean isFailing() {
        return failure != null;
    }

    Instant retryAt() {
        return retryAt;
    }

    Optional<Throwable> failure() {
        return Optional.ofNullable(failure);
    }

    private static Duration min(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }
}
