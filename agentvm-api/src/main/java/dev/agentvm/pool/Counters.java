package dev.agentvm.pool;

import java.time.Duration;

/** What a pool has done since it was opened. Not thread-safe: the pool's lock guards it. */
final class Counters {
    private long launches;
    private long launchesFailed;
    private long resets;
    private long resetsFailed;
    private long acquired;
    private Duration totalWait = Duration.ZERO;
    private Duration longestWait = Duration.ZERO;

    void launched() {
        launches++;
    }

    void launchFailed() {
        launches++;
        launchesFailed++;
    }

    void reset() {
        resets++;
    }

    void resetFailed() {
        resets++;
        resetsFailed++;
    }

    void acquired(Duration wait) {
        acquired++;
        totalWait = totalWait.plus(wait);
        longestWait = wait.compareTo(longestWait) > 0 ? wait : longestWait;
    }

    void writeTo(PoolMetrics.Builder metrics) {
        metrics.launches(launches)
                .launchesFailed(launchesFailed)
                .resets(resets)
                .resetsFailed(resetsFailed)
                .acquired(acquired)
                .totalWait(totalWait)
                .longestWait(longestWait);
    }
}
