package dev.agentvm.libvirt.internal.connection;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Named daemon platform threads that come when there is work and go when there has been none for a while. */
final class LibraryThreads {
    private static final long IDLE_SECONDS = 10;
    private static final String PREFIX = "agentvm-libvirt-";

    private LibraryThreads() {}

    static ThreadPoolExecutor pool(String role, int threads) {
        AtomicInteger number = new AtomicInteger();
        ThreadFactory factory = task -> daemon(role + "-" + number.incrementAndGet(), task);
        ThreadPoolExecutor pool = new ThreadPoolExecutor(
                threads, threads, IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), factory);
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }

    static Thread daemon(String role, Runnable task) {
        Thread thread = new Thread(null, task, PREFIX + role, 0, false);
        thread.setDaemon(true);
        return thread;
    }

    /** Waits for the end of a pool that is shut down, unless this is one of its own threads. */
    static boolean awaitEnd(ThreadPoolExecutor pool, long deadlineNanos) {
        if (Thread.currentThread().getName().startsWith(PREFIX)) {
            // It cannot end before this returns; which pool it is of does not matter enough to find out.
            return pool.isTerminated();
        }
        return uninterruptibly(
                () -> pool.awaitTermination(Math.max(0, deadlineNanos - System.nanoTime()), TimeUnit.NANOSECONDS));
    }

    /** Something that waits. */
    interface Wait {
        boolean await() throws InterruptedException;
    }

    /** Waits through interrupts, for a bounded wait; the flag is set again at the end. */
    static boolean uninterruptibly(Wait wait) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return wait.await();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
