package dev.agentvm.libvirt.internal.guest;

import java.time.Duration;

/** How long to wait before a process is asked after again: a part of the time that it has run already. */
final class Backoff {
    private static final long SHORTEST = 2_000_000;
    private static final long LONGEST = 100_000_000;

    /** Of each running command's share of the agent's time, so that many do not keep it busy with questions. */
    private static final long PER_COMMAND = 5_000_000;

    private static final long LEAST = 2_000_000_000;

    private final long begin;

    Backoff(long begin) {
        this.begin = begin;
    }

    /** What is left until a deadline: not nothing, so that a last call can still be made. */
    static Duration left(long deadline) {
        return Duration.ofNanos(Math.max(LEAST, deadline - System.nanoTime()));
    }

    /** @param commands how many are asked after in this VM */
    Duration next(long now, long deadline, int commands) {
        long pause = Math.min(LONGEST, Math.max(SHORTEST, (now - begin) / 8));
        pause = Math.max(pause, Math.min(1_000_000_000, (commands - 1) * PER_COMMAND));
        return Duration.ofNanos(Math.max(0, Math.min(pause, deadline - now)));
    }
}
