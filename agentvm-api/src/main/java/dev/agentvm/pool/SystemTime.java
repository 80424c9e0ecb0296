package dev.agentvm.pool;

import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The time of this machine, in which setting its clock changes nothing. Has a thread until it is closed. */
final class SystemTime implements PoolTime {
    private final Instant start = Instant.now();
    private final long startNanos = System.nanoTime();
    private final ScheduledThreadPoolExecutor timer;

    SystemTime(ThreadFactory threads) {
        timer = new ScheduledThreadPoolExecutor(1, threads);
        timer.setRemoveOnCancelPolicy(true);
        // Later there may be no room for another thread, just when something is to be tried again.
        boolean unused = timer.prestartCoreThread();
    }

    @Override
    public Instant now() {
        return start.plusNanos(System.nanoTime() - startNanos);
    }

    @Override
    public Alarm after(Duration delay, Runnable work) {
        ScheduledFuture<?> scheduled = timer.schedule(work, delay.toNanos(), TimeUnit.NANOSECONDS);
        return () -> scheduled.cancel(false);
    }

    @Override
    public boolean await(CompletableFuture<?> event, Instant deadline) throws InterruptedException {
        try {
            event.get(Duration.between(now(), deadline).toNanos(), TimeUnit.NANOSECONDS);
            return true;
        } catch (ExecutionException e) {
            return true;
        } catch (TimeoutException e) {
            return false;
        }
    }

    @Override
    public Runnable task(Runnable work) {
        return work;
    }

    /** Ends its thread; nothing is done later any more. */
    void close() {
        timer.shutdownNow();
    }
}
