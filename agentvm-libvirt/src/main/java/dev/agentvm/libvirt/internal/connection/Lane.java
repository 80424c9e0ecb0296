package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.nativeaccess.NativeConnection;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;

/** A connection and the few threads that make calls over it. */
final class Lane {
    /**
     * libvirtd serves five requests of one connection at a time by default, and beyond that stops reading from it; then
     * it misses the client's answers to its keepalive and ends the connection, with every domain tied to it.
     */
    static final int CALLS_AT_ONCE = 4;

    private final ThreadPoolExecutor executor;
    private final ManagedConnection connection;
    private final Executor cleanup;
    private final Set<PendingCall<?>> pending = ConcurrentHashMap.newKeySet();

    Lane(String role, ManagedConnection connection, Executor cleanup) {
        this.executor = LibraryThreads.pool(role, CALLS_AT_ONCE);
        this.connection = connection;
        this.cleanup = cleanup;
    }

    ManagedConnection connection() {
        return connection;
    }

    /** Calls libvirt on a thread of the lane, and waits for the result as the scope says. */
    <T> T call(Scope scope, Errors.Operation operation, Function<? super NativeConnection, T> body) {
        return run(scope, operation, () -> connection.use(body));
    }

    /** As {@link #call}, for what needs a thread of the lane and perhaps not its connection. */
    <T> T run(Scope scope, Errors.Operation operation, Supplier<T> body) {
        PendingCall<T> call = new PendingCall<>(body, value -> scope.undo().ifPresent(cleanup::execute));
        pending.add(call);
        try {
            executor.execute(call);
            return call.await(scope.timeout());
        } catch (RejectedExecutionException e) {
            throw Errors.failure(Errors.closed(), operation);
        } catch (ExecutionException e) {
            throw Errors.failure(cause(e), operation);
        } catch (TimeoutException e) {
            executor.remove(call);
            throw Errors.timeout(operation, scope.timeout());
        } catch (InterruptedException e) {
            executor.remove(call);
            throw Errors.interrupted(operation, e);
        } finally {
            pending.remove(call);
        }
    }

    static Throwable cause(ExecutionException e) {
        return e.getCause() == null ? e : e.getCause();
    }

    /** Fails the calls under way and queued, and closes the connection behind the last one. */
    void close() {
        connection.refuse();
        try {
            executor.execute(connection::close);
        } catch (RejectedExecutionException e) {
            return;
        }
        executor.shutdown();
        pending.forEach(call -> call.fail(Errors.closed()));
    }

    ThreadPoolExecutor executor() {
        return executor;
    }
}
