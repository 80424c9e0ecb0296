package dev.agentvm.monitor;

import static dev.agentvm.monitor.Story.VM;
import static dev.agentvm.monitor.Story.answer;
import static dev.agentvm.monitor.Story.at;
import static dev.agentvm.monitor.Story.sample;
import static dev.agentvm.monitor.Story.tcp;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.Registration;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.spi.EventDispatcher;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class AnomalyMonitorTest {
    private static final Duration LONGEST = Duration.ofDays(3650);
    private static final Duration TOO_LONG = LONGEST.plusNanos(1);

    private final List<AnomalyDetected> anomalies = new ArrayList<>();
    private final AnomalyMonitor monitor = new AnomalyMonitor(Thresholds.standard(), anomalies::add);

    @Test
    void onEvent_anomaly_saysWhichVMAndWhenAndShowsTheEvents() {
        VMEvent question = answer(5, "supportxmr.com");

        monitor.onEvent(question);

        assertThat(anomalies).singleElement().satisfies(anomaly -> {
            assertThat(anomaly.vm()).isEqualTo(VM);
            assertThat(anomaly.time()).isEqualTo(at(5));
            assertThat(anomaly.kind()).isEqualTo(AnomalyKinds.MINING_POOL);
            assertThat(anomaly.severity()).isEqualTo(Severity.ALERT);
            assertThat(anomaly.evidence()).containsExactly(question);
        });
    }

    @Test
    void onEvent_sameKindWithinTheQuietTime_isToldOnce() {
        monitor.onEvent(answer(0, "supportxmr.com"));
        monitor.onEvent(answer(59.999, "nanopool.org"));
        assertThat(anomalies).hasSize(1);

        monitor.onEvent(answer(60, "nanopool.org"));
        assertThat(anomalies).hasSize(2);
    }

    @Test
    void onEvent_sameKindOfAnotherVM_isToldToo() {
        monitor.onEvent(answer(0, "supportxmr.com"));
        monitor.onEvent(answer(1, "supportxmr.com").withVm(VMIdentity.of(new UUID(0, 2), "other")));

        assertThat(anomalies).hasSize(2);
    }

    @Test
    void onEvent_noticeThatBecomesAnAlert_isToldAgain() {
        for (int i = 0; i < 100; i++) {
            monitor.onEvent(tcp(i * 0.1, 1, 5432));
        }
        for (int i = 0; i < 100; i++) {
            monitor.onEvent(tcp(10 + i * 0.1, i, 5432));
        }

        assertThat(anomalies)
                .filteredOn(anomaly -> anomaly.kind().equals(AnomalyKinds.DENIED_BURST))
                .extracting(AnomalyDetected::severity)
                .containsExactly(Severity.NOTICE, Severity.ALERT);
    }

    @Test
    void onEvent_vmThatIsGone_isForgottenForGood() {
        monitor.onEvent(sample(0).build());
        assertThat(monitor.watched()).isEqualTo(1);

        monitor.onEvent(new VMClosed.Builder()
                .time(at(1))
                .vm(VM)
                .reason("destroyed by its program")
                .build());
        monitor.onEvent(answer(2, "supportxmr.com"));

        assertThat(monitor.watched()).isZero();
        assertThat(anomalies).isEmpty();
    }

    @Test
    void onEvent_manyVMs_areForgottenTheQuietestFirst() {
        for (int i = 0; i < 10_000; i++) {
            monitor.onEvent(sample(i).vm(VMIdentity.of(new UUID(1, i), "vm")).build());
        }

        assertThat(monitor.watched()).isEqualTo(4096);
    }

    @Test
    void watch_detectorThatThrows_silencesNoOther() {
        Detector broken = event -> {
            throw new ArithmeticException("long overflow");
        };
        Detector sound = event -> Optional.of(Finding.alert(AnomalyKinds.MINING_POOL, "found", List.of(event)));
        Watch watch = new Watch(List.of(broken, sound), Duration.ofSeconds(1));

        assertThat(watch.inspect(answer(0, "supportxmr.com"))).hasSize(1);
        assertThat(watch.inspect(answer(1, "supportxmr.com"))).hasSize(1);
    }

    @Test
    void attach_anomalies_arePublishedAmongTheEvents() {
        Queue<VMEvent> heard = new ConcurrentLinkedQueue<>();
        try (EventDispatcher events = new EventDispatcher()) {
            Registration detection = AnomalyMonitor.attach(events);
            Registration listener = events.listen(heard::add);

            events.publish(answer(0, "supportxmr.com"));

            assertThat(detection.awaitDelivery(Duration.ofMinutes(1))).isTrue();
            assertThat(listener.awaitDelivery(Duration.ofMinutes(1))).isTrue();
        }
        assertThat(heard).hasSize(2).last().isInstanceOf(AnomalyDetected.class);
    }

    @Test
    void thresholds_atTheEndsOfTheirRanges_areTaken() {
        Rate most = new Rate(10_000, Duration.ofMinutes(1));
        Thresholds least = Thresholds.standard()
                .withUpload(new Rate(1, Duration.ofNanos(1)))
                .withUploadRatio(1)
                .withDnsLabelLength(1)
                .withDnsEntropy(0)
                .withDnsAllDomains(1)
                .withBeaconIntervals(3)
                .withBeaconJitter(0)
                .withCpuShare(0)
                .withOutlierSamples(2)
                .withEvidence(1)
                .withBeaconShortest(Duration.ofHours(1))
                .withCpuTime(Duration.ofNanos(1))
                .withQuiet(Duration.ofNanos(1));
        Thresholds greatest = Thresholds.standard()
                .withDeniedAttempts(most)
                .withDeniedTargets(most)
                .withPortScan(most)
                .withAddressScan(most)
                .withConnections(most)
                .withDnsLongNames(most)
                .withDnsTextNames(most)
                .withDnsNames(most)
                .withUnknownNames(most)
                .withNewDestinations(new Rate(4_096, Duration.ofMinutes(1)))
                .withDnsLabelLength(63)
                .withDnsEntropy(8)
                .withDnsAllDomains(100)
                .withBeaconIntervals(1_000)
                .withBeaconJitter(1)
                .withBeaconLongest(LONGEST)
                .withCpuShare(1)
                .withCpuTime(LONGEST)
                .withQuiet(LONGEST)
                .withUpload(new Rate(1, LONGEST))
                .withEvidence(100);

        assertThat(least.beaconShortest()).isEqualTo(least.beaconLongest());
        assertThat(greatest.dnsNames()).isEqualTo(most);
    }

    static Stream<UnaryOperator<Thresholds>> justOutOfRange() {
        Rate tooMany = new Rate(10_001, Duration.ofMinutes(1));
        return Stream.of(
                it -> it.withDeniedAttempts(tooMany),
                it -> it.withDeniedTargets(tooMany),
                it -> it.withPortScan(tooMany),
                it -> it.withAddressScan(tooMany),
                it -> it.withConnections(tooMany),
                it -> it.withDnsLongNames(tooMany),
                it -> it.withDnsTextNames(tooMany),
                it -> it.withDnsNames(tooMany),
                it -> it.withUnknownNames(tooMany),
                it -> it.withNewDestinations(new Rate(4_097, Duration.ofMinutes(1))),
                it -> it.withUploadRatio(Math.nextDown(1.0)),
                it -> it.withDnsLabelLength(0),
                it -> it.withDnsLabelLength(64),
                it -> it.withDnsEntropy(Math.nextDown(0.0)),
                it -> it.withDnsEntropy(Math.nextUp(8.0)),
                it -> it.withDnsAllDomains(0),
                it -> it.withDnsAllDomains(101),
                it -> it.withBeaconIntervals(2),
                it -> it.withBeaconIntervals(1_001),
                it -> it.withBeaconJitter(Math.nextDown(0.0)),
                it -> it.withBeaconJitter(Math.nextUp(1.0)),
                it -> it.withBeaconShortest(Duration.ofHours(1).plusNanos(1)),
                it -> it.withBeaconShortest(Duration.ZERO),
                it -> it.withBeaconLongest(TOO_LONG),
                it -> it.withBeaconLongest(ChronoUnit.FOREVER.getDuration()),
                it -> it.withCpuTime(Duration.ZERO),
                it -> it.withCpuTime(TOO_LONG),
                it -> it.withQuiet(Duration.ZERO),
                it -> it.withQuiet(TOO_LONG),
                it -> it.withUpload(new Rate(1, TOO_LONG)),
                it -> it.withPortScan(new Rate(1, ChronoUnit.FOREVER.getDuration())),
                it -> it.withCpuShare(Math.nextDown(0.0)),
                it -> it.withCpuShare(Math.nextUp(1.0)),
                it -> it.withOutlierScore(0),
                it -> it.withOutlierSamples(1),
                it -> it.withEvidence(0),
                it -> it.withEvidence(101));
    }

    @ParameterizedTest
    @MethodSource("justOutOfRange")
    void thresholds_justOutOfRange_areRefused(UnaryOperator<Thresholds> change) {
        assertThatThrownBy(() -> change.apply(Thresholds.standard())).isInstanceOf(InvalidValueException.class);
    }

    @Test
    void thresholds_outOfRange_areRefusedByName() {
        assertThatThrownBy(() -> Thresholds.standard().withDnsLabelLength(64))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("dnsLabelLength");
        assertThatThrownBy(() -> Thresholds.standard().withConnections(new Rate(1_000_000, Duration.ofMinutes(1))))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("connections")
                .hasMessageContaining("10000");
        assertThatThrownBy(() -> Thresholds.standard().withUploadRatio(Double.NaN))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("uploadRatio");
        assertThatThrownBy(() -> new Rate(0, Duration.ofMinutes(1))).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> new Rate(1, Duration.ZERO)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> Thresholds.standard().withQuiet(TOO_LONG))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("quiet")
                .hasMessageContaining("3650 days");
    }
}
