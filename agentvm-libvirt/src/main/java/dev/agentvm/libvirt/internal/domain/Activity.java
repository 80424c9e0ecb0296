package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.AgentVMException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What this program does in a VM: whether commands run, and how long none has, by the monotonic clock, which no change of the
 * time of day moves. Of a VM with an idle timeout other programs are told, as {@link IdleTime} says. Safe for use by many
 * threads.
 */
final class Activity {
    private static final Logger LOG = LoggerFactory.getLogger(Activity.class);

    private final Clock clock;
    private final Consumer<IdleTime> teller;
    private @Nullable Duration timeout;
    private int running;
    private long since = System.nanoTime();
    private @Nullable Instant told;
    private long toldAt;

    /**
     * Begins without a use.
     *
     * @param teller tells other programs
     */
    Activity(Clock clock, Consumer<IdleTime> teller) {
        this.clock = clock;
        this.teller = teller;
    }

    /** The VM may be idle that long. */
    synchronized void limit(Duration value) {
        timeout = value;
    }

    /** How long the VM may be idle. */
    synchronized Optional<Duration> timeout() {
        return Optional.ofNullable(timeout);
    }

    void begin() {
        synchronized (this) {
            running++;
        }
        tellIfDue();
    }

    synchronized void end() {
        running--;
        since = System.nanoTime();
    }

    /** How long no command has run; nothing while one does. */
    synchronized Duration idleTime() {
        return running > 0 ? Duration.ZERO : Duration.ofNanos(System.nanoTime() - since);
    }

    /** Whether the VM has been idle for its timeout, as far as this program knows. */
    boolean isOverdue() {
        return timeout().filter(limit -> idleTime().compareTo(limit) >= 0).isPresent();
    }

    /** Tells other programs that the VM is in use, if a command runs and they were not told lately. */
    void tellIfDue() {
        Duration limit;
        synchronized (this) {
            limit = timeout;
            if (limit == null
                    || running == 0
                    || (told != null
                            && System.nanoTime() - toldAt < IdleTime.pace(limit).toNanos())) {
                return;
            }
        }
        tell(limit);
    }

    /** Tells other programs that the VM is in use now. */
    void tell(Duration limit) {
        Instant now = clock.instant().truncatedTo(ChronoUnit.MILLIS);
        synchronized (this) {
            told = now;
            toldAt = System.nanoTime();
        }
        try {
            teller.accept(new IdleTime(limit, now));
        } catch (AgentVMException e) {
            // The command itself says what is wrong; it is told again with the next, or while this one runs.
            LOG.debug("other programs are not told that a VM is in use", e);
        }
    }

    /** Whether {@code seen} was said by another program. */
    synchronized boolean isOthers(IdleTime seen) {
        return !seen.used().equals(told);
    }
}
