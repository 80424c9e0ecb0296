package dev.agentvm.libvirt.internal.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.ConnectionAllowed;
import dev.agentvm.event.ConnectionClosed;
import dev.agentvm.event.ConnectionClosed.Answer;
import dev.agentvm.event.ConnectionDenied;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.VMEvent;
import dev.agentvm.libvirt.internal.capture.Exchanges.Part;
import dev.agentvm.libvirt.internal.capture.Exchanges.Sighting;
import dev.agentvm.network.Flow;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import dev.agentvm.testkit.Packet;
import dev.agentvm.testkit.Packet.Path;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ObserverTest {
    private static final String VM_MAC = "52:54:c0:a8:65:0a";
    private static final String VM = "192.168.101.10";
    private static final String GATEWAY = "192.168.101.1";
    private static final String WWW = "140.82.112.3";

    private final CollectedEvents events = new CollectedEvents();
    /** Whether the kernel has seen no end of TCP connections. */
    private boolean open;

    private final Observer observer = new Observer(
            events.source(), new DefaultPolicy(), flow -> Optional.of(new ConnectionCounters.Bytes(300, 4000, open)));
    private final Exchanges exchanges =
            new Exchanges(MacAddress.of(VM_MAC), exchange -> observer.over(exchange, false));
    private Duration now = Duration.ofDays(1);
    private Optional<Object> version = Optional.of(new Object());

    private final class DefaultPolicy implements Judge {
        @Override
        public Optional<Verdict> judge(Flow flow) {
            return Optional.of(NetworkPolicy.agentDefault().evaluate(flow));
        }

        @Override
        public Optional<Object> version() {
            return version;
        }
    }

    private static Packet.Builder to(String destination) {
        return Packet.fromVM(Path.ROUTED).from(VM_MAC).ipv4(VM, destination);
    }

    private static Packet.Builder from(String source) {
        return Packet.toVM(Path.ROUTED).ipv4(source, VM);
    }

    private void seen(Packet packet) {
        byte[] frame = packet.toFrame();
        Headers headers = Headers.of(ByteBuffer.wrap(frame), Optional.empty()).orElseThrow();
        Sighting sighting = exchanges.see(headers, packet.direction() == Packet.Direction.FROM_VM, now.toNanos());
        if (sighting.part() == Part.BEGIN) {
            Flow flow = sighting.exchange().flow();
            observer.begun(
                    sighting.exchange(),
                    Instant.EPOCH,
                    NetworkPolicy.agentDefault().evaluate(flow),
                    version,
                    now.toNanos());
        } else {
            Headers.Ip ip = headers.ip();
            observer.more(sighting, ip == null ? null : ip.tcp(), ByteBuffer.wrap(frame), now.toNanos());
        }
    }

    private <E extends VMEvent> List<E> told(Class<E> type) {
        return events.of(type);
    }

    private void settle() {
        now = now.plusSeconds(2);
        observer.settle(now.toNanos());
    }

    private ConnectionClosed closed() {
        assertThat(told(ConnectionClosed.class)).hasSize(1);
        return told(ConnectionClosed.class).get(0);
    }

    @Test
    void connection_finishedByBoth_isClosedWithBytesAndDuration() {
        Packet begin = to(WWW).tcp(4000, 443).tcpNumbers(7, 0).build();
        seen(begin);
        seen(from(WWW).tcp(443, 4000, "SYN,ACK").build());
        now = now.plusSeconds(3);
        seen(to(WWW).tcp(4000, 443, "FIN,ACK").build());
        assertThat(told(ConnectionClosed.class)).isEmpty();
        seen(from(WWW).tcp(443, 4000, "FIN,ACK").build());
        seen(from(WWW).tcp(443, 4000, "RST").build());
        assertThat(told(ConnectionClosed.class)).as("not yet certain").isEmpty();
        settle();

        assertThat(closed().answer()).contains(Answer.ANSWERED);
        assertThat(closed().duration()).contains(Duration.ofSeconds(3));
        assertThat(closed().sentBytes()).hasValue(300);
        assertThat(closed().receivedBytes()).hasValue(4000);
        assertThat(closed().connection())
                .isEqualTo(told(ConnectionAllowed.class).get(0).id());
    }

    @Test
    void connection_resetAtOnce_wasRefused() {
        seen(to(WWW).tcp(4000, 443).build());
        seen(from(WWW).tcp(443, 4000, "RST,ACK").build());
        settle();

        assertThat(closed().answer()).contains(Answer.REFUSED);
    }

    @Test
    void connection_errorAboutIt_wasRefused() {
        Packet begin = to(WWW).tcp(4000, 443).build();
        seen(begin);
        seen(begin.error("81.2.69.1", 3, 1));
        settle();

        assertThat(closed().answer()).contains(Answer.REFUSED);
    }

    @Test
    void connection_endsThatTheKernelDoesNotBelieve_goesOnToItsTrueEnd() {
        seen(to(WWW).tcp(4000, 443).tcpNumbers(7, 0).build());
        seen(from(WWW).tcp(443, 4000, "SYN,ACK").build());
        open = true;
        seen(to(WWW).tcp(4000, 443, "RST").tcpNumbers(99, 0).build());
        settle();
        seen(to(WWW).tcp(4000, 443, "FIN,ACK").tcpNumbers(99, 0).build());
        seen(from(WWW).tcp(443, 4000, "FIN,ACK").tcpNumbers(99, 0).build());
        settle();
        assertThat(told(ConnectionClosed.class)).isEmpty();

        open = false;
        seen(from(WWW).tcp(443, 4000, "RST").build());
        settle();

        assertThat(closed().answer()).contains(Answer.ANSWERED);
        assertThat(closed().duration()).contains(Duration.ofSeconds(4));
    }

    @Test
    void connection_errorOnceItIsAnswered_endsNothing() {
        Packet begin = to(WWW).tcp(4000, 443).tcpNumbers(7, 0).build();
        seen(begin);
        seen(from(WWW).tcp(443, 4000, "SYN,ACK").build());
        seen(begin.error("81.2.69.1", 3, 4));
        seen(begin.error("81.2.69.1", 11, 0));
        seen(begin.error("81.2.69.1", 3, 1));
        settle();

        assertThat(told(ConnectionClosed.class)).isEmpty();
    }

    @Test
    void exchange_tooLargeForTheWay_isNotRefused() {
        Packet question = to(GATEWAY).udp(4000, 53).build();
        seen(question);
        seen(question.error("81.2.69.1", 3, 4));
        settle();

        assertThat(told(ConnectionClosed.class)).isEmpty();
    }

    @Test
    void exchange_errorAndThenMore_isOverWhenItIsSilent() {
        Packet question = to(GATEWAY).udp(4000, 53).build();
        seen(question);
        seen(question.error(GATEWAY, 3, 3));
        now = now.plusSeconds(1);
        seen(from(GATEWAY).udp(53, 4000).build());
        settle();
        assertThat(told(ConnectionClosed.class)).isEmpty();

        now = now.plusMinutes(1);
        exchanges.sweep(now.toNanos());

        assertThat(closed().answer()).contains(Answer.ANSWERED);
    }

    @Test
    void flood_ofAttempts_isToldUpToARateAndTheRestIsCounted() {
        int attempts = 0;
        for (int second = 0; second < 20; second++) {
            for (int i = 0; i < 5_000; i++) {
                seen(to(WWW).udp(1 + attempts % 60_000, 8080 + attempts / 60_000)
                        .build());
                attempts++;
            }
            now = now.plusSeconds(1);
            observer.settle(now.toNanos());
        }
        observer.end();

        List<EventsLost> losses = told(EventsLost.class);
        assertThat(losses)
                .hasSizeBetween(1, 20)
                .allSatisfy(lost -> assertThat(lost.cause()).isEqualTo(EventsLost.Cause.RATE));
        assertThat(told(ConnectionDenied.class)).hasSizeBetween(55_000, 60_000);
        assertThat(told(ConnectionDenied.class).size()
                        + losses.stream().mapToLong(EventsLost::count).sum())
                .isEqualTo(attempts);
    }

    @Test
    void twoThousandAttemptsASecond_areAllTold() {
        for (int i = 0; i < 120_000; i++) {
            seen(to(WWW).udp(1 + i % 60_000, 8080 + i / 60_000).build());
            now = now.plusNanos(500_000);
        }
        observer.end();

        assertThat(told(ConnectionDenied.class)).hasSize(120_000);
        assertThat(told(EventsLost.class)).isEmpty();
    }

    @Test
    void flood_allowedAttemptsThatAreNotTold_haveNoEndEither() {
        for (int i = 0; i < 30_000; i++) {
            seen(to(WWW).tcp(1 + i, 443).tcpNumbers(i, 0).build());
        }
        exchanges.end();

        assertThat(told(ConnectionClosed.class))
                .hasSameSizeAs(told(ConnectionAllowed.class))
                .hasSizeLessThan(30_000);
    }

    @Test
    void unreadFrames_areToldOnceASecondWithTheirSum() {
        for (int i = 0; i < 30; i++) {
            observer.lost(10, Instant.EPOCH.plusSeconds(i));
            observer.settle(now.toNanos());
            now = now.plusMillis(100);
        }
        observer.end();

        assertThat(told(EventsLost.class)).hasSize(4);
        assertThat(told(EventsLost.class).stream().mapToLong(EventsLost::count).sum())
                .isEqualTo(300);
        assertThat(told(EventsLost.class).get(1).since()).isEqualTo(Instant.EPOCH.plusSeconds(1));
    }

    @Test
    void connection_neverAnswered_isSilentAfterTwoMinutes() {
        seen(to(WWW).tcp(4000, 443).build());
        now = now.plusSeconds(119);
        exchanges.sweep(now.toNanos());
        assertThat(told(ConnectionClosed.class)).isEmpty();
        now = now.plusSeconds(1);
        exchanges.sweep(now.toNanos());

        assertThat(closed().answer()).contains(Answer.SILENT);
        assertThat(closed().duration()).isEmpty();
    }

    @Test
    void exchange_silentForAMinute_isOverOnce() {
        seen(to(GATEWAY).udp(5000, 53).build());
        seen(from(GATEWAY).udp(53, 5000).build());
        now = now.plusMinutes(1);
        exchanges.sweep(now.toNanos());
        exchanges.sweep(now.toNanos());
        exchanges.end();

        assertThat(closed().answer()).contains(Answer.ANSWERED);
    }

    @Test
    void denied_refusedByTheHost_isNoContradiction() {
        Packet begin = to(WWW).tcp(4000, 8080).build();
        seen(begin);
        seen(begin.error(GATEWAY, 3, 3));
        exchanges.end();

        assertThat(told(ConnectionDenied.class)).hasSize(1);
        assertThat(events.all()).hasSize(1);
    }

    @Test
    void denied_answered_isAnAlertOnce() {
        seen(to(WWW).tcp(4000, 8080).build());
        seen(from(WWW).tcp(8080, 4000, "SYN,ACK").build());
        seen(from(WWW).tcp(8080, 4000, "SYN,ACK").build());

        assertThat(told(AnomalyDetected.class)).singleElement().satisfies(alert -> {
            assertThat(alert.severity()).isEqualTo(AnomalyDetected.Severity.ALERT);
            assertThat(alert.evidence())
                    .containsExactly(told(ConnectionDenied.class).get(0));
        });
    }

    @Test
    void denied_answeredOften_isOneAlertInTenSecondsThatCounts() {
        for (int port = 1; port <= 100; port++) {
            seen(to(WWW).udp(port, 8080).build());
            seen(from(WWW).udp(8080, port).build());
        }
        assertThat(told(AnomalyDetected.class)).hasSize(1);
        now = now.plusSeconds(10);
        seen(to(WWW).udp(4000, 8080).build());
        seen(from(WWW).udp(8080, 4000).build());

        assertThat(told(AnomalyDetected.class)).hasSize(2);
        assertThat(told(AnomalyDetected.class).get(1).message()).contains("99 others");
    }

    @Test
    void denied_answeredWhileThePolicyChanges_isNoContradiction() {
        seen(to(WWW).tcp(4000, 8080).build());
        version = Optional.empty();
        seen(from(WWW).tcp(8080, 4000, "SYN,ACK").build());
        version = Optional.of(new Object());
        seen(from(WWW).tcp(8080, 4000, "SYN,ACK").build());

        assertThat(told(AnomalyDetected.class)).isEmpty();
    }

    @Test
    void toTheVM_connectionThatReachesIt_isAnAlert() {
        seen(from(WWW).tcp(4000, 22).build());

        assertThat(told(AnomalyDetected.class)).hasSize(1);
    }

    @Test
    void toTheVM_strayOfAConnectionThatWasNotSeen_isNone() {
        seen(from(WWW).tcp(443, 4000, "FIN,ACK").build());

        assertThat(told(ConnectionDenied.class)).hasSize(1);
        assertThat(told(AnomalyDetected.class)).isEmpty();
    }

    @Test
    void toTheVM_whenItsQuestionMayBeAmongWhatWasLost_isNone() {
        seen(from(WWW).udp(8080, 5000).build());
        assertThat(told(AnomalyDetected.class)).as("else it is").hasSize(1);
        now = now.plusMinutes(10);
        exchanges.missed(now.toNanos());
        seen(from(WWW).udp(8080, 5001).build());

        assertThat(told(AnomalyDetected.class)).hasSize(1);
    }

    @Test
    void toTheVM_lateAnswer_isNone() {
        seen(to(GATEWAY).udp(5000, 53).build());
        now = now.plusSeconds(90);
        seen(from(GATEWAY).udp(53, 5000).build());

        assertThat(told(AnomalyDetected.class)).isEmpty();
    }
}
