package dev.agentvm.pool;

import org.jspecify.annotations.Nullable;

/** Work on a thread of the pool. It can be interrupted without harm to what that thread does next. */
final class Job implements Runnable {
    private final Runnable work;
    private @Nullable Thread runner;
    private boolean interrupted;
    private boolean revoked;

    Job(Runnable work) {
        this.work = work;
    }

    @Override
    public void run() {
        if (isRevoked()) {
            return;
        }
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

    /** Running it does nothing from now on. */
    synchronized void revoke() {
        revoked = true;
    }

    private synchronized boolean isRevoked() {
        return revoked;
    }

    /** Interrupts it, even if it has not begun. */
    synchronized void interrupt() {
        interrupted = true;
        if (runner != null) {
            runner.interrupt();
        }
    }
}
