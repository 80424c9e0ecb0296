package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.event.EventsLost;
import dev.agentvm.spi.VMEventSource;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** What is missing of one VM for one cause, which is told once a second at most. Not thread-safe. */
final class Missing {
    private static final long BETWEEN_NANOS = Duration.ofSeconds(1).toNanos();

    private final EventsLost.Cause cause;
    private final VMEventSource events;
    private long count;
    private Instant since = Instant.EPOCH;
    private @Nullable Long toldNanos;

    Missing(EventsLost.Cause cause, VMEventSource events) {
        this.cause = cause;
        this.events = events;
    }

    /** So much more is missing, the first since then at the latest. */
    void add(long more, Instant first) {
        if (count == 0) {
            since = first;
        }
        count += more;
    }

    /** Tells what is missing since this was told last, if it is time. */
    void tell(long nanos) {
        if (count > 0 && (toldNanos == null || nanos - toldNanos >= BETWEEN_NANOS)) {
            toldNanos = nanos;
            tell();
        }
    }

    /** Tells it at once. */
    void tell() {
        if (count > 0) {
            events.publish(new EventsLost.Builder()
                    .time(events.now())
                    .vm(events.vm())
                    .cause(cause)
                    .count(count)
                    .since(since)
                    .build());
            count = 0;
        }
    }
}
