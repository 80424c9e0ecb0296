package dev.agentvm.monitor;

import dev.agentvm.event.VMEvent;
import java.util.Optional;

/**
 * Looks at the events of one VM, one after the other. Its only clock is the time of the events, and what it remembers is
 * bounded, whatever the guest does. Not thread-safe.
 */
interface Detector {
    /** What is found with this event, and then not again before as much has come anew. */
    Optional<Finding> inspect(VMEvent event);
}
