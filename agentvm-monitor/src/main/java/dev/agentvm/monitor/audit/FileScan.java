package dev.agentvm.monitor.audit;

import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads a file of a log from its beginning to its end or its first break. */
final class FileScan {
    private static final Pattern PREVIOUS =
            Pattern.compile(",\"type\":\"file-opened\",.*,\"previousHash\":\"([0-9a-f]{64})\"}");
    static final int LONGEST_LINE = 16 * 1024 * 1024;

    private final Path file;
    private final @Nullable Head kept;
    private Head head;
    private long lines;
    private long goodBytes;
    private long tornBytes;
    private @Nullable Sealed first;
    private @Nullable Sealed last;
    private Verification.@Nullable Break firstBreak;

    private FileScan(Path file, Head before, @Nullable Head kept) {
        this.file = file;
        this.head = before;
        this.kept = kept;
    }

    /**
     * Reads a file.
     *
     * @param before the head of the file before
     * @param kept a head that the log once had, which is compared if its entry is in this file
     */
    static FileScan of(Path file, Head before, @Nullable Head kept) throws IOException {
        FileScan scan = new FileScan(file, before, kept);
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
            scan.read(in);
        }
        return scan;
    }

    /** The head of the file before, as the first line of a file tells it; empty if it has none. */
    static Optional<Head> before(Path file) throws IOException {
        try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1)) {
            return Optional.ofNullable(reader.readLine()).flatMap(Sealed::read).flatMap(line -> {
                Matcher matcher = PREVIOUS.matcher(line.entry());
                return matcher.find()
                        ? Optional.of(new Head(line.head().sequence() - 1, matcher.group(1)))
                        : Optional.empty();
            });
        }
    }

    private void read(InputStream in) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int next = in.read(); next >= 0 && firstBreak == null; next = in.read()) {
            if (next == '\n') {
                take(line.toString(StandardCharsets.ISO_8859_1), line.size() + 1L);
                line.reset();
            } else if (line.size() < LONGEST_LINE) {
                line.write(next);
            } else {
                broken("is longer than any entry");
            }
        }
        tornBytes = firstBreak == null ? line.size() : 0;
    }

    private void take(String line, long bytes) {
        lines++;
        Optional<Sealed> read = Sealed.read(line);
        if (read.isEmpty()) {
            broken("is not an entry");
            return;
        }
        Sealed sealed = read.get();
        if (sealed.head().sequence() != head.sequence() + 1) {
            broken("is entry " + sealed.head().sequence() + ", and entry " + (head.sequence() + 1) + " belongs here");
        } else if (!sealed.follows(head.hash())) {
            broken("does not fit its hash: it was changed, or what came before it");
        } else if (kept != null
                && kept.sequence() == sealed.head().sequence()
                && !kept.hash().equals(sealed.head().hash())) {
            broken("has another hash than the head that was kept: the log was written anew");
        } else {
            head = sealed.head();
            first = first == null ? sealed : first;
            last = sealed;
            goodBytes += bytes;
        }
    }

    private void broken(String reason) {
        firstBreak = new Verification.Break(file, Math.max(1, lines), reason);
    }

    /** The head behind the last good line. */
    Head head() {
        return head;
    }

    long lines() {
        return lines;
    }

    /** Where the last good line ends. */
    long goodBytes() {
        return goodBytes;
    }

    /** How many bytes lie behind the last end of a line. */
    long tornBytes() {
        return tornBytes;
    }

    /** The first entry. */
    Optional<String> first() {
        return Optional.ofNullable(first).map(Sealed::entry);
    }

    /** The last good entry. */
    Optional<String> last() {
        return Optional.ofNullable(last).map(Sealed::entry);
    }

    Optional<Verification.Break> firstBreak() {
        return Optional.ofNullable(firstBreak);
    }
}
