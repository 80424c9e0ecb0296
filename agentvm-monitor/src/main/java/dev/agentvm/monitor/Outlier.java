package dev.agentvm.monitor;

import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMEvent;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.function.Function;

/**
 * Far more of something than this VM used to take. A VM that was idle would make every breath unusual, so the standard
 * deviation counts as no less than a tenth of the mean and the least that matters of the measure.
 */
final class Outlier implements Detector {
    private static final double LEAST_SHARE_OF_MEAN = 0.1;
    private static final double MIB = 1024 * 1024;

    private final Measure measure;
    private final Thresholds thresholds;
    private final Steps steps = new Steps();
    // Welford's method: mean and sum of squared distances of all samples so far.
    private long count;
    private double mean;
    private double squares;

    /** What is measured: of a step, in a unit, and the least standard deviation. */
    enum Measure {
        CPU(AnomalyKinds.UNUSUAL_CPU, "CPUs busy", 0.05, Steps.Step::cpuShare),
        MEMORY(AnomalyKinds.UNUSUAL_MEMORY, "bytes of memory", 64 * MIB, step -> {
            OptionalLong bytes = step.after().memoryBytes();
            return bytes.isPresent() ? OptionalDouble.of((double) bytes.getAsLong()) : OptionalDouble.empty();
        }),
        TRAFFIC(
                AnomalyKinds.UNUSUAL_TRAFFIC,
                "bytes of traffic per second",
                MIB,
                step -> perSecond(step, TrafficSampled::receivedBytes, TrafficSampled::sentBytes)),
        DISK(
                AnomalyKinds.UNUSUAL_DISK,
                "bytes read from and written to disks per second",
                4 * MIB,
                step -> perSecond(step, TrafficSampled::diskReadBytes, TrafficSampled::diskWrittenBytes));

        private final String kind;
        private final String unit;
        private final double leastDeviation;
        private final Function<Steps.Step, OptionalDouble> value;

        Measure(String kind, String unit, double leastDeviation, Function<Steps.Step, OptionalDouble> value) {
            this.kind = kind;
            this.unit = unit;
            this.leastDeviation = leastDeviation;
            this.value = value;
        }

        private static OptionalDouble perSecond(
                Steps.Step step,
                Function<TrafficSampled, OptionalLong> one,
                Function<TrafficSampled, OptionalLong> other) {
            OptionalLong first = step.growth(one);
            OptionalLong second = step.growth(other);
            return first.isPresent() && second.isPresent()
                    ? OptionalDouble.of(((double) first.getAsLong() + second.getAsLong()) / step.seconds())
                    : OptionalDouble.empty();
        }
    }

    Outlier(Measure measure, Thresholds thresholds) {
        this.measure = measure;
        this.thresholds = thresholds;
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        return steps.to(event).flatMap(step -> {
            OptionalDouble value = measure.value.apply(step);
            return value.isPresent() ? inspect(step, value.getAsDouble()) : Optional.empty();
        });
    }

    private Optional<Finding> inspect(Steps.Step step, double value) {
        double score = count < thresholds.outlierSamples() ? 0 : (value - mean) / deviation();
        double usual = mean;
        count++;
        double distance = value - mean;
        mean += distance / count;
        squares += distance * (value - mean);
        return score >= thresholds.outlierScore()
                ? Optional.of(Finding.notice(
                        measure.kind,
                        String.format(
                                Locale.ROOT,
                                "%.2f %s, %.1f standard deviations above the usual %.2f",
                                value,
                                measure.unit,
                                score,
                                usual),
                        List.of(step.before(), step.after())))
                : Optional.empty();
    }

    private double deviation() {
        return Math.max(Math.sqrt(squares / (count - 1)), Math.max(measure.leastDeviation, LEAST_SHARE_OF_MEAN * mean));
    }
}
