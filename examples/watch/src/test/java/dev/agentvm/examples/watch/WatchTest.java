package dev.agentvm.examples.watch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.VMTemplate;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.ObservationLimited;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.testkit.FakeHypervisor;
import dev.agentvm.testkit.FakeVM;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WatchTest {
    private static final String HOSTILE = "\u001b[2J\u0007\r\n\u009b31m\u202egnp.\u200bexe\u00ad";

    private final Board board = new Board();
    private final FakeHypervisor hypervisor =
            new FakeHypervisor.Builder().addListener(board).build();

    @AfterEach
    void close() {
        hypervisor.close();
    }

    @Test
    void table_vmThatWorks_hasItsTrafficAndWhatItDidLast() {
        FakeVM vm = launch("agent");
        vm.connect(Flow.tcp("140.82.112.3", 443));
        vm.connect(Flow.tcp("169.254.169.254", 80));
        sample(vm, 4096, 2_000_000);
        sample(vm, 14_336, 42_000_000);
        hypervisor.time().advance(Duration.ofMinutes(5));

        await().untilAsserted(() -> assertThat(text(120, 20))
                .anyMatch(line -> line.matches(
                        "agent +running +5m +1\\.0K +3\\.8M +1 +1 +0  DENIED to 169\\.254\\.169\\.254 tcp 80")));
        assertThat(text(120, 20)).first().asString().startsWith("1 VM  1 denied  0 alerts");
        assertThat(text(120, 20)).anyMatch(line -> line.contains("agent to 140.82.112.3 tcp 443"));
    }

    @Test
    void table_vmThatIsLaunched_isStartingUntilItAnswers() {
        List<String> seen = new ArrayList<>();
        hypervisor.launch(
                new VMTemplate.Builder().name("agent").build(),
                new LaunchOptions.Builder()
                        .listener((step, time) -> {
                            if (step == LaunchStep.RESUMED) {
                                await().untilAsserted(() -> assertThat(text(100, 20))
                                        .anyMatch(line -> line.startsWith("agent ") && line.contains(" starting ")));
                                seen.add("starting");
                            }
                        })
                        .build());

        assertThat(seen).containsExactly("starting");
        await().untilAsserted(() ->
                assertThat(text(100, 20)).anyMatch(line -> line.startsWith("agent ") && line.contains(" running ")));
    }

    @Test
    void table_alert_isOnTopAndStandsOut() {
        launch("a-good-one");
        FakeVM bad = launch("z-bad-one");
        hypervisor
                .events()
                .publish(new AnomalyDetected.Builder()
                        .time(hypervisor.time().now())
                        .vm(identity(bad))
                        .kind("port-scan")
                        .severity(AnomalyDetected.Severity.ALERT)
                        .message("it tried 25 ports")
                        .build());

        await().untilAsserted(() ->
                assertThat(text(100, 20)).anyMatch(line -> line.contains("ALERT port-scan: it tried 25 ports")));
        List<Line> lines = lines(100, 20);
        assertThat(lines.get(2).text()).startsWith("z-bad-one");
        assertThat(lines.get(2).tone()).isEqualTo(Line.Tone.ALERT);
        assertThat(lines.get(3).tone()).isEqualTo(Line.Tone.PLAIN);
    }

    private void alert(FakeVM vm) {
        hypervisor
                .events()
                .publish(new AnomalyDetected.Builder()
                        .time(hypervisor.time().now())
                        .vm(identity(vm))
                        .kind("port-scan")
                        .severity(AnomalyDetected.Severity.ALERT)
                        .message("it tried 25 ports")
                        .build());
    }

    @Test
    void table_alert_staysWhileItsVMMakesOtherNews() {
        FakeVM vm = launch("agent");
        alert(vm);
        for (int port = 1; port <= 60; port++) {
            vm.connect(Flow.tcp("10.0.0.1", port));
        }

        await().untilAsserted(() -> assertThat(text(100, 12)).anyMatch(line -> line.contains("tcp 60")));
        assertThat(text(100, 12)).anyMatch(line -> line.contains("ALERT port-scan: it tried 25 ports"));
    }

    @Test
    void table_vmThatIsPartlySeen_claimsNoMoreThanThat() {
        FakeVM vm = launch("agent");
        vm.connect(Flow.tcp("10.0.0.1", 80));
        hypervisor
                .events()
                .publish(new ObservationLimited.Builder()
                        .time(hypervisor.time().now())
                        .vm(identity(vm))
                        .reason("its tap cannot be read")
                        .build());

        await().untilAsserted(() -> assertThat(text(120, 20))
                .anyMatch(line -> line.endsWith("agent not everything is seen: its tap cannot be read")));
        assertThat(text(120, 20)).anyMatch(line -> line.matches("agent +running .* 0\\+ +1\\+ +0\\+  DENIED .*"));
        assertThat(text(120, 20)).first().asString().startsWith("1 VM  1+ denied  0+ alerts");
    }

    @ParameterizedTest
    @CsvSource({
        "0, false, 0",
        "0, true, 0+",
        "99999, true, 99999+",
        "100000, true, 100K+",
        "999999, false, 999999",
        "999999, true, 999K+",
        "1000000, false, 1M",
        "25000000, true, 25M+"
    })
    void table_manyDenials_fitTheirColumn(long denied, boolean partly, String shown) {
        Row row = new Row(
                new UUID(0, 1),
                "agent",
                "running",
                Optional.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalLong.of(1),
                OptionalLong.of(denied),
                OptionalLong.of(0),
                partly,
                Optional.empty());
        View view = new View(Instant.EPOCH, List.of(row), List.of(), List.of(), Optional.empty());

        String line = Table.lines(view, 120, 20).get(2).text();

        assertThat(line.split(" +")[6]).isEqualTo(shown);
        assertThat(line).as("columns in their places").hasSize(65);
    }

    @Test
    void table_eventsLostAgainAndAgain_leaveAlertsInTheirPlace() {
        FakeVM vm = launch("agent");
        alert(vm);
        FakeVM other = launch("other");
        for (int count = 1; count <= 60; count++) {
            hypervisor.events().publish(lost(identity(vm), count));
            hypervisor.events().publish(lost(identity(other), 1));
        }

        await().untilAsserted(() -> assertThat(text(100, 12))
                .filteredOn(line -> line.contains("lost"))
                .map(line -> line.substring("00:00:00 ".length()))
                .containsExactly(
                        "other not everything is seen: an event was lost (rate) (60 times)",
                        "agent not everything is seen: an event was lost (rate) (1830 times)"));
        assertThat(text(100, 12)).anyMatch(line -> line.contains("ALERT port-scan: it tried 25 ports"));
        assertThat(text(100, 12)).first().asString().startsWith("2 VMs  0+ denied  1+ alert ");
    }

    @Test
    void table_vmWhoseBeginningWasLost_isPartlySeenAndNotAnotherPrograms() {
        FakeVM vm = launch("agent");
        Board late = new Board();

        late.onEvent(lost(identity(vm), 7));

        assertThat(text(late, 120, 20))
                .anyMatch(line -> line.matches("agent +running( +-){3}( +0\\+){3}"))
                .anyMatch(line -> line.endsWith("agent not everything is seen: an event was lost (rate) (7 times)"));
        assertThat(text(late, 120, 20)).first().asString().startsWith("1 VM  0+ denied  0+ alerts");
    }

    @Test
    void table_vmThatIsHeardOfLate_hasNoRatesOfBefore() {
        FakeVM vm = launch("agent");
        Board late = new Board();

        late.onEvent(sampled(vm, 1_000_000, 1_000_000));

        assertThat(text(late, 120, 20)).anyMatch(line -> line.matches("agent +running( +-){3}( +0\\+){3}"));
        late.onEvent(sampled(vm, 1_010_240, 1_000_000));
        assertThat(text(late, 120, 20)).anyMatch(line -> line.matches("agent +running +- +1\\.0K +0B( +0\\+){3}"));
    }

    @Test
    void table_lossToldAfterTheEnd_isNews() {
        FakeVM vm = launch("agent");
        vm.powerOff();
        await().untilAsserted(() -> assertThat(text(100, 20)).anyMatch(line -> line.contains("agent died: ")));

        board.onEvent(lost(identity(vm), 1));

        assertThat(text(100, 20))
                .anyMatch(line -> line.endsWith("agent not everything is seen: an event was lost (rate)"))
                .noneMatch(line -> line.startsWith("agent "));
    }

    @Test
    void table_moreVMsThanAreRemembered_saysSoUntilThoseThatEndedAreForgotten() {
        FakeVM vm = launch("agent");
        Board late = new Board();
        for (int i = 0; i < 4096; i++) {
            late.onEvent(lost(VMIdentity.of(new UUID(1, i), "vm-" + i), 1));
        }

        late.onEvent(lost(identity(vm), 1));

        View full = late.look(hypervisor, hypervisor.time().now());
        assertThat(full.rows())
                .singleElement()
                .satisfies(row -> assertThat(row.last()).contains("(another program's, or too many to watch)"));
        late.onEvent(lost(identity(vm), 1));
        assertThat(text(late, 120, 20)).anyMatch(line -> line.matches("agent +running( +-){3}( +0\\+){3}"));
    }

    @Test
    void table_longNames_hideNothingOfWhatStandsBehindThem() {
        FakeVM vm = launch("a".repeat(61));
        Flow flow = Flow.tcp("10.0.0.1", 80);
        hypervisor
                .events()
                .publish(ConnectionAttempted.of(
                        hypervisor.time().now(),
                        identity(vm),
                        flow,
                        NetworkPolicy.agentDefault().evaluate(flow),
                        Optional.of("github.com." + "x".repeat(60) + ".evil.example")));

        await().untilAsserted(() -> assertThat(text(160, 20))
                .anyMatch(line -> line.contains(
                        "a~ DENIED to ~" + "x".repeat(26) + ".evil.example (10.0.0.1) tcp 80: private networks")));
        assertThat(text(160, 20)).anyMatch(line -> line.startsWith("a".repeat(23) + "~ "));
    }

    @Test
    void table_sameAgainAndAgain_isOneLineThatSaysHowOften() {
        FakeVM vm = launch("agent");
        for (int i = 0; i < 7; i++) {
            vm.connect(Flow.tcp("10.0.0.1", 80));
        }

        await().untilAsserted(() -> assertThat(text(160, 20)).anyMatch(line -> line.endsWith("(7 times)")));
        assertThat(text(160, 20))
                .filteredOn(line -> line.contains("private networks"))
                .hasSize(1);
    }

    @Test
    void table_vmThatEnds_isGoneAndItsEndIsNews() {
        FakeVM vm = launch("agent");
        vm.powerOff();

        await().untilAsserted(() -> assertThat(text(100, 20)).anyMatch(line -> line.contains("agent died: ")));
        assertThat(text(100, 20)).noneMatch(line -> line.startsWith("agent "));
    }

    @Test
    void table_vmOfAnotherProgram_saysWhoWatchesIt() {
        FakeHypervisor other = hypervisor.anotherProgram();
        other.launch(new VMTemplate.Builder().name("theirs").build());

        assertThat(text(120, 20))
                .as("what is not known is no 0")
                .anyMatch(line -> line.matches("theirs +running( +-){6}  \\(another program's, which watches it\\)"));
        assertThat(text(120, 20)).first().asString().startsWith("1 VM  0+ denied  0+ alerts");
        other.close();
    }

    @Test
    void table_hypervisorThatCannotBeAsked_saysSo() {
        hypervisor.close();

        assertThat(text(100, 20)).anyMatch(line -> line.startsWith("out of date: The hypervisor was closed"));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 20, 40, 60, 79, 200})
    void table_anyWidth_isNeverWiderAndNamesItsVMs(int width) {
        for (int i = 0; i < 5; i++) {
            launch("agent-" + i).connect(Flow.tcp("10.0.0.1", 80));
        }
        await().until(() -> text(200, 30).get(0).contains("5 denied"));

        for (int height : new int[] {1, 2, 5, 8, 50}) {
            List<String> lines = text(width, height);
            assertThat(lines).hasSizeLessThanOrEqualTo(height).allMatch(line -> line.length() <= width);
        }
        if (width >= 20) {
            assertThat(text(width, 50)).anyMatch(line -> line.startsWith("agent-4"));
            assertThat(text(width, 50).get(1)).contains("ALERTS");
        }
    }

    @Test
    void table_moreVMsThanLines_saysHowManyMore() {
        for (int i = 0; i < 9; i++) {
            launch("agent-" + i);
        }

        List<String> lines = text(80, 8);

        long shown = lines.stream().filter(line -> line.startsWith("agent-")).count();
        assertThat(shown).isPositive();
        assertThat(lines).contains("... and " + (9 - shown) + " more");
    }

    @Test
    void table_hostileNames_areNeutralised() {
        FakeVM vm = launch("agent");
        Flow flow = Flow.tcp("140.82.112.3", 443);
        hypervisor
                .events()
                .publish(ConnectionAttempted.of(
                        hypervisor.time().now(),
                        identity(vm),
                        flow,
                        NetworkPolicy.agentDefault().evaluate(flow),
                        Optional.of(HOSTILE)));
        await().until(() -> text(120, 20).stream().anyMatch(line -> line.contains("140.82.112.3")));

        String frame = Terminal.frame(lines(120, 20));

        assertThat(text(120, 20)).allMatch(line -> line.chars().allMatch(c -> c >= ' ' && c <= '~'));
        assertThat(text(120, 20)).anyMatch(line -> line.contains("to ?[2J????31m?gnp.?exe? (140.82.112.3) tcp 443"));
        assertThat(frame.replaceAll("\u001b\\[(H|K|J|[0-9;]+m)", "").replace("\r\n", ""))
                .as("no escape but the terminal's own")
                .matches("[ -~]*");
    }

    @Test
    void plain_lettersOfOneColumn_stay() {
        assertThat(Plain.of("Größe naïve Łódź")).isEqualTo("Größe naïve Łódź");
        assertThat(Plain.of("日本 \ud83d\ude00 a\u0301")).isEqualTo("?? ? a?");
    }

    @Test
    void frame_isDrawnOverWhatWasThere() {
        String frame = Terminal.frame(List.of(new Line("one", Line.Tone.TITLE), new Line("two", Line.Tone.PLAIN)));

        assertThat(frame)
                .isEqualTo("\u001b[H\u001b[1mone\u001b[0m\u001b[K\r\n\u001b[0mtwo\u001b[0m\u001b[K\u001b[J")
                .as("a screen that is erased first flickers")
                .doesNotContain("\u001b[2J");
    }

    @Test
    void size_asSttyPrintsIt_isReadAndNonsenseIsNot() {
        assertThat(Terminal.parse("40 120\n")).contains(new Terminal.Size(120, 40));
        assertThat(Terminal.parse("0 0\n")).isEmpty();
        assertThat(Terminal.parse("stty: no tty")).isEmpty();
    }

    @Test
    void once_fake_printsPlainTextAndEnds() throws InterruptedException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Options options = Options.parse("--once", "--fake", "--vms", "3", "--wait", "2");

        new Watch(new Board(), options, new PrintStream(out, true, StandardCharsets.UTF_8), new CountDownLatch(1))
                .pretend();

        String printed = out.toString(StandardCharsets.UTF_8);
        assertThat(printed).contains("3 VMs", "agent-1", "agent-2", "agent-3").doesNotContain("\u001b");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--vms 0", "--vms", "--wait x", "--no-such", "tiny", "--fake tiny true", "a b c"})
    void options_wrong_areRefusedInWords(String line) {
        assertThatExceptionOfType(IllegalArgumentException.class)
                .isThrownBy(() -> Options.parse(line.split(" ")))
                .withMessageMatching(".*(number from 1 to|unknown option|image).*");
    }

    private FakeVM launch(String name) {
        return hypervisor.launch(new VMTemplate.Builder().name(name).build());
    }

    private void sample(FakeVM vm, long sent, long received) {
        hypervisor.events().publish(sampled(vm, sent, received));
    }

    private TrafficSampled sampled(FakeVM vm, long sent, long received) {
        return new TrafficSampled.Builder()
                .time(hypervisor.time().now())
                .vm(identity(vm))
                .interval(Duration.ofSeconds(10))
                .sentBytes(sent)
                .receivedBytes(received)
                .build();
    }

    private EventsLost lost(VMIdentity vm, long count) {
        return new EventsLost.Builder()
                .time(hypervisor.time().now())
                .vm(vm)
                .cause(EventsLost.Cause.RATE)
                .count(count)
                .since(hypervisor.time().now())
                .build();
    }

    private static VMIdentity identity(FakeVM vm) {
        return VMIdentity.of(vm.id(), vm.name());
    }

    private List<Line> lines(Board board, int width, int height) {
        return Table.lines(board.look(hypervisor, hypervisor.time().now()), width, height);
    }

    private List<Line> lines(int width, int height) {
        return lines(board, width, height);
    }

    private List<String> text(Board board, int width, int height) {
        return lines(board, width, height).stream().map(Line::text).toList();
    }

    private List<String> text(int width, int height) {
        return text(board, width, height);
    }
}
