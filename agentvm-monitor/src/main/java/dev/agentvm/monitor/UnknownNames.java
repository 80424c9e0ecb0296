package dev.agentvm.monitor;

import dev.agentvm.event.NameResolved;
import dev.agentvm.event.VMEvent;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Questions for many names that do not exist, as a program asks that guesses where its master is. */
final class UnknownNames implements Detector {
    private final Rate rate;
    private final DistinctOccurrences<UUID> unknown;
    private final DistinctOccurrences<UUID> known;
    /** When there last were as many names that do exist. */
    private @Nullable Instant manyKnown;

    UnknownNames(Thresholds thresholds) {
        rate = thresholds.unknownNames();
        unknown = new DistinctOccurrences<>(rate, thresholds.evidence());
        known = new DistinctOccurrences<>(rate, 1);
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        if (!(event instanceof NameResolved answer)
                || DnsName.of(answer.query()).isReverse()) {
            return Optional.empty();
        }
        UUID digest = UUID.nameUUIDFromBytes(answer.query().getBytes(StandardCharsets.UTF_8));
        if (answer.responseCode() != NameResolved.NX_DOMAIN) {
            known.add(digest, event).ifPresent(evidence -> manyKnown = event.time());
            return Optional.empty();
        }
        return unknown.add(digest, event)
                .filter(evidence -> !askedForManyKnown(event.time()))
                .map(evidence -> Finding.alert(
                        AnomalyKinds.UNKNOWN_NAMES, "Different names that do not exist: " + rate, evidence));
    }

    private boolean askedForManyKnown(Instant now) {
        return manyKnown != null && Duration.between(manyKnown, now).abs().compareTo(rate.within()) <= 0;
    }
}
