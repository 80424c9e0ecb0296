package dev.agentvm.testkit;

import static dev.agentvm.testkit.WrongFakes.wrong;

import dev.agentvm.Hypervisor;
import dev.agentvm.ReapReport;
import dev.agentvm.metrics.Metric;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.metrics.Series;
import dev.agentvm.testkit.WrongFakes.World;
import dev.agentvm.testkit.WrongFakes.WrongFake;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.IntSupplier;

/** Fakes that measure what is not so. */
final class WrongMetrics {
    private static final String LIFE = "metrics_lifeOfAVM_isMeasured";

    private WrongMetrics() {}

    static List<WrongFake> all() {
        return List.of(
                wrong(
                        "nothing is measured",
                        (world, right) -> world.host().anotherProgram(),
                        LIFE,
                        "reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing"),
                wrong(
                        "every command is measured as a success",
                        measuring(sink -> new SpoiltMetrics(sink) {
                            @Override
                            public void time(Series series, Duration duration) {
                                super.time(
                                        series.metric() == Metric.COMMAND_DURATION
                                                ? Metric.COMMAND_DURATION.with("success")
                                                : series,
                                        duration);
                            }
                        }),
                        LIFE),
                wrong(
                        "VMs that are gone are counted",
                        measuring(sink -> new SpoiltMetrics(sink) {
                            @Override
                            public Gauge gauge(Series series, IntSupplier value) {
                                AtomicInteger most = new AtomicInteger();
                                return super.gauge(
                                        series, () -> most.updateAndGet(before -> Math.max(before, value.getAsInt())));
                            }
                        }),
                        LIFE),
                wrong(
                        "a dry run counts as findings",
                        (world, right) -> new SpoiltHypervisor(right) {
                            @Override
                            public ReapReport reap(boolean dryRun) {
                                ReapReport report = super.reap(dryRun);
                                if (dryRun) {
                                    world.metrics()
                                            .count(
                                                    Metric.REAPER_FINDINGS.with("removed"),
                                                    report.removed().size());
                                }
                                return report;
                            }
                        },
                        "reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing"));
    }

    private static BiFunction<World, Hypervisor, Hypervisor> measuring(Function<MetricsSink, MetricsSink> spoil) {
        return (world, right) -> world.host().anotherProgram(spoil.apply(world.metrics()));
    }

    /** A sink like another, but for what a subclass gets wrong. */
    private static class SpoiltMetrics implements MetricsSink {
        private final MetricsSink right;

        private SpoiltMetrics(MetricsSink right) {
            this.right = right;
        }

        @Override
        public void count(Series series, long amount) {
            right.count(series, amount);
        }

        @Override
        public void time(Series series, Duration duration) {
            right.time(series, duration);
        }

        @Override
        public Gauge gauge(Series series, IntSupplier value) {
            return right.gauge(series, value);
        }
    }
}
