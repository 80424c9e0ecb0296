package dev.agentvm.monitor;

import static dev.agentvm.monitor.Story.inspect;
import static dev.agentvm.monitor.Story.sample;
import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMEvent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.IntToLongFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ResourceDetectorsTest {
    private static final Thresholds THRESHOLDS = Thresholds.standard();
    private static final long MIB = 1024 * 1024;

    /** Samples {@code every} seconds, the first with a counter of 0 and each step growing it by {@code growth}. */
    private static List<VMEvent> samples(
            int steps, double every, IntToLongFunction growth, BiConsumer<TrafficSampled.Builder, Long> counter) {
        List<VMEvent> events = new ArrayList<>();
        long total = 0;
        for (int i = 0; i <= steps; i++) {
            total += i == 0 ? 0 : growth.applyAsLong(i);
            TrafficSampled.Builder sample = sample(i * every);
            counter.accept(sample, total);
            events.add(sample.build());
        }
        return events;
    }

    private static List<VMEvent> sent(int steps, double every, long growth) {
        return samples(steps, every, i -> growth, TrafficSampled.Builder::sentBytes);
    }

    // Upload: 100 MiB in 10 s.

    @Test
    void uploadVolume_atTheThreshold_isANotice() {
        assertThat(inspect(new UploadVolume(THRESHOLDS), sent(10, 1, 10 * MIB - 1)))
                .isEmpty();
        assertThat(inspect(new UploadVolume(THRESHOLDS), sent(10, 1, 10 * MIB)))
                .extracting(Finding::kind, Finding::severity)
                .containsExactly(org.assertj.core.groups.Tuple.tuple(AnomalyKinds.UPLOAD_VOLUME, Severity.NOTICE));
        assertThat(inspect(new UploadVolume(THRESHOLDS), sent(100, 1, 10 * MIB - 1)))
                .isEmpty();
    }

    @Test
    void uploadVolume_stepLongerThanItsTime_countsByItsShare() {
        assertThat(inspect(new UploadVolume(THRESHOLDS), sent(1, 60, 600 * MIB - 60)))
                .isEmpty();
        assertThat(inspect(new UploadVolume(THRESHOLDS), sent(1, 60, 600 * MIB)))
                .hasSize(1);
    }

    @Test
    void uploadVolume_counterThatBeginsAnew_countsNothing() {
        List<VMEvent> events = List.of(
                sample(0).sentBytes(0).build(),
                sample(1).sentBytes(60 * MIB).build(),
                sample(2).sentBytes(10 * MIB).build(),
                sample(3).sentBytes(20 * MIB).build());

        assertThat(inspect(new UploadVolume(THRESHOLDS), events)).isEmpty();
    }

    @Test
    void uploadVolume_nothingCounted_isNothing() {
        assertThat(inspect(
                        new UploadVolume(THRESHOLDS),
                        List.of(sample(0).build(), sample(1).build())))
                .isEmpty();
    }

    // Lopsided: 100 MiB in 10 minutes, ten times what came.

    private static List<VMEvent> exchange(long up, long down) {
        return List.of(
                sample(0).sentBytes(0).receivedBytes(0).build(),
                sample(300).sentBytes(up).receivedBytes(down).build());
    }

    @Test
    void uploadRatio_volumeAndRatio_areBothNeeded() {
        assertThat(inspect(new UploadRatio(THRESHOLDS), exchange(100 * MIB, 10 * MIB)))
                .extracting(Finding::severity)
                .containsExactly(Severity.NOTICE);
        assertThat(inspect(new UploadRatio(THRESHOLDS), exchange(100 * MIB - 1, 0)))
                .isEmpty();
        assertThat(inspect(new UploadRatio(THRESHOLDS), exchange(100 * MIB, 10 * MIB + 1)))
                .isEmpty();
    }

    // Disk: 1 GiB a minute.

    @Test
    void diskWrites_atTheThreshold_isANotice() {
        assertThat(inspect(
                        new DiskWrites(THRESHOLDS),
                        samples(64, 0.9375, i -> 16 * MIB, TrafficSampled.Builder::diskWrittenBytes)))
                .hasSize(1);
        assertThat(inspect(
                        new DiskWrites(THRESHOLDS),
                        samples(640, 0.9375, i -> 16 * MIB - 1, TrafficSampled.Builder::diskWrittenBytes)))
                .isEmpty();
    }

    // Processors: 90 % for 30 s.

    private static List<VMEvent> busy(int steps, double share, int vcpus) {
        return samples(
                steps,
                1,
                i -> Math.round(share * vcpus * 1e9),
                (sample, total) -> sample.cpuTime(Duration.ofNanos(total)).vcpus(vcpus));
    }

    @Test
    void sustainedCpu_atTheThreshold_isANotice() {
        assertThat(inspect(new SustainedCpu(THRESHOLDS), busy(29, 1, 2))).isEmpty();
        assertThat(inspect(new SustainedCpu(THRESHOLDS), busy(30, 0.9, 2)))
                .extracting(Finding::severity)
                .containsExactly(Severity.NOTICE);
        assertThat(inspect(new SustainedCpu(THRESHOLDS), busy(300, 0.899, 2))).isEmpty();
    }

    @Test
    void sustainedCpu_oneOfTwoCpusBusy_isNothing() {
        assertThat(inspect(new SustainedCpu(THRESHOLDS), busy(300, 0.5, 2))).isEmpty();
    }

    @Test
    void sustainedCpu_pause_beginsAnew() {
        List<VMEvent> events = samples(
                50,
                1,
                i -> i == 25 ? 0 : 2_000_000_000L,
                (sample, total) -> sample.cpuTime(Duration.ofNanos(total)).vcpus(2));

        assertThat(inspect(new SustainedCpu(THRESHOLDS), events)).isEmpty();
    }

    @Test
    void sustainedCpu_unknownNumberOfCpus_isNothing() {
        assertThat(inspect(
                        new SustainedCpu(THRESHOLDS),
                        samples(60, 1, i -> 9_000_000_000L, (s, total) -> s.cpuTime(Duration.ofNanos(total)))))
                .isEmpty();
    }

    // Outliers: 3.0 standard deviations, after 30 samples.

    /** Memory of 1 GiB, half of the samples a step more and half a step less, and then {@code last}. */
    private static List<VMEvent> memory(int samples, long deviation, long last) {
        List<VMEvent> events =
                new ArrayList<>(List.of(sample(0).memoryBytes(1024 * MIB).build()));
        IntStream.rangeClosed(1, samples)
                .mapToObj(i -> sample(i)
                        .memoryBytes(1024 * MIB + (i % 2 == 0 ? deviation : -deviation))
                        .build())
                .forEach(events::add);
        events.add(sample(samples + 1).memoryBytes(last).build());
        return events;
    }

    /** The deviation of a sample of n, of which half lie above and half below by the same. */
    private static double deviation(int n, double step) {
        return step * Math.sqrt((double) n / (n - 1));
    }

    @Test
    void outlier_scoreAtTheThreshold_isANotice() {
        double sigma = deviation(30, 200 * MIB);
        long just = (long) Math.ceil(1024 * MIB + 3 * sigma) + 1;

        assertThat(inspect(new Outlier(Outlier.Measure.MEMORY, THRESHOLDS), memory(30, 200 * MIB, just)))
                .extracting(Finding::kind, Finding::severity)
                .containsExactly(org.assertj.core.groups.Tuple.tuple(AnomalyKinds.UNUSUAL_MEMORY, Severity.NOTICE));
        assertThat(inspect(new Outlier(Outlier.Measure.MEMORY, THRESHOLDS), memory(30, 200 * MIB, just - MIB)))
                .isEmpty();
    }

    @Test
    void outlier_fewerSamples_areNotEnough() {
        assertThat(inspect(new Outlier(Outlier.Measure.MEMORY, THRESHOLDS), memory(29, 0, 1L << 40)))
                .isEmpty();
        assertThat(inspect(new Outlier(Outlier.Measure.MEMORY, THRESHOLDS), memory(30, 0, 1L << 40)))
                .hasSize(1);
    }

    @Test
    void outlier_breathOfAnIdleVM_isNothing() {
        assertThat(inspect(new Outlier(Outlier.Measure.MEMORY, THRESHOLDS), memory(100, 0, 1300 * MIB)))
                .isEmpty();
        assertThat(inspect(
                        new Outlier(Outlier.Measure.TRAFFIC, THRESHOLDS),
                        samples(
                                60,
                                1,
                                i -> i == 60 ? 2 * MIB : 0,
                                (sample, total) -> sample.sentBytes(total).receivedBytes(0))))
                .isEmpty();
    }

    @Test
    void outlier_everyMeasure_findsItsOwn() {
        assertThat(inspect(
                        new Outlier(Outlier.Measure.TRAFFIC, THRESHOLDS),
                        samples(
                                60,
                                1,
                                i -> i == 60 ? 4 * MIB : 0,
                                (sample, total) -> sample.sentBytes(total).receivedBytes(0))))
                .extracting(Finding::kind)
                .containsExactly(AnomalyKinds.UNUSUAL_TRAFFIC);
        assertThat(inspect(
                        new Outlier(Outlier.Measure.DISK, THRESHOLDS),
                        samples(
                                60,
                                1,
                                i -> i == 60 ? 13 * MIB : 0,
                                (sample, total) -> sample.diskReadBytes(total).diskWrittenBytes(0))))
                .extracting(Finding::kind)
                .containsExactly(AnomalyKinds.UNUSUAL_DISK);
        assertThat(inspect(
                        new Outlier(Outlier.Measure.CPU, THRESHOLDS),
                        samples(
                                60,
                                1,
                                i -> i == 60 ? 1_000_000_000L : 10_000_000L,
                                (sample, total) ->
                                        sample.cpuTime(Duration.ofNanos(total)).vcpus(1))))
                .extracting(Finding::kind)
                .containsExactly(AnomalyKinds.UNUSUAL_CPU);
    }
}
