package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.AgentVMException;
import dev.agentvm.libvirt.internal.xml.ActivityXml;
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
 * time of day moves. Of a VM with an idle timeout other programs are told, as {@link IdleTime} says; of one with a time to live,
 * when that ends. Safe for use by many threads.
 */
final class Activity {
    private static final Logger LOG = LoggerFactory.getLogger(Activity.class);

    private final Clock clock;
    private final Consumer<ActivityXml> teller;
    private @Nullable Instant expires;
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
    Activity(Clock clock, Consumer<ActivityXml> teller) {
        this.clock = clock;
        this.teller = teller;
    }

    /** The VM's time to live ends then. */
    synchronized void expires(Instant value) {
        expires = value;
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

    /** Whether its time to live is over. */
    synchronized boolean isExpired() {
        return expires != null && !clock.instant().isBefore(expires);
    }

    /** Whether the VM has been idle for its timeout, as far as this program knows. */
    boolean isIdleForTooLong() {
        return timeout().filter(limit -> idleTime().compareTo(limit) >= 0).isPresent();
    }

    /** Tells other programs that the VM is in use, if a command runs and they were not told lately. */
    void tellIfDue() {
        synchronized (this) {
            if (timeout == null
                    || running == 0
                    || (told != null
                            && System.nanoTime() - toldAt
                                    < IdleTime.pace(timeout).toNanos())) {
                return;
            }
        }
        tell();
    }

    /** Tells other programs when the VM ends and that it is in use now: it is launched, or put back to an earlier state. */
    void tell() {
        ActivityXml mark;
        synchronized (this) {
            if (timeout == null && expires == null) {
                return;
            }
            mark = mark();
        }
        try {
            teller.accept(mark);
        } catch (AgentVMException e) {
            // The command itself says what is wrong; it is told again with the next, or while this one runs.
            synchronized (this) {
                told = null;
            }
            LOG.debug("other programs are not told of a VM's use", e);
        }
    }

    /** What other programs are told now, by whoever asks. */
    synchronized ActivityXml mark() {
        told = clock.instant().truncatedTo(ChronoUnit.MILLIS);
        toldAt = System.nanoTime();
        ActivityXml mark = new ActivityXml();
        mark.expires = expires;
        mark.timeout = timeout;
        mark.used = told;
        return mark;
    }

    /** Whether {@code seen} was said by another program. */
    synchronized boolean isOthers(IdleTime seen) {
        return !seen.used().equals(told);
    }
}
