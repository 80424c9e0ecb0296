package dev.agentvm.monitor;

import dev.agentvm.event.EventsLost;
import dev.agentvm.event.ObservationLimited;
import dev.agentvm.event.VMEvent;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** What is missing: the other detectors may be blind then, and a guest that floods its network may mean them to be. */
final class ObservationLost implements Detector {
    private static final Rate REPEATED = new Rate(5, Duration.ofMinutes(1));

    private final Occurrences losses;

    ObservationLost(Thresholds thresholds) {
        losses = new Occurrences(REPEATED, thresholds.evidence());
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        if (event instanceof ObservationLimited limited) {
            return Optional.of(Finding.notice(
                    AnomalyKinds.OBSERVATION_LOST, "Not everything is seen: " + limited.reason(), List.of(event)));
        }
        if (!(event instanceof EventsLost lost)) {
            return Optional.empty();
        }
        return losses.add(event)
                .map(evidence -> Finding.alert(
                        AnomalyKinds.OBSERVATION_LOST, "Something is missing again and again: " + REPEATED, evidence))
                .or(() -> Optional.of(Finding.notice(
                        AnomalyKinds.OBSERVATION_LOST,
                        "Missing: " + lost.count() + " (" + lost.cause().name().toLowerCase(Locale.ROOT) + ")",
                        List.of(event))));
    }
}
