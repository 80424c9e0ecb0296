package dev.agentvm.spi;

import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.metrics.Series;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.IntSupplier;

/** Keeps what it is given. */
class Measured implements MetricsSink {
    final List<Map.Entry<Series, Object>> all = new CopyOnWriteArrayList<>();
    final Map<Series, IntSupplier> gauges = new ConcurrentHashMap<>();

    @Override
    public void count(Series series, long amount) {
        all.add(Map.entry(series, amount));
    }

    @Override
    public void time(Series series, Duration duration) {
        all.add(Map.entry(series, duration));
    }

    @Override
    public Gauge gauge(Series series, IntSupplier value) {
        gauges.put(series, value);
        return () -> gauges.remove(series);
    }

    int gauged(Series series) {
        return Objects.requireNonNull(gauges.get(series)).getAsInt();
    }
}
