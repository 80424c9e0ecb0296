package dev.agentvm.monitor.audit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.event.VMDied;
import dev.agentvm.monitor.Story;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterProperty;
import net.jqwik.api.lifecycle.BeforeProperty;

/** A log of 203 entries in several files, and what somebody may do to it. */
class AuditLogProperties {
    private static final int ENTRIES = 203;

    private Path original = Path.of("");
    private Path copy = Path.of("");

    @BeforeProperty
    void write() throws IOException {
        original = Files.createTempDirectory("audit");
        copy = Files.createTempDirectory("audit");
        try (AuditLog log =
                new AuditLog.Builder(original).maxFileSize(64 * 1024).open()) {
            for (int i = 0; i < ENTRIES - 6; i++) {
                log.onEvent(died(i + "x".repeat(800)));
            }
        }
        assertThat(LogFiles.in(original)).hasSize(4);
        assertThat(AuditLog.verify(original).entries()).isEqualTo(ENTRIES);
    }

    @AfterProperty
    void remove() throws IOException {
        for (Path directory : List.of(original, copy)) {
            try (Stream<Path> files = Files.walk(directory)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    private static VMDied died(String reason) {
        return new VMDied.Builder()
                .time(Story.START)
                .vm(Samples.VM)
                .reason(reason)
                .build();
    }

    private interface Change {
        void on(List<String> lines, int index) throws IOException;
    }

    /** The log with a change at the line of that number, counted over all files, and where it was made. */
    private Verification.Break changed(int number, Change change) throws IOException {
        int before = 0;
        for (Path file : LogFiles.in(original)) {
            Files.deleteIfExists(copy.resolve(file.getFileName()));
        }
        Verification.Break place = new Verification.Break(copy, 1, "");
        for (Path file : LogFiles.in(original)) {
            List<String> lines = new java.util.ArrayList<>(Files.readAllLines(file));
            int size = lines.size();
            Path target = copy.resolve(file.getFileName());
            if (number >= before && number < before + size) {
                change.on(lines, number - before);
                place = new Verification.Break(target, number - before + 1L, "");
            }
            Files.writeString(target, lines.isEmpty() ? "" : String.join("\n", lines) + "\n");
            before += size;
        }
        return place;
    }

    private void isFoundAt(Verification.Break place) {
        assertThat(AuditLog.verify(copy).firstBreak()).hasValueSatisfying(found -> {
            assertThat(found.file()).isEqualTo(place.file());
            assertThat(found.line()).isEqualTo(place.line());
        });
    }

    @Property(tries = 100)
    void verify_unchangedCopy_isIntact(@ForAll @IntRange(max = ENTRIES - 1) int number) throws IOException {
        changed(number, (lines, index) -> {});

        assertThat(AuditLog.verify(copy).intact()).isTrue();
    }

    @Property(tries = 300)
    void verify_oneLineChanged_isFoundInItsPlace(
            @ForAll @IntRange(max = ENTRIES - 1) int number,
            @ForAll @IntRange(max = 10_000) int at,
            @ForAll @IntRange(min = 0x20, max = 0xff) int character)
            throws IOException {
        boolean[] same = {false};
        Verification.Break place = changed(number, (lines, index) -> {
            StringBuilder line = new StringBuilder(lines.get(index));
            same[0] = line.charAt(at % line.length()) == (char) character;
            line.setCharAt(at % line.length(), (char) character);
            lines.set(index, line.toString());
        });

        if (same[0]) {
            assertThat(AuditLog.verify(copy).intact()).isTrue();
        } else {
            isFoundAt(place);
        }
    }

    /** The last one of all is the end that was cut off: it shows in that the log is not closed. */
    @Property(tries = 300)
    void verify_oneLineRemoved_isFound(@ForAll @IntRange(max = ENTRIES - 1) int number) throws IOException {
        Verification.Break place = changed(number, (lines, index) -> lines.remove(index));

        Verification verification = AuditLog.verify(copy);
        if (number == ENTRIES - 1) {
            assertThat(verification.closed()).isFalse();
        } else {
            assertThat(verification.firstBreak()).hasValueSatisfying(found -> {
                boolean lastOfItsFile = !found.file().equals(place.file());
                assertThat(found.line()).isEqualTo(lastOfItsFile ? 1 : place.line());
            });
        }
    }

    @Property(tries = 300)
    void verify_twoLinesSwapped_isFoundAtTheFirst(
            @ForAll @IntRange(max = ENTRIES - 1) int number, @ForAll @Size(1) List<@IntRange(max = 1000) Integer> other)
            throws IOException {
        int[] first = {0};
        boolean[] same = {false};
        Verification.Break place = changed(number, (lines, index) -> {
            int second = other.get(0) % lines.size();
            same[0] = second == index;
            first[0] = Math.min(second, index) + 1;
            java.util.Collections.swap(lines, index, second);
        });

        if (same[0]) {
            assertThat(AuditLog.verify(copy).intact()).isTrue();
        } else {
            isFoundAt(new Verification.Break(place.file(), first[0], ""));
        }
    }

    @Property(tries = 100)
    void verify_oneLineTwice_isFoundAtTheSecond(@ForAll @IntRange(max = ENTRIES - 1) int number) throws IOException {
        Verification.Break place = changed(number, (lines, index) -> lines.add(index, lines.get(index)));

        isFoundAt(new Verification.Break(place.file(), place.line() + 1, ""));
    }
}
