package dev.agentvm.spi;

import dev.agentvm.metrics.Metric;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.metrics.Series;
import java.time.Duration;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives measurements to a sink, in their order and by a daemon thread of its own, so that whoever measures neither waits
 * for the sink nor hears of its failures. Safe for use by many threads.
 */
public final class MetricsFeed implements MetricsSink {
    private static final Logger LOG = LoggerFactory.getLogger(MetricsFeed.class);
    private static final int CAPACITY = 65_536;
    private static final Duration IDLE = Duration.ofSeconds(10);

    private final MetricsSink sink;
    private final ThreadPoolExecutor thread;
    private final AtomicLong lost = new AtomicLong();
    private final AtomicBoolean complained = new AtomicBoolean();

    private MetricsFeed(MetricsSink sink) {
        this.sink = sink;
        // What is idle needs no thread, and so no end.
        thread = new ThreadPoolExecutor(
                1, 1, IDLE.toMillis(), TimeUnit.MILLISECONDS, new LinkedBlockingQueue<>(), MetricsFeed::daemon);
        thread.allowCoreThreadTimeOut(true);
    }

    /** What gives measurements to that sink; nothing is in between if that keeps none. */
    public static MetricsSink of(MetricsSink sink) {
        return sink.equals(MetricsSink.none()) || sink instanceof MetricsFeed ? sink : new MetricsFeed(sink);
    }

    private static Thread daemon(Runnable work) {
        Thread thread = new Thread(null, work, "agentvm-metrics", 0, false);
        thread.setDaemon(true);
        return thread;
    }

    @Override
    public void count(Series series, long amount) {
        offer(() -> sink.count(series, amount));
    }

    @Override
    public void time(Series series, Duration duration) {
        offer(() -> sink.time(series, duration));
    }

    /** Gauges are few, and none is lost. */
    @Override
    public Gauge gauge(Series series, IntSupplier value) {
        Reading reading = new Reading(series, value);
        give(reading::open);
        return () -> give(reading::close);
    }

    private void offer(Runnable measurement) {
        if (thread.getQueue().size() >= CAPACITY) {
            lost.incrementAndGet();
            return;
        }
        give(measurement);
    }

    private void give(Runnable work) {
        thread.execute(() -> {
            guarded(work);
            long missing = lost.getAndSet(0);
            if (missing > 0) {
                guarded(() -> sink.count(Metric.LOST.with("sink"), missing));
            }
        });
    }

    private void guarded(Runnable work) {
        try {
            work.run();
        } catch (RuntimeException | Error e) {
            if (complained.compareAndSet(false, true)) {
                LOG.warn("the sink of metrics fails; this is said once", e);
            }
        }
    }

    /** A gauge of the sink, which may have failed to make one. Its thread is the only one that uses it. */
    private final class Reading {
        private final Series series;
        private final IntSupplier value;
        private final AtomicReference<Gauge> gauge = new AtomicReference<>(() -> {});

        private Reading(Series series, IntSupplier value) {
            this.series = series;
            this.value = value;
        }

        private void open() {
            gauge.set(sink.gauge(series, value));
        }

        private void close() {
            gauge.getAndSet(() -> {}).close();
        }
    }
}
