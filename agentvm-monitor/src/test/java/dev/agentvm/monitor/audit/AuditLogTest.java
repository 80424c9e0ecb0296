package dev.agentvm.monitor.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import dev.agentvm.InvalidValueException;
import dev.agentvm.event.CommandEnded;
import dev.agentvm.event.VMDied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.monitor.Story;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AuditLogTest {
    @TempDir
    Path directory;

    private final SetClock clock = new SetClock();

    /** A clock that stands where it is set. */
    private static final class SetClock extends Clock {
        private Instant now = Story.START;

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            return now;
        }
    }

    private AuditLog.Builder log() {
        return new AuditLog.Builder(directory).clock(clock);
    }

    private List<Path> files() throws IOException {
        return LogFiles.in(directory);
    }

    private List<String> lines() throws IOException {
        List<String> lines = new ArrayList<>();
        for (Path file : files()) {
            lines.addAll(Files.readAllLines(file));
        }
        return lines;
    }

    private static VMEvent died(String reason) {
        return new VMDied.Builder()
                .time(Story.START)
                .vm(Samples.VM)
                .reason(reason)
                .build();
    }

    private static VMEvent command(String... argv) {
        return new CommandEnded.Builder()
                .time(Story.START)
                .vm(Samples.VM)
                .addArgv(argv)
                .duration(Duration.ofSeconds(1))
                .exitCode(0)
                .build();
    }

    @Test
    void open_twiceInOneProgram_keepsTheFirstOnesLock() throws Exception {
        try (AuditLog log = log().open()) {
            log.onEvent(died("before"));
            assertThatThrownBy(() -> log().open())
                    .isInstanceOf(AuditLogException.class)
                    .hasMessageContaining("by this one already");

            Process other =
                    WriterProgram.of(directory).redirectErrorStream(true).start();
            String firstLine = String.valueOf(other.inputReader().readLine());
            other.destroyForcibly().waitFor();
            assertThat(firstLine).contains("is being written by another program");
            log.onEvent(died("after"));
        }
        log().open().close();

        assertThat(AuditLog.verify(directory).intact()).isTrue();
    }

    private static VMEvent denied(int port) {
        return Story.tcp(port, 1, port);
    }

    private long bytes() throws IOException {
        return LogFiles.size(directory);
    }

    @Test
    void maxTotalSize_floodOfDeniedAttempts_leavesRoomForTheRestAndCountsWhatIsMissing() throws IOException {
        long limit = 1024 * 1024;
        try (AuditLog log = log().maxTotalSize(limit).open()) {
            for (int i = 0; i < 5_000; i++) {
                log.onEvent(denied(10_000 + i));
            }
            long missed = log.missed();
            assertThat(missed).isPositive();
            assertThat(bytes()).isBetween(limit * 8 / 10, limit * 9 / 10);

            log.onEvent(died("a rare event"));

            assertThat(log.missed()).isEqualTo(missed);
            List<String> lines = lines();
            assertThat(lines.get(lines.size() - 1)).contains("a rare event");
            assertThat(lines.get(lines.size() - 2))
                    .contains("\"type\":\"entries-missing\",\"count\":" + missed)
                    .contains("maxTotalSize");
        }
        assertThat(AuditLog.verify(directory).intact()).isTrue();
    }

    @Test
    void maxTotalSize_reached_isNotExceededAndStillEnds() throws IOException {
        long limit = 1024 * 1024;
        try (AuditLog log = log().maxTotalSize(limit).open()) {
            for (int i = 0; i < 1_000; i++) {
                log.onEvent(died("x".repeat(3_000)));
            }
            assertThat(log.missed()).isPositive();
        }

        assertThat(bytes()).isLessThanOrEqualTo(limit);
        assertThat(AuditLog.verify(directory)).satisfies(verification -> {
            assertThat(verification.intact()).isTrue();
            assertThat(verification.closed()).isTrue();
        });
        assertThatThrownBy(() -> log().maxTotalSize(limit).open())
                .isInstanceOf(AuditLogException.class)
                .hasMessageContaining("maxTotalSize");
        log().open().close();
    }

    @Test
    void maxTotalSize_filesMovedAway_isWrittenAgain() throws IOException {
        try (AuditLog log =
                log().maxTotalSize(1024 * 1024).maxFileSize(64 * 1024).open()) {
            for (int i = 0; i < 1_000; i++) {
                log.onEvent(died("x".repeat(3_000)));
            }
            for (Path file : files().subList(0, 10)) {
                Files.delete(file);
            }
            clock.now = clock.now.plusSeconds(10);
            long missed = log.missed();

            log.onEvent(died("again"));

            assertThat(log.missed()).isEqualTo(missed);
        }
    }

    @Test
    void onEvent_afterTheClose_countsAsMissed() {
        AuditLog log = log().open();
        log.close();

        log.onEvent(died("late"));

        assertThat(log.missed()).isEqualTo(1);
    }

    /** Of a log of at most so many bytes, in one file. */
    private LogWriter writer(long size) {
        return LogWriter.open(
                directory,
                new LogWriter.Limits(size, Duration.ofDays(1), size, AuditLog.Sync.FILE),
                clock,
                FileAppender::open);
    }

    @Test
    void write_entryThatCannotBeMade_isMissing() throws IOException {
        LogWriter writer = writer(1 << 20);

        writer.write(false, sequence -> {
            throw new IllegalStateException("its own fault");
        });
        writer.write(false, sequence -> Entry.of(sequence, died("next")));
        writer.close();

        assertThat(writer.missed()).isEqualTo(1);
        assertThat(lines())
                .anySatisfy(line -> assertThat(line)
                        .contains("\"type\":\"entries-missing\",\"count\":1")
                        .contains("its own fault"));
    }

    @Test
    void verify_lastEntryWithALabelThatLooksLikeAClose_isNotClosed() {
        AuditLog log = log().open();
        log.onEvent(new VMDied.Builder()
                .time(Story.START)
                .vm(Samples.VM.withLabels(Map.of("a", "x", "type", "log-closed")))
                .reason("done")
                .build());

        assertThat(AuditLog.verify(directory).closed()).isFalse();
        log.close();
        assertThat(AuditLog.verify(directory).closed()).isTrue();
    }

    @Test
    void onEvent_veryManyLabels_areCutAndSaySo() throws IOException {
        Map<String, String> labels = new TreeMap<>();
        for (int i = 0; i < 300; i++) {
            labels.put("label-" + i, "x");
        }
        try (AuditLog log = log().open()) {
            log.onEvent(new VMDied.Builder()
                    .time(Story.START)
                    .vm(Samples.VM.withLabels(labels))
                    .reason("done")
                    .build());
        }

        assertThat(lines()).anySatisfy(line -> assertThat(line).contains("\"labelsLeftOut\":44"));
        assertThat(AuditLog.verify(directory).intact()).isTrue();
    }

    @Test
    void write_entryLongerThanAnyMayBe_isMissing() throws IOException {
        LogWriter writer = writer(1 << 30);

        writer.write(
                false, sequence -> "{\"seq\":" + sequence + ",\"x\":\"" + "x".repeat(FileScan.LONGEST_LINE) + "\"}");
        writer.close();

        assertThat(writer.missed()).isEqualTo(1);
        assertThat(AuditLog.verify(directory).intact()).isTrue();
    }

    @Test
    void onEvent_eachKind_isOneLineOfJsonWithWhoAndWhen() throws IOException {
        try (AuditLog log = log().everything().open()) {
            Samples.ofEachKind().forEach(log::onEvent);
        }

        assertThat(lines()).hasSize(Samples.ofEachKind().size() + 3).allSatisfy(AuditLogTest::isJson);
        assertThat(lines())
                .filteredOn(line -> line.contains("\"type\":\"connection-denied\",\"vm\""))
                .hasSize(3);
        assertThat(lines().get(2))
                .contains("\"time\":\"2026-03-01T12:00:00Z\"")
                .contains("\"type\":\"launch-started\"")
                .contains("\"owner\":\"host-program-7\"")
                .contains("\"team\":\"blue\"")
                .contains("\"reason\":\"test database\"");
        assertThat(AuditLog.verify(directory)).satisfies(verification -> {
            assertThat(verification.intact()).isTrue();
            assertThat(verification.closed()).isTrue();
            assertThat(verification.entries()).isEqualTo(Samples.ofEachKind().size() + 3);
        });
    }

    private static void isJson(String line) throws IOException {
        try (JsonParser parser = new JsonFactory().createParser(line)) {
            while (parser.nextToken() != null) {
                parser.getText();
            }
        }
    }

    @Test
    void onEvent_notEverything_leavesOutWhatIsAllowed() throws IOException {
        try (AuditLog log = log().open()) {
            Samples.ofEachKind().forEach(log::onEvent);
        }

        assertThat(lines())
                .noneMatch(line -> line.contains("\"type\":\"connection-allowed\",\"vm\""))
                .noneMatch(line -> line.contains("\"type\":\"sample\""))
                .anyMatch(line -> line.contains("\"type\":\"policy-changed\""));
    }

    @Test
    void onEvent_controlCharacters_areEscaped() throws IOException {
        try (AuditLog log = log().open()) {
            log.onEvent(died("a\nb\r\u001b[2J\u007f\u0085\u2028\u202e\"\\ \ud800 ü"));
        }

        assertThat(Files.readString(files().get(0), StandardCharsets.US_ASCII)).matches("[ -~\n]*");
        assertThat(lines())
                .hasSize(4)
                .anyMatch(line -> line.contains("a\\nb\\r\\u001B[2J\\u007F\\u0085\\u2028\\u202E"));
        assertThat(AuditLog.verify(directory).intact()).isTrue();
    }

    @Test
    void onEvent_veryLongText_isCut() throws IOException {
        try (AuditLog log = log().open()) {
            log.onEvent(died("x".repeat(1_000_000)));
            log.onEvent(command("y".repeat(1_000_000)));
        }

        assertThat(lines()).allSatisfy(line -> assertThat(line.length()).isLessThan(10_000));
    }

    @Test
    void onEvent_secrets_areRedacted() throws IOException {
        try (AuditLog log = log().open()) {
            log.onEvent(command("curl", "-H", "Authorization: Bearer s3cr3t-bearer", "https://me:s3cr3t-info@host/x"));
            log.onEvent(command("mysql", "--password=s3cr3t-option", "--token", "s3cr3t-next", "-u", "me"));
            log.onEvent(
                    command("sh", "-c", "GITHUB_TOKEN=s3cr3t-env git push; export AWS_SECRET_ACCESS_KEY='s3cr3t-aws'"));
            log.onEvent(command("x", "{\"apiKey\": \"s3cr3t-json\"}", "ghp_" + "s3cr3tA1".repeat(5)));
            log.onEvent(died("login failed: password=s3cr3t"));
            log.onEvent(command("git", "commit", "--author", "Ada"));
        }

        String all = String.join("\n", lines());
        assertThat(all.replace("login failed: password=s3cr3t", ""))
                .doesNotContain("s3cr3t")
                .doesNotContain("hunter2");
        assertThat(all).contains("\"-u\",\"me\"").contains("\"--author\",\"Ada\"");
    }

    @Test
    void open_again_goesOnWithTheChain() throws IOException {
        Head first;
        try (AuditLog log = log().open()) {
            log.onEvent(died("one"));
            first = log.head();
        }
        try (AuditLog log = log().open()) {
            log.onEvent(died("two"));
        }

        assertThat(files()).hasSize(1);
        assertThat(lines()).anyMatch(line -> line.contains("\"closedBefore\":true,\"cutBytes\":0"));
        assertThat(AuditLog.verify(directory).intact()).isTrue();
        assertThat(AuditLog.verify(directory, first).intact()).isTrue();
    }

    @Test
    void open_afterATornLine_cutsItOffAndSaysSo() throws IOException {
        try (AuditLog log = log().open()) {
            log.onEvent(died("one"));
        }
        Path file = files().get(0);
        List<String> lines = Files.readAllLines(file);
        Files.writeString(
                file,
                String.join("\n", lines.subList(0, 3)) + "\n" + lines.get(3).substring(0, 17));
        assertThat(AuditLog.verify(directory)).satisfies(verification -> {
            assertThat(verification.intact()).isFalse();
            assertThat(verification.firstBreak()).isEmpty();
            assertThat(verification.tornBytes()).isEqualTo(17);
        });

        log().open().close();

        assertThat(AuditLog.verify(directory).intact()).isTrue();
        assertThat(lines()).anyMatch(line -> line.contains("\"closedBefore\":false,\"cutBytes\":17"));
    }

    @Test
    void open_afterACrashAsAFileBegan_goesOnFromTheFileBefore() throws IOException {
        try (AuditLog log = log().open()) {
            log.onEvent(died("one"));
        }
        Files.writeString(LogFiles.numbered(directory, 2), "{\"seq\":5,");

        log().open().close();

        assertThat(AuditLog.verify(directory).intact()).isTrue();
        assertThat(files()).hasSize(2);
    }

    @Test
    void open_lastFileThatDoesNotVerify_isRefused() throws IOException {
        try (AuditLog log = log().open()) {
            log.onEvent(died("one"));
        }
        Path file = files().get(0);
        Files.writeString(file, Files.readString(file).replace("one", "two"));

        assertThatThrownBy(() -> log().open())
                .isInstanceOf(AuditLogException.class)
                .hasMessageContaining("audit-00000001.jsonl:3")
                .hasMessageContaining("move the log away");
    }

    @Test
    void open_whileAnotherWrites_isRefused() {
        try (AuditLog log = log().open()) {
            assertThatThrownBy(() -> log().open())
                    .isInstanceOf(AuditLogException.class)
                    .hasMessageContaining("directory of its own");
            log.onEvent(died("one"));
        }
        log().open().close();
        assertThat(AuditLog.verify(directory).intact()).isTrue();
    }

    @Test
    void open_directoryThatCannotBeMade_saysWhich() throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "");

        assertThatThrownBy(() -> new AuditLog.Builder(file.resolve("log")).open())
                .isInstanceOf(AuditLogException.class)
                .hasMessageContaining(file.resolve("log").toString());
    }

    @Test
    void files_areForTheirOwnerAlone() throws IOException {
        Path made = directory.resolve("a/b");
        new AuditLog.Builder(made).open().close();

        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made)))
                .isEqualTo("rwx------");
        assertThat(PosixFilePermissions.toString(
                        Files.getPosixFilePermissions(LogFiles.in(made).get(0))))
                .isEqualTo("rw-------");
    }

    private void writeSeveralFiles() {
        try (AuditLog log = log().maxFileSize(64 * 1024).open()) {
            for (int i = 0; i < 1000; i++) {
                log.onEvent(died("reason " + i));
            }
        }
    }

    @Test
    void rotation_bySize_chainsTheFiles() throws IOException {
        writeSeveralFiles();

        assertThat(files())
                .hasSizeGreaterThan(3)
                .allSatisfy(file -> assertThat(file)
                        .satisfies(one -> assertThat(Files.size(one)).isLessThanOrEqualTo(64 * 1024)));
        assertThat(AuditLog.verify(directory).intact()).isTrue();
        assertThat(lines())
                .filteredOn(line -> line.contains("\"type\":\"died\""))
                .hasSize(1000);
    }

    @Test
    void rotation_byAge_beginsAFileWithTheNextEntryAlsoAfterAReopen() throws IOException {
        try (AuditLog log = log().maxFileAge(Duration.ofHours(1)).open()) {
            clock.now = Story.START.plus(Duration.ofMinutes(59));
            log.onEvent(died("one"));
        }
        assertThat(files()).hasSize(1);

        clock.now = Story.START.plus(Duration.ofMinutes(60));
        log().maxFileAge(Duration.ofHours(1)).open().close();
        assertThat(files()).hasSize(2);
        assertThat(AuditLog.verify(directory).intact()).isTrue();
    }

    @Test
    void verify_fileInTheMiddleRemoved_isFound() throws IOException {
        writeSeveralFiles();
        Files.delete(files().get(1));

        assertThat(AuditLog.verify(directory).firstBreak()).hasValueSatisfying(found -> {
            assertThat(found.file().getFileName()).hasToString("audit-00000003.jsonl");
            assertThat(found.line()).isEqualTo(1);
        });
    }

    @Test
    void verify_firstFileRemoved_isFound() throws IOException {
        writeSeveralFiles();
        Files.delete(files().get(0));

        assertThat(AuditLog.verify(directory).firstBreak()).isPresent();
    }

    @Test
    void verify_endCutOff_showsAgainstAHeadThatWasKept() throws IOException {
        Head kept;
        try (AuditLog log = log().open()) {
            log.onEvent(died("one"));
            log.onEvent(died("two"));
            kept = log.head();
        }
        Path file = files().get(0);
        List<String> lines = Files.readAllLines(file);
        Files.writeString(file, String.join("\n", lines.subList(0, 3)) + "\n");

        assertThat(AuditLog.verify(directory)).satisfies(verification -> {
            assertThat(verification.intact()).isTrue();
            assertThat(verification.closed()).isFalse();
        });
        assertThat(AuditLog.verify(directory, kept).firstBreak()).hasValueSatisfying(found -> {
            assertThat(found.line()).isEqualTo(4);
            assertThat(found.reason()).contains("ends with entry 2").contains("had 3");
        });
    }

    @Test
    void verify_logWrittenAnew_showsAgainstAHeadThatWasKept() throws IOException {
        Head kept;
        try (AuditLog log = log().open()) {
            log.onEvent(died("one"));
            kept = log.head();
        }
        Files.delete(files().get(0));
        try (AuditLog log = log().open()) {
            log.onEvent(died("never"));
        }

        assertThat(AuditLog.verify(directory).intact()).isTrue();
        assertThat(AuditLog.verify(directory, kept).intact()).isFalse();
        assertThat(AuditLog.verify(Files.createDirectory(directory.resolve("empty")), kept)
                        .intact())
                .isFalse();
    }

    /** A disk on which so many bytes are free. */
    private static final class SmallDisk {
        private int free;

        private SmallDisk(int free) {
            this.free = free;
        }

        Appender open(Path path) throws IOException {
            return new ForwardingAppender(FileAppender.open(path)) {
                @Override
                public void append(byte[] bytes) throws IOException {
                    int fits = Math.min(free, bytes.length);
                    byte[] part = java.util.Arrays.copyOf(bytes, fits);
                    super.append(part);
                    free -= fits;
                    if (fits < bytes.length) {
                        throw new IOException("No space left on device");
                    }
                }

                @Override
                public void cut(long length) throws IOException {
                    long before = Files.size(path);
                    super.cut(length);
                    free += (int) Math.max(0, before - length);
                }
            };
        }
    }

    @Test
    void onEvent_diskFull_countsAndSaysSoWhenItCanWriteAgain() throws IOException {
        SmallDisk disk = new SmallDisk(2000);
        try (AuditLog log = log().opener(disk::open).open()) {
            for (int i = 0; i < 20; i++) {
                log.onEvent(died("event " + i));
            }
            assertThat(log.missed()).isBetween(10L, 19L);
            assertThat(AuditLog.verify(directory).intact()).isTrue();
            long missed = log.missed();

            disk.free = 1_000_000;
            log.onEvent(died("after"));

            assertThat(log.missed()).isEqualTo(missed);
            assertThat(lines())
                    .anyMatch(line -> line.contains("\"type\":\"entries-missing\",\"count\":" + missed)
                            && line.contains("No space left on device"));
        }
        assertThat(lines())
                .filteredOn(line -> line.contains("\"reason\":\"after\""))
                .hasSize(1);
        assertThat(AuditLog.verify(directory).intact()).isTrue();
    }

    @Test
    void rotation_diskFull_leavesNoHalfFile() throws IOException {
        SmallDisk disk = new SmallDisk(64 * 1024 + 50);
        try (AuditLog log = log().opener(disk::open).maxFileSize(64 * 1024).open()) {
            for (int i = 0; i < 400; i++) {
                log.onEvent(died("event " + i));
            }
            assertThat(log.missed()).isPositive();
            assertThat(files()).hasSize(1);
            disk.free = 1_000_000;
            log.onEvent(died("after"));
            assertThat(files()).hasSize(2);
        }
        assertThat(AuditLog.verify(directory).intact()).isTrue();
    }

    @Test
    void rotation_whereAnotherProgramsFileIs_leavesItAndSaysSo() throws IOException {
        Path others = LogFiles.numbered(directory, 2);
        try (AuditLog log = log().maxFileSize(64 * 1024).open()) {
            Files.writeString(others, "another program's");
            for (int i = 0; i < 400; i++) {
                log.onEvent(died("event " + i));
            }
            assertThat(log.missed()).isPositive();
            assertThat(others).hasContent("another program's");

            Files.delete(others);
            log.onEvent(died("after"));
        }
        assertThat(lines()).anyMatch(line -> line.contains("entries-missing") && line.contains("is there already"));
        assertThat(AuditLog.verify(directory).intact()).isTrue();
    }

    @Test
    void onEvent_byAThreadThatIsInterrupted_isWrittenAllTheSame() throws IOException {
        try (AuditLog log = log().sync(AuditLog.Sync.ENTRY).open()) {
            Thread.currentThread().interrupt();
            log.onEvent(died("one"));
            assertThat(Thread.interrupted()).isTrue();
            log.onEvent(died("two"));
            assertThat(log.missed()).isZero();
        }
        assertThat(AuditLog.verify(directory).intact()).isTrue();
    }

    @Test
    void rotation_byAThreadThatIsInterrupted_losesNoEntry() throws IOException {
        try (AuditLog log = log().maxFileSize(64 * 1024).open()) {
            Thread.currentThread().interrupt();
            for (int i = 0; i < 400; i++) {
                log.onEvent(died("reason " + i));
            }
            assertThat(Thread.interrupted()).isTrue();
            assertThat(log.missed()).isZero();
        }
        assertThat(files()).hasSizeGreaterThan(1);
        assertThat(AuditLog.verify(directory).intact()).isTrue();
    }

    @Test
    void close_byAThreadThatIsInterruptedWhenARotationIsDue_isInTheLog() throws IOException {
        AuditLog log = log().maxFileAge(Duration.ofHours(1)).open();
        clock.now = Story.START.plus(Duration.ofHours(1));
        Thread.currentThread().interrupt();
        log.close();

        assertThat(Thread.interrupted()).isTrue();
        assertThat(files()).hasSize(2);
        assertThat(AuditLog.verify(directory).closed()).isTrue();
    }

    @Test
    void onEvent_afterTheClose_isNothing() throws IOException {
        AuditLog log = log().open();
        log.close();
        log.close();
        log.onEvent(died("late"));

        assertThat(lines()).noneMatch(line -> line.contains("late"));
    }

    @Test
    void verify_linesFromElsewhere_areFound() throws IOException {
        log().open().close();
        for (String wrong : List.of("\n", "{}\n", "not json\n", "\u0000\u0000\n")) {
            Path copy = Files.createTempDirectory(directory, "copy");
            Path file = copy.resolve("audit-00000001.jsonl");
            Files.copy(files().get(0), file);
            Files.writeString(file, wrong, StandardOpenOption.APPEND);

            assertThat(AuditLog.verify(copy).firstBreak())
                    .hasValueSatisfying(found -> assertThat(found.line()).isEqualTo(4));
        }
    }

    @Test
    void build_outOfRange_isRefusedByName() {
        assertThatThrownBy(() -> log().maxFileSize(1000))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("maxFileSize");
        assertThatThrownBy(() -> log().maxFileAge(Duration.ZERO))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("maxFileAge");
    }
}
