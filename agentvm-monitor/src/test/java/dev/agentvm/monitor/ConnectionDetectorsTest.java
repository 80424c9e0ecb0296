package dev.agentvm.monitor;

import static dev.agentvm.monitor.Story.answer;
import static dev.agentvm.monitor.Story.attempt;
import static dev.agentvm.monitor.Story.host;
import static dev.agentvm.monitor.Story.inspect;
import static dev.agentvm.monitor.Story.tcp;
import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.VMEvent;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkPolicy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.DoubleFunction;
import java.util.function.IntFunction;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ConnectionDetectorsTest {
    private static final Thresholds THRESHOLDS = Thresholds.standard();

    /** {@code count} events, {@code first} to {@code last} second in equal steps. */
    private static List<VMEvent> spread(int count, double last, IntFunction<DoubleFunction<VMEvent>> event) {
        return IntStream.range(0, count)
                .mapToObj(i -> event.apply(i).apply(count == 1 ? 0 : i * last / (count - 1)))
                .toList();
    }

    /** For each of {@code rounds}, an event of each of {@code sources}, within so many seconds altogether. */
    private static List<VMEvent> inTurn(
            int rounds, int sources, double last, IntFunction<IntFunction<DoubleFunction<VMEvent>>> event) {
        return spread(rounds * sources, last, i -> event.apply(i / sources).apply(i % sources));
    }

    // Denied attempts: 100 a minute are a notice, 30 different targets a minute an alert.

    @Test
    void deniedBurst_sameTargetJustUnderTheThreshold_isNothing() {
        assertThat(inspect(new DeniedBurst(THRESHOLDS), spread(99, 60, i -> t -> tcp(t, 1, 5432))))
                .isEmpty();
    }

    @Test
    void deniedBurst_sameTargetAtTheThreshold_isANotice() {
        List<Finding> findings = inspect(new DeniedBurst(THRESHOLDS), spread(100, 60, i -> t -> tcp(t, 1, 5432)));

        assertThat(findings).singleElement().satisfies(finding -> {
            assertThat(finding.kind()).isEqualTo(AnomalyKinds.DENIED_BURST);
            assertThat(finding.severity()).isEqualTo(Severity.NOTICE);
            assertThat(finding.evidence()).hasSize(20);
        });
    }

    @Test
    void deniedBurst_sameTargetJustOverTheThreshold_isOneNotice() {
        assertThat(inspect(new DeniedBurst(THRESHOLDS), spread(101, 60, i -> t -> tcp(t, 1, 5432))))
                .hasSize(1);
    }

    @Test
    void deniedBurst_sameTargetInJustTooLongATime_isNothing() {
        assertThat(inspect(new DeniedBurst(THRESHOLDS), spread(100, 60.001, i -> t -> tcp(t, 1, 5432))))
                .isEmpty();
    }

    @Test
    void deniedBurst_differentTargets_isAnAlertAtTheThresholdOnly() {
        assertThat(inspect(new DeniedBurst(THRESHOLDS), spread(29, 60, i -> t -> tcp(t, i, 5432))))
                .isEmpty();
        assertThat(inspect(new DeniedBurst(THRESHOLDS), spread(30, 60.1, i -> t -> tcp(t, i, 5432))))
                .isEmpty();
        assertThat(inspect(new DeniedBurst(THRESHOLDS), spread(30, 60, i -> t -> tcp(t, i, 5432))))
                .extracting(Finding::severity)
                .containsExactly(Severity.ALERT);
        assertThat(inspect(new DeniedBurst(THRESHOLDS), spread(31, 60, i -> t -> tcp(t, i, 5432))))
                .hasSize(1);
    }

    @Test
    void deniedBurst_attemptsOfOthersOrAllowedOnes_countNothing() {
        assertThat(inspect(
                        new DeniedBurst(THRESHOLDS), spread(200, 10, i -> t -> attempt(t, Flow.tcpToVM(host(i), 22)))))
                .isEmpty();
        assertThat(inspect(new DeniedBurst(THRESHOLDS), spread(200, 10, i -> t -> tcp(t, i, 443))))
                .isEmpty();
    }

    // Ports of one address: 15 a minute.

    @Test
    void portScan_differentPortsOfOneAddress_isAnAlertAtTheThresholdOnly() {
        assertThat(inspect(new PortScan(THRESHOLDS), spread(14, 60, i -> t -> tcp(t, 1, 1000 + i))))
                .isEmpty();
        assertThat(inspect(new PortScan(THRESHOLDS), spread(15, 60.1, i -> t -> tcp(t, 1, 1000 + i))))
                .isEmpty();
        assertThat(inspect(new PortScan(THRESHOLDS), spread(15, 60, i -> t -> tcp(t, 1, 1000 + i))))
                .extracting(Finding::kind, Finding::severity)
                .containsExactly(org.assertj.core.groups.Tuple.tuple(AnomalyKinds.PORT_SCAN, Severity.ALERT));
        assertThat(inspect(new PortScan(THRESHOLDS), spread(16, 60, i -> t -> tcp(t, 1, 1000 + i))))
                .hasSize(1);
    }

    @Test
    void portScan_afterLongAgoAttempts_showsOnlyThoseThatCount() {
        List<VMEvent> events = new ArrayList<>(spread(10, 60, i -> t -> tcp(t, 1, 1000 + i)));
        events.addAll(spread(15, 60, i -> t -> tcp(7200 + t, 1, 2000 + i)));

        assertThat(inspect(new PortScan(THRESHOLDS), events))
                .singleElement()
                .satisfies(finding -> assertThat(finding.evidence()).isEqualTo(events.subList(10, 25)));
    }

    @Test
    void portScan_whatHasNoPorts_isNothing() {
        Flow ping = Flow.ping(host(1));

        assertThat(inspect(
                        new PortScan(THRESHOLDS),
                        spread(
                                100,
                                10,
                                i -> t ->
                                        attempt(t, ping.toBuilder().icmpType(i).build()))))
                .isEmpty();
    }

    @Test
    void portScan_samePortsAgainOrOfDifferentAddresses_isNothing() {
        assertThat(inspect(new PortScan(THRESHOLDS), spread(500, 60, i -> t -> tcp(t, 1, 1000 + i % 14))))
                .isEmpty();
        assertThat(inspect(new PortScan(THRESHOLDS), spread(100, 60, i -> t -> tcp(t, i, 1000 + i))))
                .isEmpty();
    }

    @Test
    void portScan_addressesInTurn_areFoundUpToTheNumberThatIsRemembered() {
        assertThat(inspect(
                        new PortScan(THRESHOLDS), inTurn(15, 256, 60, port -> host -> t -> tcp(t, host, 1000 + port))))
                .hasSize(256);
        assertThat(inspect(
                        new PortScan(THRESHOLDS), inTurn(15, 257, 60, port -> host -> t -> tcp(t, host, 1000 + port))))
                .isEmpty();
    }

    // One port of many addresses: 25 a minute.

    @Test
    void addressScan_onePortOfDifferentAddresses_isAnAlertAtTheThresholdOnly() {
        assertThat(inspect(new AddressScan(THRESHOLDS), spread(24, 60, i -> t -> tcp(t, i, 22))))
                .isEmpty();
        assertThat(inspect(new AddressScan(THRESHOLDS), spread(25, 60.1, i -> t -> tcp(t, i, 22))))
                .isEmpty();
        assertThat(inspect(new AddressScan(THRESHOLDS), spread(25, 60, i -> t -> tcp(t, i, 22))))
                .extracting(Finding::kind, Finding::severity)
                .containsExactly(org.assertj.core.groups.Tuple.tuple(AnomalyKinds.ADDRESS_SCAN, Severity.ALERT));
        assertThat(inspect(new AddressScan(THRESHOLDS), spread(26, 60, i -> t -> tcp(t, i, 22))))
                .hasSize(1);
    }

    @Test
    void addressScan_portsInTurn_areFoundUpToTheNumberThatIsRemembered() {
        assertThat(inspect(
                        new AddressScan(THRESHOLDS),
                        inTurn(25, 256, 60, host -> port -> t -> tcp(t, host, 1000 + port))))
                .hasSize(256);
        assertThat(inspect(
                        new AddressScan(THRESHOLDS),
                        inTurn(25, 257, 60, host -> port -> t -> tcp(t, host, 1000 + port))))
                .isEmpty();
    }

    @Test
    void addressScan_pings_countAsOneServiceToo() {
        assertThat(inspect(new AddressScan(THRESHOLDS), spread(25, 60, i -> t -> attempt(t, Flow.ping(host(i))))))
                .singleElement()
                .satisfies(finding -> assertThat(finding.message()).startsWith("ICMP type 8"));
    }

    @Test
    void addressScan_crawlByName_isNothing() {
        assertThat(inspect(
                        new AddressScan(THRESHOLDS),
                        spread(500, 60, i -> t -> attempt(t, Flow.tcp(host(i), 443), "host" + i + ".example"))))
                .isEmpty();
    }

    @Test
    void addressScan_deniedByName_countsAllTheSame() {
        assertThat(inspect(
                        new AddressScan(THRESHOLDS),
                        spread(25, 60, i -> t -> attempt(t, Flow.tcp(host(i), 25), "mx" + i + ".example"))))
                .hasSize(1);
    }

    // Addresses not talked to before: 50 a minute.

    @Test
    void newDestinations_atTheThreshold_isANotice() {
        assertThat(inspect(new NewDestinations(THRESHOLDS), spread(49, 60, i -> t -> tcp(t, i, 443))))
                .isEmpty();
        assertThat(inspect(new NewDestinations(THRESHOLDS), spread(50, 60.1, i -> t -> tcp(t, i, 443))))
                .isEmpty();
        assertThat(inspect(new NewDestinations(THRESHOLDS), spread(50, 60, i -> t -> tcp(t, i, 443))))
                .extracting(Finding::severity)
                .containsExactly(Severity.NOTICE);
        assertThat(inspect(new NewDestinations(THRESHOLDS), spread(51, 60, i -> t -> tcp(t, i, 443))))
                .hasSize(1);
    }

    @Test
    void newDestinations_knownOnes_areNotNew() {
        NewDestinations detector = new NewDestinations(THRESHOLDS);
        inspect(detector, spread(49, 60, i -> t -> tcp(t, i, 443)));

        assertThat(inspect(detector, spread(49, 60, i -> t -> tcp(600 + t, i, 443))))
                .isEmpty();
    }

    @Test
    void newDestinations_knownOnes_areForgottenBehindTheNumberThatIsRemembered() {
        Thresholds each = THRESHOLDS.withNewDestinations(new Rate(1, Duration.ofMinutes(1)));

        assertThat(inspect(new NewDestinations(each), inTurn(2, 4096, 600, round -> host -> t -> tcp(t, host, 443))))
                .hasSize(4096);
        assertThat(inspect(new NewDestinations(each), inTurn(2, 4097, 600, round -> host -> t -> tcp(t, host, 443))))
                .hasSize(2 * 4097);
    }

    @Test
    void newDestinations_deniedOnes_countNothing() {
        assertThat(inspect(new NewDestinations(THRESHOLDS), spread(500, 60, i -> t -> tcp(t, i, 5432))))
                .isEmpty();
    }

    // Connections: 100 a minute.

    @Test
    void connectionRate_atTheThreshold_isANotice() {
        assertThat(inspect(new ConnectionRate(THRESHOLDS), spread(99, 60, i -> t -> tcp(t, 1, 443))))
                .isEmpty();
        assertThat(inspect(new ConnectionRate(THRESHOLDS), spread(100, 60.1, i -> t -> tcp(t, 1, 443))))
                .isEmpty();
        assertThat(inspect(new ConnectionRate(THRESHOLDS), spread(100, 60, i -> t -> tcp(t, 1, 443))))
                .extracting(Finding::severity)
                .containsExactly(Severity.NOTICE);
        assertThat(inspect(new ConnectionRate(THRESHOLDS), spread(101, 60, i -> t -> tcp(t, 1, 443))))
                .hasSize(1);
    }

    @Test
    void connectionRate_questionsForNames_countNothing() {
        assertThat(inspect(
                        new ConnectionRate(THRESHOLDS),
                        spread(500, 60, i -> t -> attempt(t, Flow.udp("192.168.101.1", 53)))))
                .isEmpty();
    }

    @Test
    void connectionRate_deniedAttempts_countNothing() {
        assertThat(inspect(new ConnectionRate(THRESHOLDS), spread(500, 60, i -> t -> tcp(t, 1, 5432))))
                .isEmpty();
    }

    @Test
    void connectionRate_onceMore_showsOnlyWhatCameSince() {
        List<VMEvent> events = spread(10, 9, i -> t -> tcp(t, 1, 443));
        Thresholds few = THRESHOLDS.withConnections(new Rate(5, Duration.ofMinutes(1)));

        assertThat(inspect(new ConnectionRate(few), events))
                .extracting(Finding::evidence)
                .containsExactly(events.subList(0, 5), events.subList(5, 10));
    }

    // Beacons: 10 intervals, 5 seconds to an hour, with a variation of 0.2 at most.

    private static List<VMEvent> calls(double... intervals) {
        List<VMEvent> events = new ArrayList<>(List.of(tcp(0, 1, 443)));
        double time = 0;
        for (double interval : intervals) {
            time += interval;
            events.add(tcp(time, 1, 443));
        }
        return events;
    }

    private static double[] equal(int count, double interval) {
        return DoubleStream.generate(() -> interval).limit(count).toArray();
    }

    /** Five times one interval and then the other: the deviation is {@code mean * variation} exactly. */
    private static double[] varied(double mean, double variation) {
        return IntStream.range(0, 10)
                .mapToDouble(i -> mean * (1 + (i % 2 == 0 ? variation : -variation)))
                .toArray();
    }

    @Test
    void beaconing_regularConnections_areAnAlertFromTheThresholdOn() {
        assertThat(inspect(new Beaconing(THRESHOLDS), calls(equal(9, 30)))).isEmpty();
        assertThat(inspect(new Beaconing(THRESHOLDS), calls(equal(10, 30))))
                .extracting(Finding::severity)
                .containsExactly(Severity.ALERT);
        assertThat(inspect(new Beaconing(THRESHOLDS), calls(equal(11, 30)))).hasSize(1);
    }

    @Test
    void beaconing_intervals_countFromTheShortestToTheLongest() {
        assertThat(inspect(new Beaconing(THRESHOLDS), calls(equal(10, 4.99)))).isEmpty();
        assertThat(inspect(new Beaconing(THRESHOLDS), calls(equal(10, 5)))).hasSize(1);
        assertThat(inspect(new Beaconing(THRESHOLDS), calls(equal(10, 5.01)))).hasSize(1);
        assertThat(inspect(new Beaconing(THRESHOLDS), calls(equal(10, 3599)))).hasSize(1);
        assertThat(inspect(new Beaconing(THRESHOLDS), calls(equal(10, 3600)))).hasSize(1);
        assertThat(inspect(new Beaconing(THRESHOLDS), calls(equal(10, 3601)))).isEmpty();
    }

    @Test
    void beaconing_jitter_countsUpToTheThreshold() {
        assertThat(inspect(new Beaconing(THRESHOLDS), calls(varied(50, 0.1999))))
                .hasSize(1);
        // Intervals of 60 and 40 seconds, which leave nothing to round.
        assertThat(inspect(new Beaconing(THRESHOLDS), calls(varied(50, 0.2)))).hasSize(1);
        assertThat(inspect(new Beaconing(THRESHOLDS), calls(varied(50, 0.2001))))
                .isEmpty();
    }

    @Test
    void beaconing_afterIrregularConnections_isFoundAndShownWithoutThem() {
        double[] irregular =
                IntStream.range(0, 11).mapToDouble(i -> i % 2 == 0 ? 300 : 10).toArray();
        List<VMEvent> events = calls(DoubleStream.concat(DoubleStream.of(irregular), DoubleStream.of(equal(10, 30)))
                .toArray());

        assertThat(inspect(new Beaconing(THRESHOLDS), events))
                .extracting(Finding::evidence)
                .containsExactly(events.subList(11, 22));
    }

    @Test
    void beaconing_placesInTurn_areFoundUpToTheNumberThatIsRemembered() {
        assertThat(inspect(new Beaconing(THRESHOLDS), inTurn(11, 256, 300, round -> host -> t -> tcp(t, host, 443))))
                .hasSize(256);
        assertThat(inspect(new Beaconing(THRESHOLDS), inTurn(11, 257, 300, round -> host -> t -> tcp(t, host, 443))))
                .isEmpty();
    }

    @Test
    void beaconing_toANameOrAnAddressThatThePolicyNames_isANotice() {
        assertThat(inspect(
                        new Beaconing(THRESHOLDS),
                        spread(11, 300, i -> t -> attempt(t, Flow.tcp(host(1), 443), "ci.example"))))
                .extracting(Finding::severity)
                .containsExactly(Severity.NOTICE);

        NetworkPolicy policy = NetworkPolicy.agentDefault().toBuilder()
                .addRule(FilterRule.allow().tcp(5432).to("10.20.0.7/32").because("test database"))
                .build();
        Flow toDatabase = Flow.tcp("10.20.0.7", 5432);
        assertThat(inspect(
                        new Beaconing(THRESHOLDS),
                        spread(
                                11,
                                300,
                                i -> t -> ConnectionAttempted.of(
                                        Story.at(t),
                                        Story.VM,
                                        toDatabase,
                                        policy.evaluate(toDatabase),
                                        Optional.empty()))))
                .extracting(Finding::severity)
                .containsExactly(Severity.NOTICE);
    }

    @Test
    void beaconing_deniedConnections_areAProgramThatTriesAgain() {
        assertThat(inspect(new Beaconing(THRESHOLDS), spread(50, 1500, i -> t -> tcp(t, 1, 5432))))
                .isEmpty();
    }

    // Mining pools.

    @Test
    void miningPool_itsNameOrOneBelow_isAnAlert() {
        assertThat(inspect(
                        new MiningPool(THRESHOLDS),
                        List.of(answer(0, "supportxmr.com"), answer(1, "pool.eu.supportxmr.com"))))
                .extracting(Finding::severity)
                .containsExactly(Severity.ALERT, Severity.ALERT);
        assertThat(inspect(new MiningPool(THRESHOLDS), List.of(attempt(0, Flow.tcp(host(1), 443), "XMR.nanopool.org"))))
                .hasSize(1);
    }

    @Test
    void miningPool_namesThatLookAlike_areNothing() {
        assertThat(inspect(
                        new MiningPool(THRESHOLDS),
                        List.of(
                                answer(0, "notsupportxmr.com"),
                                answer(1, "supportxmr.com.example"),
                                answer(2, "com"),
                                answer(3, ""))))
                .isEmpty();
    }
}
