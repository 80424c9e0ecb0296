package dev.agentvm.spi;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;

import dev.agentvm.VMState;
import dev.agentvm.metrics.Metric;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.metrics.Series;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class MetricsFeedTest {
    private static final Series END = Metric.VM_ENDS.with("closed");
    private static final Series LAUNCH = Metric.LAUNCH_DURATION.with("launched");
    private static final Series RUNNING = Metric.VMS.with("running");

    private final Measured measured = new Measured();

    @Test
    void of_aSinkThatKeepsNothing_isThatSink() {
        assertThat(MetricsFeed.of(MetricsSink.none())).isSameAs(MetricsSink.none());
    }

    @Test
    void measurements_areGivenInTheirOrder() {
        MetricsSink feed = MetricsFeed.of(measured);

        feed.count(END, 1);
        feed.time(LAUNCH, Duration.ofSeconds(2));
        feed.count(END, 3);

        until(() -> measured.all.size() == 3);
        assertThat(measured.all).containsExactly(entry(END, 1L), entry(LAUNCH, Duration.ofSeconds(2)), entry(END, 3L));
    }

    @Test
    void sink_thatBlocks_holdsUpNobodyAndIsToldHowManyItMissed() {
        CountDownLatch released = new CountDownLatch(1);
        CountDownLatch entered = new CountDownLatch(1);
        MetricsSink feed = MetricsFeed.of(new Measured() {
            @Override
            public void time(Series series, Duration duration) {
                entered.countDown();
                await(released);
            }

            @Override
            public void count(Series series, long amount) {
                measured.count(series, amount);
            }
        });
        feed.time(LAUNCH, Duration.ZERO);
        await(entered);

        for (int i = 0; i < 65_536 + 10; i++) {
            feed.count(END, 1);
        }
        released.countDown();

        until(() -> measured.all.size() == 65_536 + 1);
        assertThat(measured.all).contains(entry(Metric.LOST.with("sink"), 10L));
    }

    @Test
    void sink_thatThrows_getsWhatComesNextAllTheSame() {
        MetricsSink feed = MetricsFeed.of(new Measured() {
            @Override
            public void time(Series series, Duration duration) {
                throw new IllegalStateException("no");
            }

            @Override
            public Gauge gauge(Series series, IntSupplier value) {
                throw new LinkageError("no");
            }

            @Override
            public void count(Series series, long amount) {
                measured.count(series, amount);
            }
        });

        assertThatNoException().isThrownBy(() -> {
            feed.time(LAUNCH, Duration.ZERO);
            feed.gauge(RUNNING, () -> 1).close();
            feed.count(END, 1);
        });

        until(() -> measured.all.equals(List.of(entry(END, 1L))));
    }

    @Test
    void gauge_closedTwice_isGone() {
        MetricsSink feed = MetricsFeed.of(measured);

        MetricsSink.Gauge gauge = feed.gauge(RUNNING, () -> 5);
        until(() -> measured.gauges.containsKey(RUNNING));
        gauge.close();
        gauge.close();

        until(measured.gauges::isEmpty);
    }

    @Test
    void hypervisor_states_areGaugesUntilItIsClosed() {
        EventDispatcher events = new EventDispatcher();
        HypervisorMetrics metrics = HypervisorMetrics.of(
                measured, events, () -> Stream.of(VMState.RUNNING, VMState.DESTROYED, VMState.RUNNING, VMState.PAUSED));

        until(() -> measured.gauges.size() == 4);
        assertThat(measured.gauged(RUNNING)).isEqualTo(2);
        assertThat(measured.gauged(Metric.VMS.with("paused"))).isEqualTo(1);
        assertThat(measured.gauged(Metric.VMS.with("starting"))).isZero();

        metrics.close();
        until(measured.gauges::isEmpty);
    }

    @Test
    void hypervisor_sinkThatKeepsNothing_doesNotListen() {
        EventDispatcher events = new EventDispatcher();

        HypervisorMetrics metrics = HypervisorMetrics.of(MetricsSink.none(), events, Stream::of);

        assertThat(events.hasListeners()).isFalse();
        metrics.close();
    }

    private static void until(BooleanSupplier condition) {
        long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waited too long").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
