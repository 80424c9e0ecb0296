package dev.agentvm.monitor;

import static dev.agentvm.monitor.Story.answer;
import static dev.agentvm.monitor.Story.inspect;
import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.NameResolved;
import dev.agentvm.event.VMEvent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class DnsDetectorsTest {
    private static final Thresholds THRESHOLDS = Thresholds.standard();
    private static final int PTR = 12;

    private static List<VMEvent> questions(int count, double last, IntFunction<String> name) {
        return questions(count, last, NameResolved.NO_ERROR, name);
    }

    private static List<VMEvent> questions(int count, double last, int code, IntFunction<String> name) {
        return IntStream.range(0, count)
                .<VMEvent>mapToObj(i -> answer(i * last / (count - 1), name.apply(i), code))
                .toList();
    }

    /** As a tunnel makes them: a label of base32. */
    private static String data(int seed, int length) {
        Random random = new Random(seed);
        return IntStream.range(0, length)
                .mapToObj(i -> "abcdefghijklmnopqrstuvwxyz234567"
                        .substring(random.nextInt(32))
                        .substring(0, 1))
                .collect(Collectors.joining());
    }

    @Test
    void dnsTunnel_longNamesOfOneDomain_areAnAlertFromTheThresholdOn() {
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(19, 60, i -> data(i, 60) + ".t.example")))
                .isEmpty();
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(20, 60.1, i -> data(i, 60) + ".t.example")))
                .isEmpty();
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(20, 60, i -> data(i, 60) + ".t.example")))
                .extracting(Finding::severity)
                .containsExactly(Severity.ALERT);
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(21, 60, i -> data(i, 60) + ".t.example")))
                .hasSize(1);
    }

    @Test
    void dnsTunnel_labelLength_countsFromTheThresholdOn() {
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(50, 60, i -> data(i, 29) + ".t.example")))
                .isEmpty();
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(50, 60, i -> data(i, 30) + ".t.example")))
                .isNotEmpty();
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(50, 60, i -> data(i, 31) + ".t.example")))
                .isNotEmpty();
    }

    @Test
    void dnsTunnel_longNamesOfWords_areNothing() {
        assertThat(inspect(
                        new DnsTunnel(THRESHOLDS),
                        questions(100, 60, i -> "aaaaaaaaaabbbbbbbbbbccccccccccdddd" + i + ".t.example")))
                .isEmpty();
    }

    /** Different names with the letters of one label, and so its entropy. */
    private static IntFunction<String> turned(String label) {
        return i -> label.substring(i) + label.substring(0, i) + ".t.example";
    }

    @Test
    void dnsTunnel_entropy_countsFromTheThresholdOn() {
        // Half of 32 letters are eight twice each, which is 4 bits a letter, and half are four four times each: 3 bits.
        String half = "abcdefghabcdefgh" + "ijklijklijklijkl";
        assertThat(DnsName.of(half + ".t.example").entropy()).isEqualTo(THRESHOLDS.dnsEntropy());
        String under = half.replaceFirst("a", "i");
        assertThat(DnsName.of(under + ".t.example").entropy()).isBetween(3.4, Math.nextDown(3.5));
        String over = half.replaceFirst("i", "m");
        assertThat(DnsName.of(over + ".t.example").entropy()).isBetween(Math.nextUp(3.5), 3.65);

        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(20, 60, turned(under))))
                .isEmpty();
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(20, 60, turned(half))))
                .hasSize(1);
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(20, 60, turned(over))))
                .hasSize(1);
    }

    @Test
    void dnsTunnel_bytesThatAreNoAscii_countAsBytes() {
        String label = IntStream.range(0, 30).mapToObj(i -> "\\" + (200 + i)).collect(Collectors.joining());

        assertThat(DnsName.of(label + ".t.example").longestLabel()).isEqualTo(30);
        assertThat(DnsName.of("a\\.b.t.example").longestLabel()).isEqualTo(3);
        assertThat(DnsName.of("a\\.b.t.example").domain()).isEqualTo("t.example");
    }

    @Test
    void dnsTunnel_sameLongNameAgain_carriesNothing() {
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(1000, 60, i -> data(7, 60) + ".cdn.example")))
                .isEmpty();
    }

    @Test
    void dnsTunnel_manyShortNamesOfOneDomain_areAnAlertFromTheThresholdOn() {
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(199, 60, i -> "n" + i + ".t.example")))
                .isEmpty();
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(200, 60.1, i -> "n" + i + ".t.example")))
                .isEmpty();
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(200, 60, i -> "n" + i + ".t.example")))
                .hasSize(1);
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(201, 60, i -> "n" + i + ".t.example")))
                .hasSize(1);
    }

    @Test
    void dnsTunnel_shortNamesAskedForText_areAnAlertFromTheThresholdOn() {
        for (int type : new int[] {10, 16}) {
            assertThat(inspect(new DnsTunnel(THRESHOLDS), ofType(type, questions(19, 60, i -> "n" + i + ".t.example"))))
                    .isEmpty();
            assertThat(inspect(
                            new DnsTunnel(THRESHOLDS), ofType(type, questions(20, 60.1, i -> "n" + i + ".t.example"))))
                    .isEmpty();
            assertThat(inspect(new DnsTunnel(THRESHOLDS), ofType(type, questions(20, 60, i -> "n" + i + ".t.example"))))
                    .extracting(Finding::severity)
                    .containsExactly(Severity.ALERT);
            assertThat(inspect(new DnsTunnel(THRESHOLDS), ofType(type, questions(21, 60, i -> "n" + i + ".t.example"))))
                    .hasSize(1);
        }
        assertThat(inspect(new DnsTunnel(THRESHOLDS), ofType(28, questions(100, 60, i -> "n" + i + ".t.example"))))
                .isEmpty();
    }

    private static List<VMEvent> ofType(int type, List<VMEvent> questions) {
        return questions.stream()
                .<VMEvent>map(question -> ((NameResolved) question).withType(type))
                .toList();
    }

    @Test
    void dnsTunnel_longNamesOfManyDomains_areAnAlertFromTenTimesAsManyOn() {
        IntFunction<String> spread = i -> data(i, 60) + ".t" + i % 100 + ".example";
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(199, 60, spread)))
                .isEmpty();
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(200, 60.1, spread)))
                .isEmpty();
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(200, 60, spread)))
                .singleElement()
                .satisfies(finding -> {
                    assertThat(finding.severity()).isEqualTo(Severity.ALERT);
                    assertThat(finding.message()).contains("any domain", "200 within PT1M");
                    assertThat(finding.evidence()).hasSize(THRESHOLDS.evidence());
                });
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(201, 60, spread)))
                .hasSize(1);
    }

    @Test
    void dnsTunnel_shortNamesOfManyDomains_areAnAlertFromTenTimesAsManyOn() {
        IntFunction<String> spread = i -> "n" + i + ".t" + i % 500 + ".example";
        assertThat(inspect(new DnsTunnel(THRESHOLDS), ofType(16, questions(199, 60, spread))))
                .isEmpty();
        assertThat(inspect(new DnsTunnel(THRESHOLDS), ofType(16, questions(200, 60, spread))))
                .hasSize(1);
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(1999, 60, spread)))
                .isEmpty();
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(2000, 60, spread)))
                .hasSize(1);
    }

    @Test
    void dnsTunnel_veryManyNames_areAnAlertHoweverManyOfOneDomainAreAllowed() {
        Thresholds lax = THRESHOLDS.withDnsNames(new Rate(10_000, Duration.ofMinutes(1)));
        IntFunction<String> spread = i -> "n" + i + ".t" + i % 500 + ".example";

        assertThat(inspect(new DnsTunnel(lax), questions(9_999, 60, spread))).isEmpty();
        assertThat(inspect(new DnsTunnel(lax), questions(10_000, 60, spread))).hasSize(1);
    }

    @Test
    void dnsTunnel_questionsForManyOtherDomainsInBetween_doNotHideIt() {
        List<VMEvent> tunnel = questions(20, 60, i -> data(i, 60) + ".t.example");
        List<VMEvent> others = questions(1_900, 60, i -> "www.site" + i + ".example");

        assertThat(inspect(new DnsTunnel(THRESHOLDS), others)).isEmpty();
        assertThat(inspect(
                        new DnsTunnel(THRESHOLDS),
                        Stream.concat(tunnel.stream(), others.stream())
                                .sorted(Comparator.comparing(VMEvent::time))
                                .toList()))
                .singleElement()
                .satisfies(finding -> {
                    assertThat(finding.message()).contains("t.example");
                    assertThat(finding.evidence()).isEqualTo(tunnel);
                });
    }

    @Test
    void dnsTunnel_alertOfOneDomain_leavesWhatWasCountedOfOthers() {
        List<VMEvent> events = new ArrayList<>(questions(19, 30, i -> data(i, 60) + ".slow.example"));
        events.addAll(questions(20, 30, i -> data(i, 60) + ".quick.example"));
        events.add(answer(31, data(20, 60) + ".slow.example"));

        assertThat(inspect(new DnsTunnel(THRESHOLDS), events)).hasSize(2);
    }

    @Test
    void dnsTunnel_addressesTurnedIntoNames_areNothing() {
        IntFunction<String> ipv4 = i -> i % 256 + "." + i / 256 + ".0.20.in-addr.arpa";
        IntFunction<String> ipv6 =
                i -> HexFormat.of().toHexDigits((long) i).replaceAll("(.)", "$1.") + "8.b.d.0.1.0.0.2.ip6.arpa";
        assertThat(inspect(new DnsTunnel(THRESHOLDS), ofType(PTR, questions(500, 60, ipv4))))
                .isEmpty();
        assertThat(inspect(new DnsTunnel(THRESHOLDS), ofType(PTR, questions(500, 60, ipv6))))
                .isEmpty();
        assertThat(inspect(new UnknownNames(THRESHOLDS), questions(500, 60, NameResolved.NX_DOMAIN, ipv4)))
                .isEmpty();
    }

    @Test
    void dnsTunnel_belowNamesOfAddresses_isAnAlert() {
        IntFunction<String> data = i -> data(i, 60) + ".0.0.2.ip6.arpa";
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(20, 60, data))).hasSize(1);
        assertThat(inspect(new DnsTunnel(THRESHOLDS), ofType(PTR, questions(20, 60, data))))
                .hasSize(1);
        assertThat(inspect(new UnknownNames(THRESHOLDS), questions(50, 60, NameResolved.NX_DOMAIN, data)))
                .hasSize(1);
    }

    @Test
    void dnsTunnel_textOfNamesOfAddresses_isAnAlert() {
        assertThat(inspect(new DnsTunnel(THRESHOLDS), ofType(16, questions(20, 60, i -> i + ".0.0.20.in-addr.arpa"))))
                .hasSize(1);
    }

    @Test
    void unknownNames_areAnAlertFromTheThresholdOn() {
        int no = NameResolved.NX_DOMAIN;
        assertThat(inspect(new UnknownNames(THRESHOLDS), questions(49, 60, no, i -> data(i, 12) + ".example")))
                .isEmpty();
        assertThat(inspect(new UnknownNames(THRESHOLDS), questions(50, 60.1, no, i -> data(i, 12) + ".example")))
                .isEmpty();
        assertThat(inspect(new UnknownNames(THRESHOLDS), questions(50, 60, no, i -> data(i, 12) + ".example")))
                .extracting(Finding::kind, Finding::severity)
                .containsExactly(org.assertj.core.groups.Tuple.tuple(AnomalyKinds.UNKNOWN_NAMES, Severity.ALERT));
        assertThat(inspect(new UnknownNames(THRESHOLDS), questions(51, 60, no, i -> data(i, 12) + ".example")))
                .hasSize(1);
    }

    /** So many names that exist, the last at the time 0, and as many that do not as are an alert, the last at that time. */
    private static List<VMEvent> knownThenUnknown(int known, double last) {
        List<VMEvent> events = new ArrayList<>(IntStream.range(0, known)
                .mapToObj(i -> answer((i - known + 1) * 0.1, "host" + i + ".example"))
                .toList());
        IntStream.range(0, 50)
                .mapToObj(i -> answer(last + (i - 49) * 0.1, "none" + i + ".example", NameResolved.NX_DOMAIN))
                .forEach(events::add);
        return events;
    }

    @Test
    void unknownNames_namesThatExist_countFromTheThresholdOn() {
        assertThat(inspect(new UnknownNames(THRESHOLDS), knownThenUnknown(49, 10)))
                .hasSize(1);
        assertThat(inspect(new UnknownNames(THRESHOLDS), knownThenUnknown(50, 10)))
                .isEmpty();
        assertThat(inspect(new UnknownNames(THRESHOLDS), knownThenUnknown(51, 10)))
                .isEmpty();
    }

    @Test
    void unknownNames_namesThatExist_countForTheTimeOfTheThreshold() {
        assertThat(inspect(new UnknownNames(THRESHOLDS), knownThenUnknown(50, 59.9)))
                .isEmpty();
        assertThat(inspect(new UnknownNames(THRESHOLDS), knownThenUnknown(50, 60)))
                .isEmpty();
        assertThat(inspect(new UnknownNames(THRESHOLDS), knownThenUnknown(50, 60.1)))
                .hasSize(1);
    }

    @Test
    void unknownNames_amongAsManyThatExist_areASearchList() {
        UnknownNames detector = new UnknownNames(THRESHOLDS);
        List<VMEvent> events = IntStream.range(0, 100)
                .<VMEvent>mapToObj(i -> i % 2 == 0
                        ? answer(i * 0.1, "host" + i / 2 + ".example")
                        : answer(i * 0.1, "host" + i / 2 + ".example.lan", NameResolved.NX_DOMAIN))
                .toList();

        assertThat(inspect(detector, events)).isEmpty();
    }
}
