package dev.agentvm.monitor.audit;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The end of a log: its last file, its head, and what could not be written. Safe for use by many threads. */
final class LogWriter {
    private static final Logger LOG = LoggerFactory.getLogger(LogWriter.class);
    /** Room for an entry of usual size, and for what the log says of itself at its end. */
    private static final int ROOM = 4096;
    /** Files of a full log may be moved away; between two looks whether they were lies that. */
    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(10);

    private final Path directory;
    private final Limits limits;
    private final Clock clock;
    private final Appender.Opener opener;
    private final DirectoryLock lock;

    private int number;
    private Appender file;
    private Instant opened;
    private long length;
    private Head head;
    /** Whether something may lie behind {@link #length}. */
    private boolean dirty;

    /** The bytes of all files, as far as it is known. */
    private long total;

    private @Nullable Instant looked;
    private boolean closed;
    private boolean saidClosed;
    private long missed;
    private @Nullable Gap gap;

    /**
     * When to begin another file, when to stop, and when to force what is written.
     *
     * @param totalSize of all files
     */
    record Limits(long fileSize, Duration fileAge, long totalSize, AuditLog.Sync sync) {
        /** From where on there is only room for what guests cannot make many of. */
        long totalOfFrequent() {
            return totalSize - totalSize / 10;
        }

        /** Where there is only room for the word that entries are missing and for the end. */
        long totalOfEvents() {
            return totalSize - ROOM;
        }
    }

    /** Entries that could not be written, and no entry says so yet. */
    private record Gap(long count, Instant since, String reason) {}

    private LogWriter(
            Path directory,
            Limits limits,
            Clock clock,
            Appender.Opener opener,
            DirectoryLock lock,
            int number,
            Head head)
            throws IOException {
        this.directory = directory;
        this.limits = limits;
        this.clock = clock;
        this.opener = opener;
        this.lock = lock;
        this.number = number;
        this.head = head;
        this.opened = clock.instant();
        this.file = opener.open(LogFiles.numbered(directory, number));
    }

    static LogWriter open(Path directory, Limits limits, Clock clock, Appender.Opener opener) {
        @Nullable DirectoryLock lock = null;
        try {
            if (!Files.isDirectory(directory)) {
                Files.createDirectories(
                        directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            }
            lock = DirectoryLock.take(directory)
                    .orElseThrow(() -> failure(
                            "The audit log in " + directory
                                    + " is being written by another program, or by this one already;"
                                    + " give each log a directory of its own",
                            null));
            LogWriter writer = resume(directory, limits, clock, opener, lock);
            lock = null;
            return writer;
        } catch (IOException e) {
            throw failure("The audit log in " + directory + " cannot be opened: " + e, e);
        } finally {
            release(lock);
        }
    }

    private static LogWriter resume(
            Path directory, Limits limits, Clock clock, Appender.Opener opener, DirectoryLock lock) throws IOException {
        List<Path> files = LogFiles.in(directory);
        if (files.isEmpty()) {
            LogWriter writer = new LogWriter(directory, limits, clock, opener, lock, 1, Head.EMPTY);
            return writer.begin(true, 0);
        }
        Path last = files.get(files.size() - 1);
        FileScan scan = scan(files, files.size() - 1);
        LogWriter writer = new LogWriter(directory, limits, clock, opener, lock, LogFiles.number(last), scan.head());
        writer.length = scan.goodBytes();
        writer.dirty = scan.tornBytes() > 0;
        writer.opened = scan.first().map(LogEntry::time).orElse(writer.opened);
        return writer.begin(scan.last().filter(LogEntry::isClosed).isPresent(), scan.tornBytes());
    }

    /** Reads one file; what came before it is taken from its own beginning, or if it is empty from the file before. */
    private static FileScan scan(List<Path> files, int index) throws IOException {
        Path file = files.get(index);
        Head before = FileScan.before(file).orElse(Head.EMPTY);
        FileScan scan = FileScan.of(file, before, null);
        if (scan.firstBreak().isPresent()) {
            throw failure(
                    "The audit log does not verify: " + scan.firstBreak().get()
                            + "; find out why, move the log away, and open a new one",
                    null);
        }
        if (scan.lines() == 0 && index > 0) {
            return FileScan.of(file, scan(files, index - 1).head(), null);
        }
        return scan;
    }

    private LogWriter begin(boolean closedBefore, long cutBytes) throws IOException {
        try {
            repair();
            total = LogFiles.size(directory);
            requireRoom(ROOM, limits.totalOfEvents());
            if (length == 0) {
                put(LogEntry.fileOpened(head.sequence() + 1, clock.instant(), number, head));
            }
            put(LogEntry.logOpened(head.sequence() + 1, clock.instant(), closedBefore, cutBytes));
            return this;
        } catch (IOException e) {
            file.close();
            throw e;
        }
    }

    /**
     * Writes the entry that {@code entry} makes of its number, or counts it as missed.
     *
     * @param frequent whether a guest can make many of it, so that it leaves room for others
     */
    synchronized void write(boolean frequent, LongFunction<String> entry) {
        if (closed) {
            missed++;
            if (!saidClosed) {
                saidClosed = true;
                LOG.warn("the audit log in {} is closed, and events still come: they are not in it", directory);
            }
            return;
        }
        try {
            repair();
            long limit = frequent ? limits.totalOfFrequent() : limits.totalOfEvents();
            requireRoom(ROOM, limit);
            fillGap();
            put(entry.apply(head.sequence() + 1), limit);
        } catch (IOException | RuntimeException | StackOverflowError e) {
            miss(e);
            repairIfPossible();
        }
    }

    private void requireRoom(long bytes, long limit) throws IOException {
        if (total + bytes > limit && isTimeToLook()) {
            total = LogFiles.size(directory);
        }
        if (total + bytes > limit) {
            throw new IOException("the log has " + total + " bytes, of at most " + limits.totalSize()
                    + (limit < limits.totalOfEvents() ? ", the last tenth of which is kept for rarer events" : "")
                    + "; move the log away, or raise maxTotalSize");
        }
    }

    private boolean isTimeToLook() {
        Instant now = clock.instant();
        boolean time = looked == null || Duration.between(looked, now).abs().compareTo(BETWEEN_LOOKS) >= 0;
        looked = time ? now : looked;
        return time;
    }

    private void fillGap() throws IOException {
        if (gap != null) {
            put(LogEntry.entriesMissing(head.sequence() + 1, clock.instant(), gap.count(), gap.since(), gap.reason()));
            LOG.warn("the audit log in {} is written again; {} entries are missing", directory, gap.count());
            gap = null;
        }
    }

    private void miss(Throwable e) {
        missed++;
        if (gap == null) {
            LOG.warn(
                    "the audit log in {} cannot be written; entries are missing until it can: {}",
                    directory,
                    e.toString());
            gap = new Gap(1, clock.instant(), e instanceof IOException ? String.valueOf(e.getMessage()) : e.toString());
        } else {
            gap = new Gap(gap.count() + 1, gap.since(), gap.reason());
        }
    }

    /** What the log says of itself. */
    private void put(String entry) throws IOException {
        put(entry, limits.totalSize());
    }

    private void put(String entry, long limit) throws IOException {
        Sealed sealed = Sealed.of(entry, head);
        byte[] line = bytes(sealed);
        if (line.length > FileScan.LONGEST_LINE) {
            throw new IOException("an entry of " + line.length + " bytes is longer than any may be");
        }
        requireRoom(line.length, limit);
        if (length > 0 && (length + line.length > limits.fileSize() || isOld())) {
            rotate();
            sealed = Sealed.of(renumbered(entry, head.sequence() + 1), head);
            line = bytes(sealed);
        }
        dirty = true;
        file.append(line);
        if (limits.sync() == AuditLog.Sync.ENTRY) {
            file.sync();
        }
        dirty = false;
        length += line.length;
        total += line.length;
        head = sealed.head();
    }

    private static byte[] bytes(Sealed sealed) {
        return sealed.line().getBytes(StandardCharsets.UTF_8);
    }

    private boolean isOld() {
        return Duration.between(opened, clock.instant()).compareTo(limits.fileAge()) >= 0;
    }

    private static String renumbered(String entry, long sequence) {
        return "{\"seq\":" + sequence + entry.substring(entry.indexOf(','));
    }

    /** Goes on in another file, or if that cannot be begun stays in this. */
    private void rotate() throws IOException {
        file.sync();
        Path path = LogFiles.numbered(directory, number + 1);
        if (Files.exists(path) && Files.size(path) > 0) {
            // So it may be if the lock was moved away, and the log was opened again.
            throw new IOException(path + " is there already, and this log did not write it; move it away");
        }
        Instant now = clock.instant();
        Sealed first = Sealed.of(LogEntry.fileOpened(head.sequence() + 1, now, number + 1, head), head);
        byte[] line = bytes(first);
        Appender next = opener.open(path);
        try {
            next.append(line);
        } catch (IOException e) {
            next.close();
            Files.deleteIfExists(path);
            throw e;
        }
        Appender full = file;
        file = next;
        number++;
        opened = now;
        length = line.length;
        total += line.length;
        head = first.head();
        full.close();
    }

    private void repair() throws IOException {
        if (dirty) {
            file.cut(length);
            dirty = false;
        }
    }

    /** A full disk has room for less. What fails here is tried anew before the next entry. */
    private void repairIfPossible() {
        try {
            repair();
        } catch (IOException e) {
            LOG.debug("what was written of an entry of the audit log in {} is still there", directory, e);
        }
    }

    synchronized Head head() {
        return head;
    }

    synchronized long missed() {
        return missed;
    }

    synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            repair();
            fillGap();
            put(LogEntry.logClosed(head.sequence() + 1, clock.instant()));
            file.sync();
        } catch (IOException e) {
            LOG.warn("the end of the audit log in {} could not be written", directory, e);
        } finally {
            release(file);
            release(lock);
        }
    }

    private static void release(@Nullable AutoCloseable resource) {
        if (resource != null) {
            try {
                resource.close();
            } catch (Exception e) {
                LOG.warn("a file of an audit log could not be closed", e);
            }
        }
    }

    private static AuditLogException failure(String message, @Nullable Throwable cause) {
        return new AuditLogException(message, "open the audit log", cause);
    }
}
