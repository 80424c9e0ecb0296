package dev.agentvm.testkit;

import dev.agentvm.network.Flow;
import dev.agentvm.network.Verdict;
import java.time.Instant;

/**
 * A connection that a fake VM tried to make, or that somebody tried to make to it. Immutable, safe for use by many threads.
 *
 * @param time when
 * @param flow what was tried
 * @param verdict what became of it, by the policy that was in force then
 */
public record ConnectionAttempt(Instant time, Flow flow, Verdict verdict) {}
