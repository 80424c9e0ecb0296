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
import dev.agentvm.event.VMEvent;
import dev.agentvm.libvirt.internal.capture.Exchanges.Part;
import dev.agentvm.libvirt.internal.capture.Exchanges.Sighting;
import dev.agentvm.network.Flow;
import dev.agentvm.network.Flow.Direction;
import dev.agentvm.network.Verdict;
import dev.agentvm.spi.VMEventSource;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Tells what is seen on the tap of one VM. Not thread-safe. */
final class Observer {
    private static final int DNS_PORT = 53;
    private static final int ECHO_REQUEST = 8;
    /** A policy that is not kept makes one alert in that time, not one for each frame. */
    private static final long QUIET_NANOS = Duration.ofSeconds(10).toNanos();

    /**
     * What is told of one VM in a second, of attempts and answers of name servers, and in a burst before. It is more
     * than honest work makes, and as much as listeners and their logs can take of a guest that floods.
     */
    private static final int TOLD_PER_SECOND = 2_500;

    private static final int TOLD_AT_ONCE = 10_000;
    /** Who was told that a connection ends may go on all the same; the kernel's connection tracking knows by then. */
    private static final long SETTLED_NANOS = Duration.ofSeconds(2).toNanos();

    private final VMEventSource events;
    private final Judge judge;
    private final ConnectionCounters counters;
    private final Names names = new Names();
    private final TokenBucket bucket = new TokenBucket(TOLD_AT_ONCE, TOLD_PER_SECOND);
    private final Missing leftOut;
    private final Missing unread;
    /** The earliest first. */
    private final Deque<Exchange> ending = new ArrayDeque<>();

    private @Nullable Long alertedNanos;
    private long unalerted;

    Observer(VMEventSource events, Judge judge, ConnectionCounters counters) {
        this.events = events;
        this.judge = judge;
        this.counters = counters;
        this.leftOut = new Missing(EventsLost.Cause.RATE, events);
        this.unread = new Missing(EventsLost.Cause.CAPTURE, events);
    }

    /** Something was tried. */
    void begun(Exchange exchange, Instant time, Verdict verdict, Optional<Object> version, long nanos) {
        ConnectionAttempted attempt =
                ConnectionAttempted.of(time, events.vm(), exchange.flow(), verdict, names.of(exchange.flow()));
        exchange.attempt(attempt, version);
        if (!tell(attempt, nanos)) {
            // Nor is its end told then.
            boolean unused = exchange.end();
        }
        if (!verdict.allowed()
                && version.isPresent()
                && exchange.flow().direction() == Direction.TO_VM
                && isSentToTheVM(exchange)) {
            contradicted(attempt, "it reached the VM", nanos);
        }
    }

    /** Tells what a guest can make many of, as far as it does not make too many. */
    private boolean tell(VMEvent event, long nanos) {
        boolean told = bucket.take(nanos);
        if (told) {
            events.publish(event);
        } else {
            leftOut.add(1, event.time());
        }
        return told;
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
            if (!exchange.isAnswered()) {
                exchange.answered(Answer.REFUSED);
                ending(exchange, nanos);
            }
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
            resolve(exchange, frame, nanos);
        }
        if (tcp != null && (tcp.resets() || (tcp.finishes() && exchange.finished(!answer)))) {
            ending(exchange, nanos);
        }
    }

    /** Somebody says that it ends; both sides may have agreed to say so and go on. */
    private void ending(Exchange exchange, long nanos) {
        if (isAllowed(exchange) && exchange.ending(nanos)) {
            ending.add(exchange);
        }
    }

    /** Tells of the ends that have proved true by now, and of what is missing. */
    void settle(long nanos) {
        for (Exchange next = ending.peek(); next != null; next = ending.peek()) {
            boolean open = next.isEnding() && !next.isOver();
            if (open && !next.isEnding(nanos, SETTLED_NANOS)) {
                break;
            }
            ending.remove();
            if (open) {
                settle(next);
            }
        }
        leftOut.tell(nanos);
        unread.tell(nanos);
    }

    private void settle(Exchange exchange) {
        Optional<ConnectionCounters.Bytes> counted = counters.of(exchange.flow());
        boolean tcp = exchange.flow().ipProtocol().orElse(-1) == Flow.TCP;
        boolean goesOn = tcp
                ? counted.filter(ConnectionCounters.Bytes::open).isPresent()
                // Each of its frames is seen.
                : exchange.isSeenAfterItsEnd();
        if (goesOn) {
            exchange.goesOn();
        } else {
            over(exchange, true, counted);
        }
    }

    private static boolean isAllowed(Exchange exchange) {
        return exchange.attempt().orElse(null) instanceof ConnectionAllowed;
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

    private void resolve(Exchange exchange, ByteBuffer frame, long nanos) {
        Flow flow = exchange.flow();
        boolean asked = flow.direction() == Direction.FROM_VM
                && flow.ipProtocol().orElse(-1) == Flow.UDP
                && flow.destinationPort().orElse(-1) == DNS_PORT;
        if (asked && isAllowed(exchange)) {
            DnsAnswer.ofFrame(frame).ifPresent(answer -> resolved(answer, nanos));
        }
    }

    private void resolved(DnsAnswer answer, long nanos) {
        names.learn(answer);
        boolean unused = tell(
                new NameResolved.Builder()
                        .time(events.now())
                        .vm(events.vm())
                        .query(answer.query())
                        .type(answer.type())
                        .responseCode(answer.responseCode())
                        .addresses(answer.addresses())
                        .ttl(answer.ttl())
                        .build(),
                nanos);
    }

    /** It is over, which is told of those that were allowed. */
    void over(Exchange exchange, boolean endSeen) {
        if (!exchange.isOver()) {
            over(
                    exchange,
                    endSeen || exchange.isEnding(),
                    isAllowed(exchange) ? counters.of(exchange.flow()) : Optional.empty());
        }
    }

    private void over(Exchange exchange, boolean endSeen, Optional<ConnectionCounters.Bytes> counted) {
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
        counted.ifPresent(bytes -> closed.sentBytes(bytes.sent()).receivedBytes(bytes.received()));
        if (endSeen) {
            closed.duration(exchange.duration());
        }
        events.publish(closed.build());
    }

    /** Frames went by unread. */
    void lost(long frames, Instant since) {
        unread.add(frames, since);
    }

    /** Tells what is missing and not told yet. */
    void end() {
        leftOut.tell();
        unread.tell();
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
