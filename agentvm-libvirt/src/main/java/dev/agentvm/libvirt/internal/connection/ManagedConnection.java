package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import dev.agentvm.libvirt.internal.nativeaccess.LibvirtError;
import dev.agentvm.libvirt.internal.nativeaccess.NativeConnection;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A connection that is opened when first used, and opened anew when it was lost. All methods but {@link #connected}
 * and {@link #refuse} are to be called on library threads.
 */
final class ManagedConnection {
    /** What happens to the connection; called on library threads, never on the event loop. */
    interface Owner {
        /** A connection is open: register what is to be heard from it. */
        default void opened(NativeConnection connection) {}

        /** It was lost. */
        default void lost(String reason) {}

        /** A new one is open, {@link #opened} has been called. */
        default void regained() {}

        /** It could not be opened anew in the time given. */
        default void givenUp(String reason) {}
    }

    /** A connection was lost during a call. */
    private static final class LostException extends UnreachableException {
        private static final long serialVersionUID = 1L;

        LostException(LibvirtError error) {
            super("the connection to libvirt was lost: " + error.text(), true, error, error);
        }
    }

    private static final Logger LOG = LoggerFactory.getLogger(ManagedConnection.class);
    private static final long FIRST_PAUSE_MILLIS = 50;
    private static final long LONGEST_PAUSE_MILLIS = 1000;

    private final String role;
    private final LibvirtOptions options;
    private final Owner owner;
    /** Where the loss that a callback tells of is dealt with: libvirt holds locks during the callback. */
    private final Executor executor;

    private final CountDownLatch closed = new CountDownLatch(1);

    private final ReentrantLock lock = new ReentrantLock();
    /** Set under the lock, taken away without it: a loss is to be told of while another thread tries to reopen. */
    private final AtomicReference<@Nullable NativeConnection> connection = new AtomicReference<>();

    private volatile boolean everLost;
    private long failedAt;
    private @Nullable UnreachableException failure;

    ManagedConnection(String role, LibvirtOptions options, Executor executor, Owner owner) {
        this.role = role;
        this.options = options;
        this.executor = executor;
        this.owner = owner;
    }

    /** Opens the connection now, without trying again. */
    void openFirst() {
        lock.lock();
        try {
            open();
        } finally {
            lock.unlock();
        }
    }

    /** As {@link #use}, for a call that changes nothing: if the connection turns out to be lost, it is made once more. */
    <T> T read(Function<? super NativeConnection, T> call) {
        try {
            return use(call);
        } catch (LostException e) {
            LOG.debug("Once more, over a new {} connection", role);
            return use(call);
        }
    }

    /** Calls libvirt, over a new connection if there is none. */
    <T> T use(Function<? super NativeConnection, T> call) {
        NativeConnection current = current();
        try {
            return current.use(call);
        } catch (LibvirtError e) {
            if (isClosed()) {
                throw Errors.closed();
            }
            if (current.alive()) {
                throw e;
            }
            lost(current, e.text());
            throw new LostException(e);
        }
    }

    /** Whether a connection is open, as far as is known. */
    boolean connected() {
        return connection.get() != null;
    }

    /** Opens a lost connection anew, for as long as the options say. */
    void reconnect() {
        try {
            current();
        } catch (UnreachableException e) {
            LOG.debug("No new {} connection: {}", role, e.getMessage());
        }
    }

    /** Opens no other connection, and stops trying to. */
    void refuse() {
        closed.countDown();
    }

    /** Closes the connection once the calls under way are back, and opens no other. */
    void close() {
        refuse();
        lock.lock();
        try {
            NativeConnection current = connection.getAndSet(null);
            if (current != null) {
                current.close();
            }
        } finally {
            lock.unlock();
        }
    }

    private boolean isClosed() {
        return closed.getCount() == 0;
    }

    private NativeConnection current() {
        NativeConnection current = connection.get();
        if (current != null) {
            if (current.alive()) {
                return current;
            }
            lost(current, "its socket is closed");
        }
        long since = System.nanoTime();
        lock.lock();
        try {
            current = connection.get();
            if (current != null) {
                return current;
            }
            // Those who waited while another tried have had their turn.
            UnreachableException failed = failure;
            if (failed != null && failedAt - since > 0) {
                throw failed;
            }
            return openPatiently();
        } finally {
            lock.unlock();
        }
    }

    private NativeConnection openPatiently() {
        long deadline = System.nanoTime() + Durations.nanos(options.reconnectTimeout());
        long pause = FIRST_PAUSE_MILLIS;
        while (true) {
            try {
                return open();
            } catch (UnreachableException e) {
                if (!e.retryable() || System.nanoTime() - deadline >= 0) {
                    failure = e;
                    failedAt = System.nanoTime();
                    if (everLost) {
                        owner.givenUp(String.valueOf(e.getMessage()));
                    }
                    throw e;
                }
            }
            pause(pause);
            pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
        }
    }

    private NativeConnection open() {
        if (isClosed()) {
            throw Errors.closed();
        }
        NativeConnection opened;
        try {
            EventLoop.acquire();
            opened = NativeConnection.open(options.uri(), EventLoop::release);
        } catch (LibvirtError e) {
            EventLoop.release();
            throw new OpenFailure(options.uri()).describe(e);
        }
        try {
            opened.use(c -> {
                watch(c);
                owner.opened(c);
                return c;
            });
        } catch (LibvirtError e) {
            opened.close();
            throw new UnreachableException("cannot use " + options.uri() + ": " + e.text(), true, e, e);
        } catch (RuntimeException e) {
            opened.close();
            throw e;
        }
        failure = null;
        connection.set(opened);
        LOG.debug("Opened the {} connection to {}", role, options.uri());
        if (!opened.alive()) {
            // Its callback came before it was ours to lose.
            lost(opened, "its socket is closed");
            throw new UnreachableException("the connection to libvirt was lost at once", true, null, null);
        }
        if (everLost) {
            owner.regained();
        }
        return opened;
    }

    private void watch(NativeConnection opened) {
        try {
            opened.onClose(reason -> executor.execute(() -> lost(opened, closeReason(reason))));
        } catch (LibvirtError e) {
            if (!e.is(ErrorCode.NO_SUPPORT)) {
                throw e;
            }
        }
    }

    private void lost(NativeConnection which, String reason) {
        if (!connection.compareAndSet(which, null)) {
            return;
        }
        everLost = true;
        which.close();
        LOG.debug("Lost the {} connection to {}: {}", role, options.uri(), reason);
        owner.lost(reason);
    }

    /** {@code virConnectCloseReason}. */
    private static String closeReason(int reason) {
        return switch (reason) {
            case 0 -> "I/O error";
            case 1 -> "libvirt closed it";
            case 2 -> "keepalive went unanswered";
            case 3 -> "closed by the client";
            default -> "reason " + reason;
        };
    }

    private void pause(long millis) {
        try {
            if (closed.await(millis, TimeUnit.MILLISECONDS)) {
                throw Errors.closed();
            }
        } catch (InterruptedException e) {
            // Nobody interrupts a library thread but the end of its pool.
            throw Errors.closed();
        }
    }
}
