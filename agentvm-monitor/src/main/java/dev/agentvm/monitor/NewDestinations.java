package dev.agentvm.monitor;

import dev.agentvm.event.ConnectionAllowed;
import dev.agentvm.event.VMEvent;
import dev.agentvm.network.IPv4Address;
import java.util.Optional;

/** Many addresses that the VM had not talked to before. */
final class NewDestinations implements Detector {
    static final int REMEMBERED = 4096;

    private final Rate rate;
    private final Lru<IPv4Address, Boolean> known = new Lru<>(REMEMBERED);
    private final Occurrences arrivals;

    NewDestinations(Thresholds thresholds) {
        rate = thresholds.newDestinations();
        arrivals = new Occurrences(rate, thresholds.evidence());
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        return Attempts.byVM(event)
                .filter(attempt -> attempt instanceof ConnectionAllowed)
                .flatMap(attempt -> attempt.flow().destination())
                .filter(address -> known.put(address, true) == null)
                .flatMap(address -> arrivals.add(event))
                .map(evidence -> Finding.notice(
                        AnomalyKinds.NEW_DESTINATIONS, "Addresses not talked to before: " + rate, evidence));
    }
}
