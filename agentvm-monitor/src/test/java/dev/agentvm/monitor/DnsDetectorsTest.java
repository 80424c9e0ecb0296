package dev.agentvm.monitor;

import static dev.agentvm.monitor.Story.answer;
import static dev.agentvm.monitor.Story.inspect;
import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.NameResolved;
import dev.agentvm.event.VMEvent;
import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class DnsDetectorsTest {
    private static final Thresholds THRESHOLDS = Thresholds.standard();

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
    }

    @Test
    void dnsTunnel_labelLength_countsFromTheThresholdOn() {
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(50, 60, i -> data(i, 29) + ".t.example")))
                .isEmpty();
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(50, 60, i -> data(i, 30) + ".t.example")))
                .isNotEmpty();
    }

    @Test
    void dnsTunnel_longNamesOfWords_areNothing() {
        assertThat(inspect(
                        new DnsTunnel(THRESHOLDS),
                        questions(100, 60, i -> "aaaaaaaaaabbbbbbbbbbccccccccccdddd" + i + ".t.example")))
                .isEmpty();
    }

    @Test
    void dnsTunnel_entropy_countsFromTheThresholdOn() {
        // 32 characters, 8 or 16 different ones equally often: 3 or 4 bits each.
        IntFunction<String> eight = i -> "abcdefgh".repeat(4) + "." + (i % 2 == 0 ? "a" : "b") + i % 8 + ".t.example";
        assertThat(DnsName.of("abcdefgh".repeat(4) + ".t.example").entropy()).isEqualTo(3);
        assertThat(DnsName.of("abcdefghijklmnop".repeat(2) + ".t.example").entropy())
                .isEqualTo(4);
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(100, 60, eight)))
                .isEmpty();
        Thresholds four = THRESHOLDS.withDnsEntropy(4).withDnsLongNames(new Rate(1, java.time.Duration.ofSeconds(1)));
        assertThat(inspect(new DnsTunnel(four), List.of(answer(0, "abcdefghijklmnop".repeat(2) + ".t.example"))))
                .hasSize(1);
        assertThat(inspect(new DnsTunnel(four), List.of(answer(0, "abcdefghijklmno".repeat(2) + ".t.example"))))
                .isEmpty();
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
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(200, 60, i -> "n" + i + ".t.example")))
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
    void dnsTunnel_addressesTurnedIntoNames_areNothing() {
        assertThat(inspect(new DnsTunnel(THRESHOLDS), questions(500, 60, i -> i + ".0.0.20.in-addr.arpa")))
                .isEmpty();
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
