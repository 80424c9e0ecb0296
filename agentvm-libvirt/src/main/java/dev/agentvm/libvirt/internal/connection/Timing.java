package dev.agentvm.libvirt.internal.connection;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** What time it is, and what is to be done at a later one. */
interface Timing {
    /** The machine's. */
    Timing SYSTEM = new Timing() {
        @Override
        public long nanos() {
            return System.nanoTime();
        }

        @Override
        public void after(Duration delay, Runnable task) {
            CompletableFuture.delayedExecutor(delay.toNanos(), TimeUnit.NANOSECONDS, Runnable::run)
                    .execute(task);
        }
    };

    /** As {@link System#nanoTime()}: for differences. */
    long nanos();

    /** Runs a task that does not block, once, on a thread that is not the library's. */
    void after(Duration delay, Runnable task);
}
