package dev.agentvm.monitor.report;

import dev.agentvm.InvalidValueException;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMEventListener;
import dev.agentvm.event.VMIdentity;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * Keeps what reports need of the VMs that it hears of, a bounded amount of each. Safe for use by many threads.
 *
 * <pre>{@code
 * SessionRecorder recorder = new SessionRecorder();
 * events.listen(recorder);
 * …
 * recorder.report(vm.id()).orElseThrow().writeTo(Path.of("report.html"));
 * recorder.forget(vm.id());
 * }</pre>
 */
public final class SessionRecorder implements VMEventListener {
    private static final int STANDARD_SESSIONS = 100;

    private final int capacity;
    private final Map<UUID, Session> sessions = new LinkedHashMap<>(16, 0.75f, true);

    /** Keeps the 100 VMs that events came of last. */
    public SessionRecorder() {
        this(STANDARD_SESSIONS);
    }

    /**
     * Keeps so many VMs.
     *
     * @param capacity at least 1; each may take a few megabytes
     * @throws InvalidValueException if it is less
     */
    public SessionRecorder(int capacity) {
        if (capacity < 1) {
            throw new InvalidValueException("capacity", capacity, "must be at least 1");
        }
        this.capacity = capacity;
    }

    @Override
    public synchronized void onEvent(VMEvent event) {
        sessions.computeIfAbsent(event.vm().id(), any -> new Session(event)).add(event);
        if (sessions.size() > capacity) {
            sessions.remove(sessions.keySet().iterator().next());
        }
    }

    /** The VMs that it knows something of, the one first of which it heard last longest ago. */
    public synchronized List<VMIdentity> sessions() {
        return sessions.values().stream().map(Session::vm).toList();
    }

    /** A report of what is known of that VM by now; empty if that is nothing. */
    public synchronized Optional<SessionReport> report(UUID vm) {
        return Optional.ofNullable(sessions.get(vm)).map(SessionReport::of);
    }

    /** Drops what is known of that VM. */
    public synchronized void forget(UUID vm) {
        sessions.remove(vm);
    }
}
