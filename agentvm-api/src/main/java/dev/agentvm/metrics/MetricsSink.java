package dev.agentvm.metrics;

import java.time.Duration;
import java.util.function.IntSupplier;

/**
 * Is given what hypervisors and pools measure, by those whose builders were given it. One sink may serve many of them.
 *
 * <p>Implementations must be safe for use by many threads: each hypervisor and each pool calls by a daemon thread of its
 * own, in the order in which things happened. They may take their time, which delays nothing else; but of what comes while
 * 65,536 measurements wait, only the number is told ({@link Metric#LOST}). What they throw is logged once, and no more.
 */
public interface MetricsSink {
    /** Keeps nothing. With it, nothing is measured. */
    static MetricsSink none() {
        return NoMetrics.NONE;
    }

    /**
     * Something happened.
     *
     * @param series of a {@link Metric.Kind#COUNTER}
     * @param amount how often or how much, at least 1
     */
    void count(Series series, long amount);

    /**
     * Something has ended.
     *
     * @param series of a {@link Metric.Kind#TIMER}
     * @param duration how long it took, not negative
     */
    void time(Series series, Duration duration);

    /**
     * Something can be looked at from now on.
     *
     * @param series of a {@link Metric.Kind#GAUGE}; if there are several values of one series, it is their sum
     * @param value reads it, at any time and from any thread; not negative, does not block for long and does not throw
     * @return is closed when the value is no more
     */
    Gauge gauge(Series series, IntSupplier value);

    /** A value that can be looked at. Safe for use by many threads. */
    @FunctionalInterface
    interface Gauge extends AutoCloseable {
        /** The value is no more. Closing twice does nothing. */
        @Override
        void close();
    }
}
