package dev.agentvm.monitor;

import dev.agentvm.event.VMEvent;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/** The latest of the events that a detector counts. */
final class Evidence {
    private final int capacity;
    private final Deque<VMEvent> events = new ArrayDeque<>();

    Evidence(int capacity) {
        this.capacity = capacity;
    }

    void add(VMEvent event) {
        events.add(event);
        if (events.size() > capacity) {
            events.remove();
        }
    }

    /** They are forgotten here. */
    List<VMEvent> take() {
        List<VMEvent> taken = List.copyOf(events);
        events.clear();
        return taken;
    }

    /** Forgets what is too old to show anything. */
    void forgetBefore(Instant oldest) {
        while (!events.isEmpty() && events.getFirst().time().isBefore(oldest)) {
            events.remove();
        }
    }
}
