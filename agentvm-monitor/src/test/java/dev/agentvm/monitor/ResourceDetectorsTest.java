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
import java.util.function.LongFunction;
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
        assertThat(inspect(new UploadVolume(THRESHOLDS), sent(1, 10, 100 * MIB - 1)))
                .isEmpty();
        assertThat(inspect(new UploadVolume(THRESHOLDS), sent(10, 1, 10 * MIB)))
                .extracting(Finding::kind, Finding::severity)
                .containsExactly(org.assertj.core.groups.Tuple.tuple(AnomalyKinds.UPLOAD_VOLUME, Severity.NOTICE));
        assertThat(inspect(new UploadVolume(THRESHOLDS), sent(1, 10, 100 * MIB + 1)))
                .hasSize(1);
        assertThat(inspect(new UploadVolume(THRESHOLDS), sent(100, 1, 10 * MIB - 1)))
                .isEmpty();
        assertThat(inspect(new UploadVolume(THRESHOLDS), sent(10, 1.001, 10 * MIB)))
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

    private static List<VMEvent> exchange(double seconds, long up, long down) {
        return List.of(
                sample(0).sentBytes(0).receivedBytes(0).build(),
                sample(seconds).sentBytes(up).receivedBytes(down).build());
    }

    @Test
    void uploadRatio_volumeAndRatio_areBothNeeded() {
        assertThat(inspect(new UploadRatio(THRESHOLDS), exchange(300, 100 * MIB, 10 * MIB)))
                .extracting(Finding::severity)
                .containsExactly(Severity.NOTICE);
        assertThat(inspect(new UploadRatio(THRESHOLDS), exchange(300, 100 * MIB - 1, 0)))
                .isEmpty();
        assertThat(inspect(new UploadRatio(THRESHOLDS), exchange(300, 100 * MIB + 1, 0)))
                .hasSize(1);
        assertThat(inspect(new UploadRatio(THRESHOLDS), exchange(300, 100 * MIB, 10 * MIB + 1)))
                .isEmpty();
        assertThat(inspect(new UploadRatio(THRESHOLDS), exchange(300, 100 * MIB, 10 * MIB - 1)))
                .hasSize(1);
    }

    @Test
    void uploadRatio_volume_countsWithinItsTime() {
        assertThat(inspect(new UploadRatio(THRESHOLDS), exchange(600, 100 * MIB, 0)))
                .hasSize(1);
        assertThat(inspect(new UploadRatio(THRESHOLDS), exchange(600.1, 100 * MIB, 0)))
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
                        samples(1, 60, i -> 1024 * MIB - 1, TrafficSampled.Builder::diskWrittenBytes)))
                .isEmpty();
        assertThat(inspect(
                        new DiskWrites(THRESHOLDS),
                        samples(1, 60, i -> 1024 * MIB + 1, TrafficSampled.Builder::diskWrittenBytes)))
                .hasSize(1);
        assertThat(inspect(
                        new DiskWrites(THRESHOLDS),
                        samples(640, 0.9375, i -> 16 * MIB - 1, TrafficSampled.Builder::diskWrittenBytes)))
                .isEmpty();
        assertThat(inspect(
                        new DiskWrites(THRESHOLDS),
                        samples(64, 0.938, i -> 16 * MIB, TrafficSampled.Builder::diskWrittenBytes)))
                .isEmpty();
    }

    // Processors: 90 % for 30 s.

    private static List<VMEvent> busy(int steps, double share, int vcpus) {
        return busy(steps, 1, share, vcpus);
    }

    private static List<VMEvent> busy(int steps, double every, double share, int vcpus) {
        return samples(
                steps,
                every,
                i -> Math.round(every * share * vcpus * 1e9),
                (sample, total) -> sample.cpuTime(Duration.ofNanos(total)).vcpus(vcpus));
    }

    @Test
    void sustainedCpu_atTheThreshold_isANotice() {
        assertThat(inspect(new SustainedCpu(THRESHOLDS), busy(29, 1, 2))).isEmpty();
        assertThat(inspect(new SustainedCpu(THRESHOLDS), busy(30, 0.9, 2)))
                .singleElement()
                .satisfies(finding -> {
                    assertThat(finding.severity()).isEqualTo(Severity.NOTICE);
                    assertThat(finding.message()).startsWith("Used at least 90 % of its virtual CPUs for ");
                });
        assertThat(inspect(new SustainedCpu(THRESHOLDS), busy(31, 0.900_001, 2)))
                .hasSize(1);
        assertThat(inspect(new SustainedCpu(THRESHOLDS), busy(300, 0.899_999, 2)))
                .isEmpty();
    }

    @Test
    void sustainedCpu_time_countsFromTheThresholdOn() {
        assertThat(inspect(new SustainedCpu(THRESHOLDS), busy(3, 9.999, 1, 2))).isEmpty();
        assertThat(inspect(new SustainedCpu(THRESHOLDS), busy(3, 10, 1, 2))).hasSize(1);
        assertThat(inspect(new SustainedCpu(THRESHOLDS), busy(3, 10.001, 1, 2))).hasSize(1);
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

    /** So many samples of memory, half of them more and half less than usual by so much, and then {@code last}. */
    private static List<VMEvent> memory(int samples, long usual, long deviation, long last) {
        List<VMEvent> events =
                new ArrayList<>(List.of(sample(0).memoryBytes(usual).build()));
        IntStream.rangeClosed(1, samples)
                .mapToObj(i -> sample(i)
                        .memoryBytes(usual + (i % 2 == 0 ? deviation : -deviation))
                        .build())
                .forEach(events::add);
        events.add(sample(samples + 1).memoryBytes(last).build());
        return events;
    }

    private static List<Finding> memoryFindings(int samples, long usual, long deviation, long last) {
        return inspect(new Outlier(Outlier.Measure.MEMORY, THRESHOLDS), memory(samples, usual, deviation, last));
    }

    @Test
    void outlier_scoreAtTheThreshold_isANotice() {
        // Of memory that never varied the standard deviation counts as 64 MiB, and nothing is rounded.
        long usual = 512 * MIB;
        long unusual = usual + 3 * 64 * MIB;

        assertThat(memoryFindings(30, usual, 0, unusual - 1)).isEmpty();
        assertThat(memoryFindings(30, usual, 0, unusual))
                .extracting(Finding::kind, Finding::severity)
                .containsExactly(org.assertj.core.groups.Tuple.tuple(AnomalyKinds.UNUSUAL_MEMORY, Severity.NOTICE));
        assertThat(memoryFindings(30, usual, 0, unusual + 1)).hasSize(1);
    }

    @Test
    void outlier_standardDeviation_isThatOfASample() {
        // Of n samples, of which half lie above and half below by the same.
        double deviation = 200 * MIB * Math.sqrt(30 / 29.0);
        long unusual = Math.round(1024 * MIB + 3 * deviation);

        assertThat(memoryFindings(30, 1024 * MIB, 200 * MIB, unusual - 1)).isEmpty();
        assertThat(memoryFindings(30, 1024 * MIB, 200 * MIB, unusual + 1)).hasSize(1);
    }

    @Test
    void outlier_standardDeviation_isAtLeastATenthOfTheMean() {
        long unusual = Math.round(1.3 * 1024 * MIB);

        assertThat(memoryFindings(30, 1024 * MIB, 0, unusual - 1)).isEmpty();
        assertThat(memoryFindings(30, 1024 * MIB, 0, unusual + 1)).hasSize(1);
    }

    @Test
    void outlier_fewerSamples_areNotEnough() {
        assertThat(memoryFindings(29, 1024 * MIB, 0, 1L << 40)).isEmpty();
        assertThat(memoryFindings(30, 1024 * MIB, 0, 1L << 40)).hasSize(1);
        assertThat(memoryFindings(31, 1024 * MIB, 0, 1L << 40)).hasSize(1);
    }

    @Test
    void outlier_twoSamplesOfOneInstant_areNoStep() {
        List<VMEvent> events = new ArrayList<>(memory(30, 1024 * MIB, 0, 1024 * MIB));
        events.add(sample(31).memoryBytes(1L << 40).build());

        assertThat(inspect(new Outlier(Outlier.Measure.MEMORY, THRESHOLDS), events))
                .isEmpty();
    }

    @Test
    void outlier_breathOfAnIdleVM_isNothing() {
        assertThat(inspect(new Outlier(Outlier.Measure.MEMORY, THRESHOLDS), memory(100, 1024 * MIB, 0, 1300 * MIB)))
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

    /** An idle VM and, after 59 samples, a second of something. */
    private static List<Finding> idleAndThen(
            Outlier.Measure measure, long amount, BiConsumer<TrafficSampled.Builder, Long> counter) {
        return inspect(new Outlier(measure, THRESHOLDS), samples(60, 1, i -> i == 60 ? amount : 0, counter));
    }

    @Test
    void outlier_traffic_isThatOfBothDirectionsInASecond() {
        LongFunction<List<Finding>> tenSecondsOf = bytes -> inspect(
                new Outlier(Outlier.Measure.TRAFFIC, THRESHOLDS),
                samples(
                        60,
                        10,
                        i -> i == 60 ? bytes : 0,
                        (sample, total) -> sample.sentBytes(total).receivedBytes(total)));

        assertThat(tenSecondsOf.apply(15 * MIB - 1)).isEmpty();
        assertThat(tenSecondsOf.apply(15 * MIB)).hasSize(1);
    }

    @Test
    void outlier_everyMeasure_findsThreeTimesTheLeastThatMatters() {
        BiConsumer<TrafficSampled.Builder, Long> sent =
                (sample, total) -> sample.sentBytes(total).receivedBytes(0);
        assertThat(idleAndThen(Outlier.Measure.TRAFFIC, 3 * MIB - 1, sent)).isEmpty();
        assertThat(idleAndThen(Outlier.Measure.TRAFFIC, 3 * MIB, sent))
                .extracting(Finding::kind)
                .containsExactly(AnomalyKinds.UNUSUAL_TRAFFIC);
        assertThat(idleAndThen(Outlier.Measure.TRAFFIC, 3 * MIB + 1, sent)).hasSize(1);

        BiConsumer<TrafficSampled.Builder, Long> read =
                (sample, total) -> sample.diskReadBytes(total).diskWrittenBytes(0);
        assertThat(idleAndThen(Outlier.Measure.DISK, 12 * MIB - 1, read)).isEmpty();
        assertThat(idleAndThen(Outlier.Measure.DISK, 12 * MIB, read))
                .extracting(Finding::kind)
                .containsExactly(AnomalyKinds.UNUSUAL_DISK);
        assertThat(idleAndThen(Outlier.Measure.DISK, 12 * MIB + 1, read)).hasSize(1);

        BiConsumer<TrafficSampled.Builder, Long> used =
                (sample, total) -> sample.cpuTime(Duration.ofNanos(total)).vcpus(1);
        assertThat(idleAndThen(Outlier.Measure.CPU, 149_999_999, used)).isEmpty();
        assertThat(idleAndThen(Outlier.Measure.CPU, 150_000_001, used))
                .extracting(Finding::kind)
                .containsExactly(AnomalyKinds.UNUSUAL_CPU);
    }
}
