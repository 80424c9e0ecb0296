package dev.agentvm.pool;

import java.time.Duration;
import java.util.Optional;
import org.immutables.value.Value;

/** What a pool was at one moment, and what it had done until then. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract class PoolMetrics {
    PoolMetrics() {}

    /**
     * How many VMs there are in all, never more than the pool's max: {@link #building}, {@link #idle}, {@link #leased},
     * {@link #resetting} and {@link #closing} together.
     */
    public abstract int live();

    /** How many VMs are being launched. */
    public abstract int building();

    /** How many VMs stand ready, those included whose health is being checked. */
    public abstract int idle();

    /** How many VMs are lent. */
    public abstract int leased();

    /** How many VMs are being put back to what they were after their launch. */
    public abstract int resetting();

    /** How many VMs are being destroyed. */
    public abstract int closing();

    /** How many callers wait for a VM. */
    public abstract int waiting();

    /** How many leases were given since the pool was opened. */
    public abstract long acquired();

    /** How many launches have ended since the pool was opened, well or not. */
    public abstract long launches();

    /** How many launches have failed since the pool was opened. */
    public abstract long launchesFailed();

    /** How many resets have ended since the pool was opened, well or not. */
    public abstract long resets();

    /** How many resets have failed since the pool was opened. */
    public abstract long resetsFailed();

    /** How long all those together have waited who were given a lease. */
    public abstract Duration totalWait();

    /** The longest that someone has waited who was given a lease. */
    public abstract Duration longestWait();

    /** Why the last launch or reset failed, or the last VM that had to be thrown away; empty if things are better since. */
    public abstract Optional<String> lastFailure();

    /** How long those have waited on average who were given a lease; zero if nobody was. */
    public final Duration meanWait() {
        return acquired() == 0 ? Duration.ZERO : totalWait().dividedBy(acquired());
    }

    /** Makes {@link PoolMetrics}, as pools do. Not thread-safe. */
    public static final class Builder extends ImmutablePoolMetrics.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
