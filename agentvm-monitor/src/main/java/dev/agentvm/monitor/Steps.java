package dev.agentvm.monitor;

import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMEvent;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Samples, each against the one before: the counters are totals. */
final class Steps {
    private @Nullable TrafficSampled last;

    /** The step to this event, if it is a sample after another one. */
    Optional<Step> to(VMEvent event) {
        if (!(event instanceof TrafficSampled sample)) {
            return Optional.empty();
        }
        TrafficSampled before = last;
        last = sample;
        return before == null || !sample.time().isAfter(before.time())
                ? Optional.empty()
                : Optional.of(new Step(before, sample));
    }

    record Step(TrafficSampled before, TrafficSampled after) {
        /** How long it took; positive. */
        Duration length() {
            return Duration.between(before.time(), after.time());
        }

        double seconds() {
            return length().toNanos() / 1e9;
        }

        /** How much a counter grew; empty where nobody counts it or it began anew. */
        OptionalLong growth(Function<TrafficSampled, OptionalLong> counter) {
            OptionalLong from = counter.apply(before);
            OptionalLong to = counter.apply(after);
            return from.isPresent() && to.isPresent() && to.getAsLong() >= from.getAsLong()
                    ? OptionalLong.of(to.getAsLong() - from.getAsLong())
                    : OptionalLong.empty();
        }

        /** The share of its virtual CPUs that the VM used, 0 to about 1. */
        OptionalDouble cpuShare() {
            OptionalLong nanos = growth(sample -> sample.cpuTime()
                    .map(time -> OptionalLong.of(time.toNanos()))
                    .orElse(OptionalLong.empty()));
            return nanos.isPresent() && after.vcpus().isPresent()
                    ? OptionalDouble.of(
                            (double) nanos.getAsLong() / after.vcpus().getAsInt() / length().toNanos())
                    : OptionalDouble.empty();
        }
    }
}
