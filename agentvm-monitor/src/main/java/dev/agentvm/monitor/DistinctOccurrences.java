package dev.agentvm.monitor;

import dev.agentvm.event.VMEvent;
import java.time.Duration;
import java.time.Instant;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Counts different things: whether as many as a rate says came within its time. Remembers no more of them than that. */
final class DistinctOccurrences<K> {
    private final Rate rate;
    /** When each was last seen, the longest ago first. */
    private final Map<K, Instant> lastSeen = new LinkedHashMap<>();

    private final Evidence evidence;

    DistinctOccurrences(Rate rate, int evidence) {
        this.rate = rate;
        this.evidence = new Evidence(evidence);
    }

    /** The latest events that showed something new, if the rate is reached; counting then begins anew. */
    Optional<List<VMEvent>> add(K key, VMEvent event) {
        if (lastSeen.remove(key) == null) {
            evidence.add(event);
        }
        lastSeen.put(key, event.time());
        forget(event.time());
        if (lastSeen.size() < rate.amount()) {
            return Optional.empty();
        }
        lastSeen.clear();
        evidence.forgetBefore(event.time().minus(rate.within()));
        return Optional.of(evidence.take());
    }

    private void forget(Instant now) {
        Iterator<Instant> times = lastSeen.values().iterator();
        while (times.hasNext() && Duration.between(times.next(), now).abs().compareTo(rate.within()) > 0) {
            times.remove();
        }
    }
}
