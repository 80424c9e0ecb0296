package dev.agentvm.testkit;

import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.metrics.Series;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.IntSupplier;

/** Keeps all that was measured, for tests to ask for. Safe for use by many threads. */
public final class RecordedMetrics implements MetricsSink {
    private final Map<Series, Long> counts = new ConcurrentHashMap<>();
    private final Map<Series, List<Duration>> times = new ConcurrentHashMap<>();
    private final Map<Series, List<IntSupplier>> gauges = new ConcurrentHashMap<>();

    /** Nothing was measured yet. */
    public RecordedMetrics() {}

    @Override
    public void count(Series series, long amount) {
        counts.merge(series, amount, Long::sum);
    }

    @Override
    public void time(Series series, Duration duration) {
        times.computeIfAbsent(series, unused -> new CopyOnWriteArrayList<>()).add(duration);
    }

    @Override
    public Gauge gauge(Series series, IntSupplier value) {
        List<IntSupplier> all = gauges.computeIfAbsent(series, unused -> new CopyOnWriteArrayList<>());
        all.add(value);
        return () -> all.remove(value);
    }

    /** The sum of what was counted; 0 if nothing was. */
    public long counted(Series series) {
        return counts.getOrDefault(series, 0L);
    }

    /** The durations in their order; none if there was none. */
    public List<Duration> timed(Series series) {
        return List.copyOf(times.getOrDefault(series, List.of()));
    }

    /** The sum of all values that there are now; 0 if there is none. */
    public int value(Series series) {
        return gauges.getOrDefault(series, List.of()).stream()
                .mapToInt(IntSupplier::getAsInt)
                .sum();
    }

    @Override
    public String toString() {
        return "measured " + counts + " " + times + " " + gauges.keySet();
    }
}
