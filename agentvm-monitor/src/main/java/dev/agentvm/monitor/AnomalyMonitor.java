package dev.agentvm.monitor;

import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.LaunchFailed;
import dev.agentvm.event.Registration;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMDied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMEventListener;
import dev.agentvm.event.VMEvents;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * Looks for anomalies in what happens to VMs, each VM for itself, and tells of them as {@link AnomalyDetected}:
 *
 * <pre>{@code
 * try (Registration detection = AnomalyMonitor.attach(events)) {
 *     events.listen(event -> { if (event instanceof AnomalyDetected anomaly) { … } });
 * }
 * }</pre>
 *
 * <p>Its clock is the time of the events. What it remembers of a VM is bounded, and is dropped when the VM goes. Safe for
 * use by many threads.
 */
public final class AnomalyMonitor implements VMEventListener {
    private static final int MAX_VMS = 4096;

    private final Thresholds thresholds;
    private final Consumer<? super AnomalyDetected> sink;
    private final Map<UUID, Watch> watches = new Lru<>(MAX_VMS);
    /** What still comes of VMs that are gone does not bring them back. */
    private final Map<UUID, Boolean> gone = new Lru<>(MAX_VMS);

    /**
     * A monitor for those who bring events themselves.
     *
     * @param sink is given each anomaly, by the thread that calls {@link #onEvent}
     */
    public AnomalyMonitor(Thresholds thresholds, Consumer<? super AnomalyDetected> sink) {
        this.thresholds = Objects.requireNonNull(thresholds, "thresholds");
        this.sink = Objects.requireNonNull(sink, "sink");
    }

    /** Looks at all events from now on, with {@link Thresholds#standard}, and publishes anomalies among them. */
    public static Registration attach(VMEvents events) {
        return attach(events, Thresholds.standard());
    }

    /** Looks at all events from now on and publishes anomalies among them. */
    public static Registration attach(VMEvents events, Thresholds thresholds) {
        return events.listen(new AnomalyMonitor(thresholds, events::publish));
    }

    @Override
    public void onEvent(VMEvent event) {
        findings(event)
                .forEach(finding -> sink.accept(new AnomalyDetected.Builder()
                        .time(event.time())
                        .vm(event.vm())
                        .kind(finding.kind())
                        .severity(finding.severity())
                        .message(finding.message())
                        .addAllEvidence(finding.evidence())
                        .build()));
    }

    private synchronized List<Finding> findings(VMEvent event) {
        UUID vm = event.vm().id();
        if (event instanceof VMClosed || event instanceof VMDied || event instanceof LaunchFailed) {
            watches.remove(vm);
            gone.put(vm, true);
        }
        return gone.containsKey(vm)
                ? List.of()
                : watches.computeIfAbsent(vm, any -> new Watch(thresholds)).inspect(event);
    }

    /** How many VMs it remembers something of. */
    synchronized int watched() {
        return watches.size();
    }
}
