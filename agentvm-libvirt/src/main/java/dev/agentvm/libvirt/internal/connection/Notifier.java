package dev.agentvm.libvirt.internal.connection;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Hands events to listeners, in order, on one thread that is not the event loop. */
final class Notifier {
    private static final Logger LOG = LoggerFactory.getLogger(Notifier.class);

    private final ThreadPoolExecutor executor = LibraryThreads.pool("notify", 1);
    private final List<LibvirtListener> listeners = new CopyOnWriteArrayList<>();

    void add(LibvirtListener listener) {
        if (!listeners.contains(listener)) {
            listeners.add(listener);
        }
    }

    void remove(LibvirtListener listener) {
        listeners.remove(listener);
    }

    /** Never blocks, never throws. */
    void post(LibvirtEvent event) {
        try {
            executor.execute(() -> deliver(event));
        } catch (RejectedExecutionException e) {
            LOG.debug("After the close: {}", event);
        }
    }

    private void deliver(LibvirtEvent event) {
        for (LibvirtListener listener : listeners) {
            try {
                listener.onEvent(event);
            } catch (RuntimeException e) {
                LOG.warn("A listener failed on {}", event, e);
            }
        }
    }

    ThreadPoolExecutor executor() {
        return executor;
    }
}
