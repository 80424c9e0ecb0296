package dev.agentvm.libvirt.internal.guest;

import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;

/** Runs what must be run: on the executor or, if that refuses, on a thread of its own. */
record Background(Executor executor) implements Executor {
    @Override
    public void execute(Runnable task) {
        try {
            executor.execute(task);
        } catch (RejectedExecutionException e) {
            Thread thread = new Thread(task, "agentvm-guest-background");
            thread.setDaemon(true);
            thread.start();
        }
    }
}
