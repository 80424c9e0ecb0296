package dev.agentvm.monitor.audit;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What became of a log since it was written. Immutable, safe for use by many threads.
 *
 * @param firstBreak where the chain first breaks; what comes behind it is not looked at
 * @param head the head behind the last entry of the unbroken part
 * @param tornBytes the bytes of a last line without an end, as a crash leaves it
 * @param closed whether the last entry says that the log was closed, which may have been an earlier time than the last
 */
public record Verification(Optional<Break> firstBreak, Head head, long tornBytes, boolean closed) {
    /**
     * A line that does not follow from what came before it.
     *
     * @param file its file
     * @param line its number, from 1
     * @param reason what is wrong with it
     */
    public record Break(Path file, long line, String reason) {
        /** The place and the reason, for people. */
        @Override
        public String toString() {
            return file + ":" + line + " " + reason;
        }
    }

    /**
     * Whether the chain is unbroken and its last line has its end. So it is of a log from which whole lines were cut off
     * at the end, and of an empty directory: only a head that was kept shows that.
     */
    public boolean intact() {
        return firstBreak.isEmpty() && tornBytes == 0;
    }

    /** The number of entries of the unbroken part. */
    public long entries() {
        return head.sequence() + 1;
    }

    static Verification of(Path directory, @Nullable Head kept) throws IOException {
        List<Path> files = LogFiles.in(directory);
        Head head = Head.EMPTY;
        long torn = 0;
        boolean closed = false;
        for (Path file : files) {
            FileScan scan = FileScan.of(file, head, kept);
            head = scan.head();
            torn = scan.tornBytes();
            closed = scan.last().filter(LogEntry::isClosed).isPresent();
            Optional<Break> broken = scan.firstBreak()
                    .or(() -> scan.tornBytes() > 0 && !file.equals(files.get(files.size() - 1))
                            ? Optional.of(new Break(file, scan.lines() + 1, "has no end, and another file follows"))
                            : Optional.empty());
            if (broken.isPresent()) {
                return new Verification(broken, head, 0, false);
            }
            if (kept != null && kept.sequence() > head.sequence() && file.equals(files.get(files.size() - 1))) {
                return new Verification(
                        Optional.of(new Break(
                                file,
                                scan.lines() + 1,
                                "is missing: the log ends with entry " + head.sequence() + " and had "
                                        + kept.sequence())),
                        head,
                        torn,
                        closed);
            }
        }
        if (kept != null && files.isEmpty() && kept.sequence() >= 0) {
            return new Verification(
                    Optional.of(new Break(directory, 1, "has no file of the log, which had entry " + kept.sequence())),
                    head,
                    0,
                    false);
        }
        return new Verification(Optional.empty(), head, torn, closed);
    }
}
