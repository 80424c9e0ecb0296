package dev.agentvm.libvirt.internal.capture;

import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** So many at once, and so many a second from then on. Not thread-safe. */
final class TokenBucket {
    private final double burst;
    private final double perNano;
    private double tokens;
    private @Nullable Long filledNanos;

    TokenBucket(long burst, long perSecond) {
        this.burst = burst;
        this.perNano = (double) perSecond / TimeUnit.SECONDS.toNanos(1);
        this.tokens = burst;
    }

    /**
     * Takes one.
     *
     * @param nanos the time, as {@link System#nanoTime} tells it
     * @return whether there was one
     */
    boolean take(long nanos) {
        if (filledNanos != null) {
            tokens = Math.min(burst, tokens + Math.max(0, nanos - filledNanos) * perNano);
        }
        filledNanos = nanos;
        if (tokens < 1) {
            return false;
        }
        tokens--;
        return true;
    }
}
