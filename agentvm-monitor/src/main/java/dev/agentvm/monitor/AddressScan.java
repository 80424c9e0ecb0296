package dev.agentvm.monitor;

import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.ConnectionDenied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.network.IPv4Address;
import java.util.Optional;

/**
 * One port of many addresses. Addresses that a name stands for and that are allowed do not count: those who crawl the
 * web go by names, those who scan go by numbers.
 */
final class AddressScan implements Detector {
    private static final int SERVICES = 256;

    private final Thresholds thresholds;
    private final Lru<Attempts.Service, DistinctOccurrences<IPv4Address>> services = new Lru<>(SERVICES);

    AddressScan(Thresholds thresholds) {
        this.thresholds = thresholds;
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        return Attempts.byVM(event)
                .filter(attempt ->
                        attempt instanceof ConnectionDenied || attempt.name().isEmpty())
                .flatMap(this::inspect);
    }

    private Optional<Finding> inspect(ConnectionAttempted attempt) {
        Attempts.Service service = Attempts.service(attempt.flow());
        return attempt.flow()
                .destination()
                .flatMap(address -> services.computeIfAbsent(
                                service,
                                any -> new DistinctOccurrences<>(thresholds.addressScan(), thresholds.evidence()))
                        .add(address, attempt)
                        .map(evidence -> Finding.alert(
                                AnomalyKinds.ADDRESS_SCAN,
                                service + " of different addresses: " + thresholds.addressScan(),
                                evidence)));
    }
}
