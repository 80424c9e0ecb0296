package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.ConnectionAllowed;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.ConnectionClosed;
import dev.agentvm.event.ConnectionClosed.Answer;
import dev.agentvm.event.ConnectionDenied;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.NameResolved;
import dev.agentvm.event.ObservationLimited;
import dev.agentvm.libvirt.internal.capture.Exchanges.Part;
import dev.agentvm.libvirt.internal.capture.Exchanges.Sighting;
import dev.agentvm.network.Flow;
import dev.agentvm.network.Flow.Direction;
import dev.agentvm.network.Verdict;
import dev.agentvm.spi.VMEventSource;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Tells what is seen on the tap of one VM. Not thread-safe. */
final class Observer {
    private static final int DNS_PORT = 53;
    private static final int ECHO_REQUEST = 8;
    /** A policy that is not kept makes one alert in that time, not one for each frame. */
    private static final long QUIET_NANOS = Duration.ofSeconds(10).toNanos();

    private final VMEventSource events;
    private final Judge judge;
    private final ConnectionCounters counters;
    private final Names names = new Names();
    private @Nullable Long alertedNanos;
    private long unalerted;

    Observer(VMEventSource events, Judge judge, ConnectionCounters counters) {
        this.events = events;
        this.judge = judge;
        this.counters = counters;
    }

    /** Something was tried. */
    void begun(Exchange exchange, Instant time, Verdict verdict, Optional<Object> version, long nanos) {
        ConnectionAttempted attempt =
                ConnectionAttempted.of(time, events.vm(), exchange.flow(), verdict, names.of(exchange.flow()));
        exchange.attempt(attempt, version);
        events.publish(attempt);
        if (!verdict.allowed()
                && version.isPresent()
                && exchange.flow().direction() == Direction.TO_VM
                && isSentToTheVM(exchange)) {
            contradicted(attempt, "it reached the VM", nanos);
        }
    }

    /**
     * Other frames may be strays of an exchange whose beginning was not seen, or be sent by the host without a filter.
     */
    private static boolean isSentToTheVM(Exchange exchange) {
        Flow flow = exchange.flow();
        return switch (flow.ipProtocol().orElse(-1)) {
            case Flow.TCP -> exchange.beginsConnection();
            case Flow.UDP -> !exchange.isLate();
            case Flow.ICMP -> flow.icmpType().orElse(-1) == ECHO_REQUEST;
            default -> false;
        };
    }

    /** More was seen of an exchange. */
    void more(Sighting sighting, Headers.@Nullable Tcp tcp, ByteBuffer frame, long nanos) {
        Exchange exchange = sighting.exchange();
        if (sighting.part() == Part.ERROR) {
            exchange.answered(Answer.REFUSED);
            over(exchange, true);
            return;
        }
        boolean answer = sighting.part() == Part.ANSWER;
        if (answer) {
            boolean refuses = tcp != null && tcp.resets();
            exchange.answered(refuses ? Answer.REFUSED : Answer.ANSWERED);
            exchange.attempt()
                    .filter(attempt -> attempt instanceof ConnectionDenied && isCertain(exchange))
                    .filter(attempt -> attempt.flow().direction() == Direction.FROM_VM && exchange.contradict())
                    .ifPresent(attempt -> contradicted(attempt, "it was answered", nanos));
            resolve(exchange, frame);
        }
        if (tcp != null && (tcp.resets() || (tcp.finishes() && exchange.finished(!answer)))) {
            over(exchange, true);
        }
    }

    /** While a policy is being changed, what the host does is not yet what the policy says. */
    private boolean isCertain(Exchange exchange) {
        return exchange.isJudgedBy(judge.version());
    }

    private void contradicted(ConnectionAttempted denied, String what, long nanos) {
        if (alertedNanos != null && nanos - alertedNanos < QUIET_NANOS) {
            unalerted++;
            return;
        }
        alertedNanos = nanos;
        events.publish(new AnomalyDetected.Builder()
                .time(events.now())
                .vm(events.vm())
                .kind(AnomalyDetected.POLICY_CONTRADICTED)
                .severity(AnomalyDetected.Severity.ALERT)
                .message("the policy denies " + denied.flow() + ", but " + what
                        + (unalerted == 0 ? "" : "; so it was with " + unalerted + " others since the last alert"))
                .addEvidence(denied)
                .build());
        unalerted = 0;
    }

    private void resolve(Exchange exchange, ByteBuffer frame) {
        Flow flow = exchange.flow();
        boolean asked = flow.direction() == Direction.FROM_VM
                && flow.ipProtocol().orElse(-1) == Flow.UDP
                && flow.destinationPort().orElse(-1) == DNS_PORT;
        if (asked
                && exchange.attempt()
                        .filter(ConnectionAllowed.class::isInstance)
                        .isPresent()) {
            DnsAnswer.ofFrame(frame).ifPresent(this::resolved);
        }
    }

    private void resolved(DnsAnswer answer) {
        names.learn(answer);
        events.publish(new NameResolved.Builder()
                .time(events.now())
                .vm(events.vm())
                .query(answer.query())
                .type(answer.type())
                .responseCode(answer.responseCode())
                .addresses(answer.addresses())
                .ttl(answer.ttl())
                .build());
    }

    /** It is over, which is told of those that were allowed. */
    void over(Exchange exchange, boolean endSeen) {
        if (!exchange.end() || !(exchange.attempt().orElse(null) instanceof ConnectionAllowed allowed)) {
            return;
        }
        ConnectionClosed.Builder closed = new ConnectionClosed.Builder()
                .time(events.now())
                .vm(events.vm())
                .connection(allowed.id())
                .flow(allowed.flow())
                .name(allowed.name())
                .answer(exchange.answer());
        counters.of(allowed.flow())
                .ifPresent(bytes -> closed.sentBytes(bytes.sent()).receivedBytes(bytes.received()));
        if (endSeen) {
            closed.duration(exchange.duration());
        }
        events.publish(closed.build());
    }

    /** Frames went by unread. */
    void lost(long frames, Instant since) {
        if (frames > 0) {
            events.publish(new EventsLost.Builder()
                    .time(events.now())
                    .vm(events.vm())
                    .cause(EventsLost.Cause.CAPTURE)
                    .count(frames)
                    .since(since)
                    .build());
        }
    }

    /** Nothing more will be seen, although the VM goes on. */
    void limited(String reason) {
        events.publish(new ObservationLimited.Builder()
                .time(events.now())
                .vm(events.vm())
                .reason(reason)
                .build());
    }
}
