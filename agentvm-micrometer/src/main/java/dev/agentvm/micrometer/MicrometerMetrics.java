package dev.agentvm.micrometer;

import dev.agentvm.metrics.Metric;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.metrics.Series;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntSupplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Keeps what is measured in a registry of Micrometer: each {@link Metric} under its name, with its description, unit and
 * tags. Counters and timers appear when they are first used. Safe for use by many threads.
 *
 * <pre>{@code
 * MetricsSink metrics = new MicrometerMetrics(registry);
 * Hypervisor hypervisor = new LibvirtHypervisor.Builder().metrics(metrics).connect();
 * VMPool pool = new VMPool.Builder(hypervisor, template).max(8).metrics(metrics).open();
 * }</pre>
 *
 * <p>Timers have counts, sums and maxima. For histograms, or for tags of your own on every meter, give the registry a
 * {@link io.micrometer.core.instrument.config.MeterFilter} before.
 */
public final class MicrometerMetrics implements MetricsSink {
    /** A registry has one gauge for each series, whoever has values of it. */
    private static final Map<MeterRegistry, Map<Series, Sum>> GAUGES = Collections.synchronizedMap(new WeakHashMap<>());

    private final MeterRegistry registry;
    private final Map<Series, Sum> gauges;

    /** Keeps everything in {@code registry}. Several for one registry do as one would. */
    public MicrometerMetrics(MeterRegistry registry) {
        this.registry = Objects.requireNonNull(registry, "registry");
        this.gauges = GAUGES.computeIfAbsent(registry, unused -> new ConcurrentHashMap<>());
    }

    @Override
    public void count(Series series, long amount) {
        Metric metric = series.metric();
        Counter.builder(metric.metricName())
                .description(metric.description())
                .baseUnit(unit(metric))
                .tags(tags(series))
                .register(registry)
                .increment((double) amount);
    }

    @Override
    public void time(Series series, Duration duration) {
        Metric metric = series.metric();
        Timer.builder(metric.metricName())
                .description(metric.description())
                .tags(tags(series))
                .register(registry)
                .record(duration);
    }

    @Override
    @SuppressWarnings("UnnecessaryMethodReference")
    public Gauge gauge(Series series, IntSupplier value) {
        // One of its own for each gauge, although the caller may give the same twice.
        IntSupplier own = value::getAsInt;
        gauges.compute(series, (unused, sum) -> (sum == null ? new Sum(register(series)) : sum).with(own));
        return () -> gauges.computeIfPresent(series, (unused, sum) -> without(sum, own));
    }

    private Meter register(Series series) {
        Metric metric = series.metric();
        Map<Series, Sum> all = gauges;
        return io.micrometer.core.instrument.Gauge.builder(metric.metricName(), () -> value(all, series))
                .description(metric.description())
                .baseUnit(unit(metric))
                .tags(tags(series))
                .register(registry);
    }

    /** Without the registry, which is held weakly. */
    private static int value(Map<Series, Sum> gauges, Series series) {
        Sum sum = gauges.get(series);
        return sum == null ? 0 : sum.value();
    }

    private @Nullable Sum without(Sum sum, IntSupplier value) {
        Sum rest = sum.without(value);
        if (rest.isEmpty()) {
            registry.remove(rest.meter());
            return null;
        }
        return rest;
    }

    private static @Nullable String unit(Metric metric) {
        return metric.unit().isEmpty() ? null : metric.unit();
    }

    private static Tags tags(Series series) {
        return Tags.of(IntStream.range(0, series.values().size())
                .mapToObj(i ->
                        Tag.of(series.metric().tags().get(i), series.values().get(i)))
                .toList());
    }
}
