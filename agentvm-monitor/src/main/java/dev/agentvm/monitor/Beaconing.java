package dev.agentvm.monitor;

import dev.agentvm.event.ConnectionAllowed;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.VMEvent;
import dev.agentvm.network.Flow;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * TCP connections to one place at regular times. Who asks a service by its name how a build goes does that too; an
 * address without a name that no rule of the policy names points to a guest that calls home.
 */
final class Beaconing implements Detector {
    private static final int PLACES = 256;

    private final Thresholds thresholds;
    private final Lru<Place, Calls> places = new Lru<>(PLACES);

    private record Place(String host, int port) {}

    private static final class Calls {
        private final Deque<Instant> times = new ArrayDeque<>();
        private final Evidence evidence;

        Calls(int evidence) {
            this.evidence = new Evidence(evidence);
        }
    }

    Beaconing(Thresholds thresholds) {
        this.thresholds = thresholds;
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        return Attempts.byVM(event)
                .filter(attempt -> attempt instanceof ConnectionAllowed
                        && attempt.flow().ipProtocol().orElse(-1) == Flow.TCP)
                .flatMap(this::inspect);
    }

    private Optional<Finding> inspect(ConnectionAttempted attempt) {
        Flow flow = attempt.flow();
        String host = attempt.name()
                .or(flow::destinationName)
                .or(() -> flow.destination().map(Object::toString))
                .orElse("");
        Place place = new Place(host, flow.destinationPort().orElse(-1));
        Calls calls = places.computeIfAbsent(place, any -> new Calls(thresholds.evidence()));
        calls.times.add(attempt.time());
        calls.evidence.add(attempt);
        if (calls.times.size() > thresholds.beaconIntervals() + 1) {
            calls.times.remove();
        }
        if (calls.times.size() <= thresholds.beaconIntervals()) {
            return Optional.empty();
        }
        return regular(List.copyOf(calls.times)).map(mean -> {
            calls.evidence.forgetBefore(calls.times.getFirst());
            calls.times.clear();
            String message =
                    String.format(Locale.ROOT, "Connections to %s port %d every %.1f seconds", host, place.port, mean);
            List<VMEvent> evidence = calls.evidence.take();
            boolean anonymous = attempt.name().isEmpty() && !namedByPolicy(attempt);
            return anonymous
                    ? Finding.alert(AnomalyKinds.BEACONING, message, evidence)
                    : Finding.notice(AnomalyKinds.BEACONING, message, evidence);
        });
    }

    private static boolean namedByPolicy(ConnectionAttempted attempt) {
        return attempt.verdict()
                .rule()
                .filter(rule -> !rule.destinations().isEmpty())
                .isPresent();
    }

    /** The mean interval in seconds, if the intervals are regular and neither too short nor too long. */
    private Optional<Double> regular(List<Instant> times) {
        double[] seconds = new double[times.size() - 1];
        double mean = 0;
        for (int i = 0; i < seconds.length; i++) {
            seconds[i] = Duration.between(times.get(i), times.get(i + 1)).toNanos() / 1e9;
            mean += seconds[i] / seconds.length;
        }
        if (mean < thresholds.beaconShortest().toNanos() / 1e9
                || mean > thresholds.beaconLongest().toNanos() / 1e9) {
            return Optional.empty();
        }
        double squares = 0;
        for (double interval : seconds) {
            squares += (interval - mean) * (interval - mean);
        }
        double variation = Math.sqrt(squares / seconds.length) / mean;
        return variation <= thresholds.beaconJitter() ? Optional.of(mean) : Optional.empty();
    }
}
