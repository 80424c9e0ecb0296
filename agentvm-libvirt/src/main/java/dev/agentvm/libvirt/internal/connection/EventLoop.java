package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.nativeaccess.LibvirtError;
import dev.agentvm.libvirt.internal.nativeaccess.NativeLibvirt;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * libvirt's event loop: one daemon thread per process, which lives while a connection is open. It must never be held
 * up: libvirtd ends a connection whose client has not answered its keepalive for 30 s.
 */
final class EventLoop {
    private static final Logger LOG = LoggerFactory.getLogger(EventLoop.class);
    /** What a closed connection leaves is freed in idle iterations after it; its socket too. */
    private static final int DRAIN_MILLIS = 20;

    private static final long PAUSE_MILLIS = 100;

    private static final Object LOCK = new Object();
    private static int users;
    private static long drainedAt;
    private static @Nullable Thread thread;

    private EventLoop() {}

    /** Starts the loop if it does not run; to be called, on a library thread, before a connection is opened. */
    static void acquire() {
        synchronized (LOCK) {
            NativeLibvirt.initialise();
            users++;
            if (thread == null) {
                thread = LibraryThreads.daemon("events", EventLoop::run);
                thread.start();
            }
        }
    }

    /** Lets the loop stop, if nobody else needs it; to be called on a library thread, after the connection's close. */
    static void release() {
        synchronized (LOCK) {
            users--;
            if (users == 0) {
                drainedAt = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(DRAIN_MILLIS);
                NativeLibvirt.wakeEvents(DRAIN_MILLIS + 1);
            }
        }
    }

    /** Waits, for a second at most, for the loop to stop, if nobody needs it. */
    static void awaitStop() {
        Thread stopping;
        synchronized (LOCK) {
            stopping = users == 0 ? thread : null;
        }
        if (stopping != null && stopping != Thread.currentThread()) {
            LibraryThreads.uninterruptibly(() -> {
                stopping.join(TimeUnit.SECONDS.toMillis(1));
                return !stopping.isAlive();
            });
        }
    }

    private static void run() {
        do {
            try {
                NativeLibvirt.runEvents();
            } catch (LibvirtError e) {
                LOG.warn("libvirt's event loop failed; it goes on", e);
                pause();
            }
        } while (!stopped());
    }

    private static boolean stopped() {
        synchronized (LOCK) {
            if (users > 0) {
                return false;
            }
            if (System.nanoTime() - drainedAt < 0) {
                return false;
            }
            thread = null;
            return true;
        }
    }

    private static void pause() {
        try {
            Thread.sleep(PAUSE_MILLIS);
        } catch (InterruptedException e) {
            LOG.trace("Interrupted", e);
        }
    }
}
