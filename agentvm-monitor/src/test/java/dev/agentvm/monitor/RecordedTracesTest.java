package dev.agentvm.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.traces.Trace;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Attacks as they were recorded on real guests, after the thresholds were fixed. */
class RecordedTracesTest {
    private static final Path TRACES = Path.of("src", "test", "resources", "traces");
    private static final Path FOLDER = TRACES.resolve("evaluation");
    private static final Path TUNING = TRACES.resolve("tuning");

    /** As they were when the attacks were recorded: this one was set later, and cannot be turned off further. */
    private static final Thresholds FIXED_BEFORE = Thresholds.standard().withDnsAllDomains(100);

    private static List<Trace> traces = List.of();
    private static DetectorFigures figures = DetectorFigures.of(List.of(), FIXED_BEFORE);

    @BeforeAll
    static void play() throws IOException {
        traces = files(FOLDER).stream().map(Trace::read).toList();
        figures = DetectorFigures.of(traces, FIXED_BEFORE);
    }

    @Test
    void attacks_areFound_atLeastNineteenOfTwentyByEachDetector() {
        assertThat(figures.rows())
                .as("%s", figures.faults())
                .filteredOn(row -> row.attacks() > 0)
                .hasSizeGreaterThanOrEqualTo(16)
                .allMatch(row -> row.recall() >= 0.95);
    }

    @Test
    void attacks_andTheWorkBefore_areTakenForNothingElse() {
        assertThat(figures.rows())
                .as("%s", figures.faults())
                // Whoever begins to work does what is unusual for its VM.
                .filteredOn(row -> row.attacks() > 0 && !row.kind().startsWith("unusual-"))
                .allMatch(row -> row.precision() >= 0.95);
        assertThat(figures.faults()).isEmpty();
    }

    @Test
    void ordinaryWork_forHours_raisesAtMostOneAlertAnHour() {
        assertThat(figures.hours()).isGreaterThanOrEqualTo(4);
        assertThat((double) figures.falseAlerts()).as("%s", figures.faults()).isLessThanOrEqualTo(figures.hours());
    }

    @Test
    void figures_inTheDocumentation_areThese() throws IOException {
        assertThat(Path.of("..", "docs", "monitoring.md"))
                .content(StandardCharsets.UTF_8)
                .contains(figures.table());
    }

    @Test
    void figures_ofTheThresholdsOfToday_areTheSame() {
        assertThat(DetectorFigures.of(traces, Thresholds.standard()).table()).isEqualTo(figures.table());
    }

    @Test
    void recordings_thatThresholdsWereTriedOn_areEarlierOnes() throws IOException {
        Instant last = headers(TUNING)
                .map(Trace.Header::began)
                .max(Comparator.naturalOrder())
                .orElseThrow();

        assertThat(headers(FOLDER)).allMatch(header -> header.began().isAfter(last));
    }

    private static Stream<Trace.Header> headers(Path folder) throws IOException {
        return files(folder).stream().map(file -> Trace.read(file).header());
    }

    @Test
    void trace_readAndWrittenAgain_isTheSame() throws IOException {
        Path recorded = files(FOLDER).get(0);
        Path copy = Files.createTempFile("trace", ".jsonl.gz");
        try {
            Trace.read(recorded).write(copy);

            assertThat(lines(copy)).isEqualTo(lines(recorded)).hasSizeGreaterThan(10);
        } finally {
            Files.delete(copy);
        }
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".jsonl.gz"))
                    .sorted()
                    .toList();
        }
    }

    private static List<String> lines(Path file) throws IOException {
        try (BufferedReader reader = new BufferedReader(
                new InputStreamReader(new GZIPInputStream(Files.newInputStream(file)), StandardCharsets.UTF_8))) {
            return reader.lines().toList();
        }
    }
}
