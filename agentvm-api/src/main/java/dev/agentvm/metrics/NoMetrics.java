package dev.agentvm.metrics;

import java.time.Duration;
import java.util.function.IntSupplier;

/** Keeps nothing. */
enum NoMetrics implements MetricsSink {
    NONE;

    @Override
    public void count(Series series, long amount) {}

    @Override
    public void time(Series series, Duration duration) {}

    @Override
    public Gauge gauge(Series series, IntSupplier value) {
        return () -> {};
    }
}
