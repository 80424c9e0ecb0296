package dev.agentvm.monitor;

import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMEvent;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** All virtual CPUs busy for long. */
final class SustainedCpu implements Detector {
    private final double share;
    private final Duration time;
    private final Steps steps = new Steps();
    /** The sample since which all have been busy. */
    private @Nullable TrafficSampled since;

    SustainedCpu(Thresholds thresholds) {
        share = thresholds.cpuShare();
        time = thresholds.cpuTime();
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        return steps.to(event).flatMap(this::inspect);
    }

    private Optional<Finding> inspect(Steps.Step step) {
        TrafficSampled first = since == null ? step.before() : since;
        if (step.cpuShare().isEmpty() || step.cpuShare().getAsDouble() < share) {
            since = null;
            return Optional.empty();
        }
        since = first;
        Duration busy = Duration.between(first.time(), step.after().time());
        if (busy.compareTo(time) < 0) {
            return Optional.empty();
        }
        since = null;
        return Optional.of(Finding.notice(
                AnomalyKinds.SUSTAINED_CPU,
                "Used at least " + Math.round(share * 100) + " % of its virtual CPUs for " + busy,
                List.of(first, step.after())));
    }
}
