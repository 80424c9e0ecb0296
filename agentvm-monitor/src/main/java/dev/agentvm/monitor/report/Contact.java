package dev.agentvm.monitor.report;

import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.ConnectionClosed;
import dev.agentvm.network.Flow;
import dev.agentvm.network.Verdict;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Supplier;

/** Whom a VM talked to, or tried to, about what. Not thread-safe. */
final class Contact {
    private final Key key;
    private final Verdict verdict;
    private final Instant first;
    private Instant last;
    private long count;
    private OptionalLong sent = OptionalLong.empty();
    private OptionalLong received = OptionalLong.empty();

    record Key(Flow.Direction direction, String peer, String service, boolean allowed) {
        static Key of(ConnectionAttempted attempt) {
            return new Key(
                    attempt.flow().direction(),
                    Describe.peer(attempt.flow(), attempt.name()),
                    Describe.service(attempt.flow()),
                    attempt.verdict().allowed());
        }

        static Key of(ConnectionClosed closed) {
            return new Key(
                    closed.flow().direction(),
                    Describe.peer(closed.flow(), closed.name()),
                    Describe.service(closed.flow()),
                    true);
        }
    }

    Contact(ConnectionAttempted attempt) {
        key = Key.of(attempt);
        verdict = attempt.verdict();
        first = attempt.time();
        last = attempt.time();
    }

    void add(ConnectionAttempted attempt) {
        count++;
        last = attempt.time();
    }

    void add(ConnectionClosed closed) {
        sent = sum(sent, closed::sentBytes);
        received = sum(received, closed::receivedBytes);
    }

    private static OptionalLong sum(OptionalLong total, Supplier<OptionalLong> more) {
        return more.get().isPresent()
                ? OptionalLong.of(total.orElse(0) + more.get().getAsLong())
                : total;
    }

    Key key() {
        return key;
    }

    Verdict verdict() {
        return verdict;
    }

    /** The rule or the clause that decided. */
    String decidedBy() {
        return Optional.<Object>empty()
                .or(verdict::rule)
                .or(() -> verdict.clause().map(clause -> "floor: " + clause))
                .map(Object::toString)
                .orElse(verdict.reason());
    }

    Instant first() {
        return first;
    }

    Instant last() {
        return last;
    }

    long count() {
        return count;
    }

    OptionalLong sent() {
        return sent;
    }

    OptionalLong received() {
        return received;
    }
}
