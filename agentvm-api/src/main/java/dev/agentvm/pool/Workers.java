package dev.agentvm.pool;

import java.time.Duration;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads of one pool: daemons, as many as there is work at once, and none soon after there is none. Safe for use by
 * many threads.
 */
final class Workers {
    private static final Duration KEPT = Duration.ofSeconds(10);
    /** For work that takes no notice of being interrupted. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final ThreadPoolExecutor executor;
    private final Factory factory;

    Workers(String pool) {
        factory = new Factory("agentvm-pool-" + pool + "-");
        executor = new ThreadPoolExecutor(
                0, Integer.MAX_VALUE, KEPT.toSeconds(), TimeUnit.SECONDS, new SynchronousQueue<>(), factory);
    }

    /** What makes its threads. */
    ThreadFactory factory() {
        return factory;
    }

    void start(Runnable work) {
        executor.execute(work);
    }

    /** Whether the calling thread is one of these. */
    boolean isOne() {
        return Thread.currentThread() instanceof Worker worker && worker.factory == factory;
    }

    /** Nothing more is started; threads end with what they do. */
    void shutDown() {
        executor.shutdown();
    }

    /** Waits until all threads have ended, but not for ever. An interrupt is kept for later. */
    void awaitEnd() {
        boolean interrupted = false;
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            try {
                boolean unused = executor.awaitTermination(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static final class Factory implements ThreadFactory {
        private final String prefix;
        private final AtomicInteger made = new AtomicInteger();

        private Factory(String prefix) {
            this.prefix = prefix;
        }

        @Override
        public Thread newThread(Runnable work) {
            return new Worker(this, work, prefix + made.incrementAndGet());
        }
    }

    private static final class Worker extends Thread {
        private final Factory factory;

        private Worker(Factory factory, Runnable work, String name) {
            super(work, name);
            this.factory = factory;
            setDaemon(true);
        }
    }
}
