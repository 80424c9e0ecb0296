package dev.agentvm.pool;

import dev.agentvm.metrics.Metric;
import dev.agentvm.metrics.MetricsSink;
import java.util.List;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;

/** What can be looked at of a pool. Safe for use by many threads. */
record Gauges(List<MetricsSink.Gauge> all) implements AutoCloseable {
    static Gauges of(MetricsSink sink, String pool, Supplier<PoolMetrics> metrics) {
        return new Gauges(List.of(
                vms(sink, pool, "building", metrics, PoolMetrics::building),
                vms(sink, pool, "idle", metrics, PoolMetrics::idle),
                vms(sink, pool, "leased", metrics, PoolMetrics::leased),
                vms(sink, pool, "resetting", metrics, PoolMetrics::resetting),
                vms(sink, pool, "closing", metrics, PoolMetrics::closing),
                sink.gauge(Metric.POOL_WAITING.with(pool), () -> metrics.get().waiting())));
    }

    private static MetricsSink.Gauge vms(
            MetricsSink sink,
            String pool,
            String state,
            Supplier<PoolMetrics> metrics,
            ToIntFunction<PoolMetrics> count) {
        return sink.gauge(Metric.POOL_VMS.with(pool, state), () -> count.applyAsInt(metrics.get()));
    }

    @Override
    public void close() {
        all.forEach(MetricsSink.Gauge::close);
    }
}
