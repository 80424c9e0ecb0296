package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.libvirt.internal.xml.ActivityXml;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * How long a VM may be idle, as all programs see it. One that uses the VM says so in the domain's metadata when it begins to
 * and while it goes on, at most once per {@link #pace}; others thus know of its use later by up to that.
 *
 * @param timeout the template's idle timeout
 * @param used when the VM was last said to be used, by the wall clock, which is the one that programs share
 */
record IdleTime(Duration timeout, Instant used) {
    private static final Duration SHORTEST_PACE = Duration.ofSeconds(1);
    private static final Duration LONGEST_PACE = Duration.ofMinutes(1);

    /** What the metadata of that domain say, if it has an idle timeout. */
    static Optional<IdleTime> of(DomainXml domain) {
        ActivityXml activity = domain.metadata == null ? null : domain.metadata.activity;
        return activity == null || activity.timeout == null || activity.used == null
                ? Optional.empty()
                : Optional.of(new IdleTime(activity.timeout, activity.used));
    }

    /** A quarter of the timeout, from a second to a minute. */
    static Duration pace(Duration timeout) {
        Duration quarter = timeout.dividedBy(4);
        if (quarter.compareTo(SHORTEST_PACE) < 0) {
            return SHORTEST_PACE;
        }
        return quarter.compareTo(LONGEST_PACE) > 0 ? LONGEST_PACE : quarter;
    }

    /**
     * How long it will be, if nobody says that the VM is used, until it has surely been idle for its timeout; zero or less if
     * it has. A use may be said late by one pace, and saying it may take another.
     */
    Duration left(Instant now) {
        return Duration.between(now, used.plus(timeout).plus(pace(timeout).multipliedBy(2)));
    }
}
