package dev.agentvm.network;

import java.time.Instant;
import java.util.Optional;

/**
 * An attempt of a VM to communicate, or of somebody else to communicate with it. Immutable, safe for use by many threads.
 *
 * @param time when it was seen
 * @param flow what was tried
 * @param verdict what the policy that was in force then says of it; empty if that policy is not known to this program. A
 *     {@linkplain NetworkPolicy#connectionLimit() limit of connections} is not counted.
 */
public record ConnectionAttempt(Instant time, Flow flow, Optional<Verdict> verdict) {
    /** One line for people. */
    @Override
    public String toString() {
        return time + " " + flow + " " + verdict.map(Verdict::toString).orElse("by a policy that is not known");
    }
}
