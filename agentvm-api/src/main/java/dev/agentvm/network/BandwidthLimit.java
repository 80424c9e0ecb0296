package dev.agentvm.network;

import java.util.Optional;
import org.immutables.value.Value;

/**
 * How fast a VM may send and receive. Immutable, safe for use by many threads.
 *
 * <p>The host's kernel shapes the traffic. Where it cannot, a VM starts without the limit and {@code VM.warnings()} says
 * so, unless the limit is {@link #isRequired() required}: then the launch is refused.
 */
@ValueStyle
@Value.Immutable
public abstract class BandwidthLimit implements WithBandwidthLimit {
    BandwidthLimit() {}

    /** 100 Mbit/s down, 50 Mbit/s up, applied where the host can. */
    public static BandwidthLimit standard() {
        return of(DataRate.megabitsPerSecond(100), DataRate.megabitsPerSecond(50));
    }

    /** No limit. */
    public static BandwidthLimit unlimited() {
        return new Builder().build();
    }

    /** At most {@code down} towards the VM and {@code up} from it, applied where the host can. */
    public static BandwidthLimit of(DataRate down, DataRate up) {
        return new Builder().down(down).up(up).build();
    }

    /** The most that reaches the VM; empty is unlimited. */
    public abstract Optional<DataRate> down();

    /** The most that leaves the VM; empty is unlimited. */
    public abstract Optional<DataRate> up();

    /** Whether a host that cannot shape traffic is refused. */
    @Value.Default
    public boolean isRequired() {
        return false;
    }

    /** This limit, refusing hosts that cannot shape traffic. */
    public final BandwidthLimit required() {
        return withIsRequired(true);
    }

    /** Whether there is no limit in either direction. */
    public final boolean isUnlimited() {
        return down().isEmpty() && up().isEmpty();
    }

    /** A builder that starts with this limit. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link BandwidthLimit}. Not thread-safe. */
    public static final class Builder extends ImmutableBandwidthLimit.Builder {
        /** Starts without a limit. */
        public Builder() {}
    }
}
