package dev.agentvm.monitor.audit;

import dev.agentvm.InvalidValueException;
import dev.agentvm.event.ConnectionAllowed;
import dev.agentvm.event.ConnectionClosed;
import dev.agentvm.event.ConnectionDenied;
import dev.agentvm.event.NameResolved;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMEventListener;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Objects;

/**
 * Writes down what happens to VMs, one JSON object a line, each tied to the one before by a hash; {@code docs/audit.md}
 * has the schema. Safe for use by many threads.
 *
 * <pre>{@code
 * try (AuditLog log = new AuditLog.Builder(directory).open();
 *      Hypervisor hypervisor = new LibvirtHypervisor.Builder().addListener(log).connect()) {
 *     …
 * }
 * }</pre>
 *
 * <p>So the hypervisor closes first, which ends its VMs and waits some seconds until the log was told of that.
 *
 * <p>When a line cannot be written, as on a full disk, what was written of it is cut off and the event is counted as
 * {@linkplain #missed missed}. Each later event is tried anew; the first that can be written has an entry before it that
 * says how many are missing. So it is too when the log has reached its {@linkplain Builder#maxTotalSize total size}. The
 * library deletes no file of the log.
 */
public final class AuditLog implements VMEventListener, AutoCloseable {
    /** When what was written is forced to the medium, so that a loss of power leaves it. A crash of the program always does. */
    public enum Sync {
        /** When a file is full, and at the close. */
        FILE,
        /** With each entry, which costs some milliseconds each on most media. */
        ENTRY
    }

    private final LogWriter writer;
    private final boolean everything;

    private AuditLog(LogWriter writer, boolean everything) {
        this.writer = writer;
        this.everything = everything;
    }

    /**
     * Writes the event down, if it is of a kind that the log holds; after the close it counts as missed. Returns once
     * the system has it.
     */
    @Override
    public void onEvent(VMEvent event) {
        if (everything || !isDetail(event)) {
            writer.write(isDetail(event) || event instanceof ConnectionDenied, sequence -> Entry.of(sequence, event));
        }
    }

    private static boolean isDetail(VMEvent event) {
        return event instanceof ConnectionAllowed
                || event instanceof ConnectionClosed
                || event instanceof NameResolved
                || event instanceof TrafficSampled;
    }

    /** Where the log ends now. Keep it elsewhere, and {@link #verify(Path, Head)} finds out later if the end was cut off. */
    public Head head() {
        return writer.head();
    }

    /** How many events could not be written since it was opened, or came after it was closed. */
    public long missed() {
        return writer.missed();
    }

    /** Ends the log with an entry that says so. Closing twice does nothing. */
    @Override
    public void close() {
        writer.close();
    }

    /**
     * Reads a whole log and says whether a line was removed, changed or moved since it was written. That its last lines
     * were cut off shows only if what is left does not end with an entry of a close ({@link Verification#closed}), and
     * that somebody wrote all of it anew, or removed all of it, does not show: for that see
     * {@link #verify(Path, Head)}. Of a log that is being written, the last
     * line may look torn.
     *
     * @throws AuditLogException if a file cannot be read
     */
    public static Verification verify(Path directory) {
        try {
            return Verification.of(directory, null);
        } catch (IOException e) {
            throw unreadable(directory, e);
        }
    }

    /**
     * Reads a whole log as {@link #verify(Path)} does, and says whether it still holds the entry that was once its last.
     *
     * @param kept the {@link #head} that the log had then
     * @throws AuditLogException if a file cannot be read
     */
    public static Verification verify(Path directory, Head kept) {
        Objects.requireNonNull(kept, "kept");
        try {
            return Verification.of(directory, kept);
        } catch (IOException e) {
            throw unreadable(directory, e);
        }
    }

    private static AuditLogException unreadable(Path directory, IOException e) {
        return new AuditLogException(
                "The audit log in " + directory + " cannot be read: " + e, "verify the audit log", e);
    }

    /** Opens an {@link AuditLog}. Not thread-safe. */
    public static final class Builder {
        private static final long LEAST_SIZE = 64 * 1024;
        private static final long LEAST_TOTAL_SIZE = 1024 * 1024;

        private final Path directory;
        private long maxFileSize = 64L * 1024 * 1024;
        private long maxTotalSize = 10L * 1024 * 1024 * 1024;
        private Duration maxFileAge = Duration.ofDays(1);
        private Sync sync = Sync.FILE;
        private boolean everything;
        private Clock clock = Clock.systemUTC();
        private Appender.Opener opener = FileAppender::open;

        /** A log in that directory, which is made if it is not there and then open to its owner alone. */
        public Builder(Path directory) {
            this.directory = Objects.requireNonNull(directory, "directory");
        }

        /**
         * At how many bytes another file is begun; 64 MiB if not said.
         *
         * @throws InvalidValueException if less than 64 KiB
         */
        public Builder maxFileSize(long bytes) {
            if (bytes < LEAST_SIZE) {
                throw new InvalidValueException("maxFileSize", bytes, "must be at least " + LEAST_SIZE);
            }
            maxFileSize = bytes;
            return this;
        }

        /**
         * How many bytes all files of the log take together at most; 10 GiB if not said. A guest can make many denied
         * attempts: from nine tenths of this on they are not written, nor is what {@link #everything} adds, so that the
         * rest of the log is for what is rarer. When that is full too, nothing is written. What is not written counts as
         * {@linkplain AuditLog#missed missed}, and as soon as something is written, an entry before it says how much is
         * missing. Nothing is deleted. Whether files were moved away is looked at every ten seconds. A log that is full
         * cannot be opened.
         *
         * @throws InvalidValueException if less than 1 MiB
         */
        public Builder maxTotalSize(long bytes) {
            if (bytes < LEAST_TOTAL_SIZE) {
                throw new InvalidValueException("maxTotalSize", bytes, "must be at least " + LEAST_TOTAL_SIZE);
            }
            maxTotalSize = bytes;
            return this;
        }

        /**
         * At what age another file is begun, with the next entry; a day if not said.
         *
         * @throws InvalidValueException if not positive
         */
        public Builder maxFileAge(Duration age) {
            if (age.isNegative() || age.isZero()) {
                throw new InvalidValueException("maxFileAge", age, "must be positive");
            }
            maxFileAge = age;
            return this;
        }

        /** When what was written is forced to the medium; {@link Sync#FILE} if not said. */
        public Builder sync(Sync when) {
            sync = Objects.requireNonNull(when, "when");
            return this;
        }

        /** Writes down connections that are allowed, their ends, names and samples too, which are many. */
        public Builder everything() {
            everything = true;
            return this;
        }

        /** The clock of the entries that the log makes about itself, and of the age of files. */
        public Builder clock(Clock source) {
            clock = Objects.requireNonNull(source, "source");
            return this;
        }

        Builder opener(Appender.Opener files) {
            opener = files;
            return this;
        }

        /**
         * Opens the log, and goes on with it if there is one. A last line without an end, as a crash leaves it, is cut
         * off, which an entry says.
         *
         * @throws AuditLogException if another program writes it, or this one already, if its last file does not verify,
         *     if it is full, or if the directory or a file cannot be made or read
         */
        public AuditLog open() {
            return new AuditLog(
                    LogWriter.open(
                            directory,
                            new LogWriter.Limits(maxFileSize, maxFileAge, maxTotalSize, sync),
                            clock,
                            opener),
                    everything);
        }
    }
}
