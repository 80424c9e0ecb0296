package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.nativeaccess.NativeConnection;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * A few threads that make calls, over one connection that they share, or each over one of its own.
 *
 * <p>Sharing has two prices. libvirtd serves five requests of one connection at a time by default, and beyond that stops
 * reading from it; then it misses the client's answers to its keepalive and ends the connection, with every domain tied
 * to it. And before 10.0 a call may be sent only when that of another thread is answered. So few share, and only calls
 * that are soon answered.
 */
final class Lane {
    /** How many calls are made at once. */
    static final int CALLS_AT_ONCE = 4;

    private final ThreadPoolExecutor executor;
    private final List<ManagedConnection> connections;
    private final Deque<ManagedConnection> free;
    private final Executor cleanup;
    private final Set<PendingCall<?>> pending = ConcurrentHashMap.newKeySet();

    private Lane(
            String role, List<ManagedConnection> connections, List<ManagedConnection> perThread, Executor cleanup) {
        this.executor = LibraryThreads.pool(role, perThread.size());
        this.connections = connections;
        this.free = new ConcurrentLinkedDeque<>(perThread);
        this.cleanup = cleanup;
    }

    /** Threads that share a connection. */
    static Lane sharing(String role, ManagedConnection connection, Executor cleanup) {
        return new Lane(role, List.of(connection), Collections.nCopies(CALLS_AT_ONCE, connection), cleanup);
    }

    /** Threads of which each uses a connection of its own during a call. */
    static Lane separate(String role, Supplier<ManagedConnection> connection, Executor cleanup) {
        List<ManagedConnection> all =
                Stream.generate(connection).limit(CALLS_AT_ONCE).toList();
        return new Lane(role, all, all, cleanup);
    }

    /** Calls libvirt on a thread of the lane, and waits for the result as the scope says. */
    <T> T call(Scope scope, Errors.Operation operation, Function<? super NativeConnection, T> body) {
        return over(scope, operation, connection -> connection.use(body));
    }

    /** As {@link #call}, for what changes nothing, and may be called again when a connection turns out to be lost. */
    <T> T read(Scope scope, Errors.Operation operation, Function<? super NativeConnection, T> body) {
        return over(scope, operation, connection -> connection.read(body));
    }

    private <T> T over(Scope scope, Errors.Operation operation, Function<ManagedConnection, T> call) {
        return run(scope, operation, () -> {
            // There are as many as threads. The last used comes first, so that few are opened for few calls.
            ManagedConnection connection = free.pop();
            try {
                return call.apply(connection);
            } finally {
                free.push(connection);
            }
        });
    }

    /** As {@link #call}, for what needs a thread of the lane and none of its connections. */
    <T> T run(Scope scope, Errors.Operation operation, Supplier<T> body) {
        return run(scope, operation, pending, body);
    }

    /** As {@link #run(Scope, Errors.Operation, Supplier)}; while it is under way {@code others} have it too. */
    <T> T run(Scope scope, Errors.Operation operation, Set<PendingCall<?>> others, Supplier<T> body) {
        PendingCall<T> call = new PendingCall<>(body, value -> scope.undo().ifPresent(cleanup::execute));
        pending.add(call);
        others.add(call);
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
            others.remove(call);
        }
    }

    static Throwable cause(ExecutionException e) {
        return e.getCause() == null ? e : e.getCause();
    }

    /** Fails the calls under way and queued, and closes each connection behind the last call over it. */
    void close() {
        connections.forEach(ManagedConnection::refuse);
        try {
            executor.execute(() -> connections.forEach(ManagedConnection::close));
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
