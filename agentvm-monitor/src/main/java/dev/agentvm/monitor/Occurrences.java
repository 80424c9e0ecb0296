package dev.agentvm.monitor;

import dev.agentvm.event.VMEvent;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/** Counts events: whether as many as a rate says came within its time. Remembers no more of them than that. */
final class Occurrences {
    private final Rate rate;
    private final Deque<Instant> times = new ArrayDeque<>();
    private final Evidence evidence;

    Occurrences(Rate rate, int evidence) {
        this.rate = rate;
        this.evidence = new Evidence(evidence);
    }

    /** The latest of the events, if the rate is reached; counting then begins anew. */
    Optional<List<VMEvent>> add(VMEvent event) {
        times.add(event.time());
        evidence.add(event);
        if (times.size() > rate.amount()) {
            times.remove();
        }
        // A clock that was set back makes this negative; what is far in the future counts as far away.
        Duration span = Duration.between(times.getFirst(), event.time()).abs();
        if (times.size() < rate.amount() || span.compareTo(rate.within()) > 0) {
            return Optional.empty();
        }
        times.clear();
        return Optional.of(evidence.take());
    }
}
