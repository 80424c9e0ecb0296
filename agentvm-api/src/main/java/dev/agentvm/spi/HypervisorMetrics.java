package dev.agentvm.spi;

import dev.agentvm.ReapReport;
import dev.agentvm.VMState;
import dev.agentvm.event.VMEvents;
import dev.agentvm.metrics.Metric;
import dev.agentvm.metrics.MetricsSink;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Measures what a hypervisor does, for those who implement one: most of it is read off its events. Safe for use by
 * many threads.
 */
public final class HypervisorMetrics implements AutoCloseable {
    private final MetricsSink sink;
    private final List<MetricsSink.Gauge> gauges;

    private HypervisorMetrics(MetricsSink sink, List<MetricsSink.Gauge> gauges) {
        this.sink = sink;
        this.gauges = gauges;
    }

    /**
     * Measures from now on.
     *
     * @param sink who is given it; with {@link MetricsSink#none} nobody listens to the events
     * @param events what happens, from now until they are closed
     * @param states the state of each VM that the hypervisor launched and that is not forgotten yet; is called by any
     *     thread and does not block
     */
    public static HypervisorMetrics of(MetricsSink sink, VMEvents events, Supplier<Stream<VMState>> states) {
        if (sink.equals(MetricsSink.none())) {
            return new HypervisorMetrics(sink, List.of());
        }
        MetricsSink feed = MetricsFeed.of(sink);
        // It lasts as long as the events.
        var unused = events.listen(new EventMeter(feed));
        return new HypervisorMetrics(
                feed,
                Arrays.stream(VMState.values())
                        .filter(state -> state != VMState.DESTROYED)
                        .map(state -> feed.gauge(Metric.VMS.with(tag(state)), () -> count(states, state)))
                        .toList());
    }

    private static int count(Supplier<Stream<VMState>> states, VMState wanted) {
        return Math.toIntExact(states.get().filter(wanted::equals).count());
    }

    /** How a constant is written as the value of a tag. */
    static String tag(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    /** The hypervisor has removed what nobody owned, which was no dry run. */
    public void reaped(ReapReport report) {
        count("removed", report.removed().size());
        count("failed", report.failed().size());
    }

    private void count(String outcome, int findings) {
        if (findings > 0) {
            sink.count(Metric.REAPER_FINDINGS.with(outcome), findings);
        }
    }

    /** The hypervisor is closed: its VMs are no longer counted. Closing twice does nothing. */
    @Override
    public void close() {
        gauges.forEach(MetricsSink.Gauge::close);
    }
}
