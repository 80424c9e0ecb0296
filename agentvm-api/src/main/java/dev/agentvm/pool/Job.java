package dev.agentvm.pool;

import org.jspecify.annotations.Nullable;

/** Work on a thread of the pool. It can be interrupted without harm to what that thread does next. */
final class Job implements Runnable {
    private final Runnable work;
    private @Nullable Thread runner;
    private boolean interrupted;

    Job(Runnable work) {
        this.work = work;
    }

    @Override
    public void run() {
        begin(Thread.currentThread());
        try {
            work.run();
        } finally {
            end();
        }
    }

    private synchronized void begin(Thread thread) {
        runner = thread;
        if (interrupted) {
            thread.interrupt();
        }
    }

    private synchronized void end() {
        runner = null;
        boolean unused = Thread.interrupted();
    }

    /** Interrupts it, even if it has not begun. */
    synchronized void interrupt() {
        interrupted = true;
        if (runner != null) {
            runner.interrupt();
        }
    }
}
