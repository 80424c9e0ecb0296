package dev.agentvm.monitor;

import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.VMEvent;
import java.util.List;

/** What a detector says of one VM; the monitor makes an event of it. */
record Finding(String kind, Severity severity, String message, List<VMEvent> evidence) {
    static Finding notice(String kind, String message, List<VMEvent> evidence) {
        return new Finding(kind, Severity.NOTICE, message, evidence);
    }

    static Finding alert(String kind, String message, List<VMEvent> evidence) {
        return new Finding(kind, Severity.ALERT, message, evidence);
    }
}
