package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.network.ConnectionAttempt;
import dev.agentvm.network.ConnectionLog;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;

/** The latest attempts of one VM. Safe for use by many threads. */
final class AttemptLog {
    private final ArrayDeque<ConnectionAttempt> attempts = new ArrayDeque<>();
    private long forgotten;
    private long lost;
    private Optional<String> limitation = Optional.empty();

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

    /** From now on there is nothing more, for that reason. */
    synchronized void limit(String reason) {
        limitation = Optional.of(reason);
    }

    synchronized ConnectionLog read() {
        return new ConnectionLog(List.copyOf(attempts), forgotten, lost, limitation);
    }
}
