package dev.agentvm.pool;

import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;

/**
 * The time that a pool lives in: that of this machine if nobody says otherwise, or the testkit's {@code VirtualTime}, in
 * which nobody sleeps. Implementations are safe for use by many threads.
 */
public interface PoolTime {
    /** What time it is; never earlier than what was told before. */
    Instant now();

    /**
     * Does something later. It is short and waits for no other thread, but may wait for a lock that is held shortly.
     *
     * @param delay when, not negative
     * @param work what to do, on a thread of this time's choice
     * @return takes it back
     */
    Alarm after(Duration delay, Runnable work);

    /**
     * Waits for an event on the calling thread.
     *
     * @param event what is waited for
     * @param deadline until when at most
     * @return whether it has happened
     * @throws InterruptedException if the thread is interrupted
     */
    boolean await(CompletableFuture<?> event, Instant deadline) throws InterruptedException;

    /**
     * Announces work that another thread will do. A time that moves as it likes does not move past such work, unless the
     * work itself waits in it.
     *
     * @return what that thread is to run, once and in any case; if there can be no such thread, the announcing one does
     */
    Runnable task(Runnable work);

    /** Something that is to be done later. */
    @FunctionalInterface
    interface Alarm {
        /** Takes it back; does nothing if it was begun. */
        void cancel();
    }
}
