package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.network.ConnectionAttempt;
import dev.agentvm.network.ConnectionLog;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/** A {@link ConnectionLog} that is written: to add an attempt copies none of the others. Safe for use by many threads. */
final class AttemptLog {
    private final Deque<ConnectionAttempt> attempts = new ArrayDeque<>();
    private long forgotten;
    private long lost;
    private Optional<String> limitation = Optional.empty();

    /** As it is now. */
    synchronized ConnectionLog log() {
        return new ConnectionLog(List.copyOf(attempts), forgotten, lost, limitation);
    }

    /** The earliest is forgotten if there are as many as are kept. */
    synchronized void add(ConnectionAttempt attempt) {
        attempts.add(attempt);
        if (attempts.size() > ConnectionLog.MAX_ATTEMPTS) {
            attempts.remove();
            forgotten++;
        }
    }

    synchronized void addLost(long frames) {
        lost += frames;
    }

    synchronized long lost() {
        return lost;
    }

    synchronized void limit(String reason) {
        limitation = Optional.of(reason);
    }
}
