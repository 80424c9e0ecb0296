package dev.agentvm.monitor;

import dev.agentvm.event.ConnectionAllowed;
import dev.agentvm.event.VMEvent;
import java.util.Optional;

/** Many connections. Questions for names have detectors of their own. */
final class ConnectionRate implements Detector {
    private final Rate rate;
    private final Occurrences connections;

    ConnectionRate(Thresholds thresholds) {
        rate = thresholds.connections();
        connections = new Occurrences(rate, thresholds.evidence());
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        return Attempts.byVM(event)
                .filter(attempt -> attempt instanceof ConnectionAllowed)
                .filter(attempt -> attempt.flow().destinationPort().orElse(-1) != Attempts.DNS_PORT)
                .flatMap(attempt -> connections.add(event))
                .map(evidence -> Finding.notice(AnomalyKinds.CONNECTION_RATE, "Connections: " + rate, evidence));
    }
}
