package dev.agentvm.monitor;

import dev.agentvm.event.VMEvent;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import java.util.Optional;

/** Many ports of one address. */
final class PortScan implements Detector {
    private static final int ADDRESSES = 256;

    private final Thresholds thresholds;
    private final Lru<IPv4Address, DistinctOccurrences<Attempts.Service>> addresses = new Lru<>(ADDRESSES);

    PortScan(Thresholds thresholds) {
        this.thresholds = thresholds;
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        return Attempts.byVM(event)
                .filter(attempt -> attempt.flow().destinationPort().isPresent())
                .flatMap(attempt -> inspect(event, attempt.flow()));
    }

    private Optional<Finding> inspect(VMEvent event, Flow flow) {
        return flow.destination()
                .flatMap(address -> addresses
                        .computeIfAbsent(
                                address, any -> new DistinctOccurrences<>(thresholds.portScan(), thresholds.evidence()))
                        .add(Attempts.service(flow), event)
                        .map(evidence -> Finding.alert(
                                AnomalyKinds.PORT_SCAN,
                                "Different ports of " + address + ": " + thresholds.portScan(),
                                evidence)));
    }
}
