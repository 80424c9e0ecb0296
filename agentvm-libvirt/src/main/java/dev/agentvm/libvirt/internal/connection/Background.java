package dev.agentvm.libvirt.internal.connection;

import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One thread for one kind of background work. Nothing that it is given reaches whoever gave it. */
final class Background implements Executor {
    private static final Logger LOG = LoggerFactory.getLogger(Background.class);

    private final ThreadPoolExecutor executor;

    Background(String role) {
        executor = LibraryThreads.pool(role, 1);
    }

    @Override
    public void execute(Runnable task) {
        try {
            executor.execute(() -> {
                try {
                    task.run();
                } catch (RuntimeException e) {
                    LOG.warn("Background work failed", e);
                }
            });
        } catch (RejectedExecutionException e) {
            LOG.debug("After the close, not done: {}", task);
        }
    }

    ThreadPoolExecutor executor() {
        return executor;
    }
}
