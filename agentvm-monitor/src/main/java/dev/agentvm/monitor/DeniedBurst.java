package dev.agentvm.monitor;

import dev.agentvm.event.ConnectionDenied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import java.util.List;
import java.util.Optional;

/** Much that is denied: often the same is a program that tries again, much that is different is a guest that probes. */
final class DeniedBurst implements Detector {
    private final Rate attemptRate;
    private final Rate targetRate;
    private final Occurrences attempts;
    private final DistinctOccurrences<Target> targets;

    private record Target(Optional<IPv4Address> address, Attempts.Service service) {}

    DeniedBurst(Thresholds thresholds) {
        attemptRate = thresholds.deniedAttempts();
        targetRate = thresholds.deniedTargets();
        attempts = new Occurrences(attemptRate, thresholds.evidence());
        targets = new DistinctOccurrences<>(targetRate, thresholds.evidence());
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        return Attempts.byVM(event)
                .filter(attempt -> attempt instanceof ConnectionDenied)
                .flatMap(attempt -> inspect(event, attempt.flow()));
    }

    private Optional<Finding> inspect(VMEvent event, Flow flow) {
        Optional<List<VMEvent>> many = attempts.add(event);
        Optional<List<VMEvent>> different = targets.add(new Target(flow.destination(), Attempts.service(flow)), event);
        return different
                .map(evidence -> Finding.alert(
                        AnomalyKinds.DENIED_BURST, "Denied attempts at different targets: " + targetRate, evidence))
                .or(() -> many.map(evidence ->
                        Finding.notice(AnomalyKinds.DENIED_BURST, "Denied attempts: " + attemptRate, evidence)));
    }
}
