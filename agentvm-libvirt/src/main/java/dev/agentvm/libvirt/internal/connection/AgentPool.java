package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import dev.agentvm.libvirt.internal.nativeaccess.LibvirtError;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Decides which guest-agent call goes when, over which connection. An agent that does not answer holds its place for
 * seconds, whatever its caller does. So a domain has one call under way, and the mute ones (whose last call went
 * unanswered) may hold half of the places; a domain becomes mute only by holding one place once.
 *
 * <p>A place is a connection, for one call at a time. libvirt before 10.0 may fail to wake the thread that reads for all
 * threads of a connection when another has something to send: that one then waits for an answer to somebody else.
 */
final class AgentPool {
    /** Below this, libvirt itself refused, and nobody waited for the guest. */
    private static final long MUTE_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final ReentrantLock lock = new ReentrantLock();
    private final List<ManagedConnection> connections;
    /** The last used first, so that few are opened for few calls. */
    private final Deque<ManagedConnection> free;

    private final Map<UUID, Guest> guests = new HashMap<>();
    private final Deque<Guest> ready = new ArrayDeque<>();
    private final Deque<Guest> readyMute = new ArrayDeque<>();
    private final ThreadPoolExecutor executor;
    private int mutesUnderWay;
    private boolean closed;

    /** A domain with calls waiting or under way, or a mute one. */
    private static final class Guest {
        private final UUID uuid;
        private final Deque<Request> waiting = new ArrayDeque<>();
        private @Nullable Request underWay;
        private boolean mute;
        private boolean countedMute;

        Guest(UUID uuid) {
            this.uuid = uuid;
        }
    }

    /** A call, and what became of it. */
    private static final class Request {
        private final Function<ManagedConnection, String> body;
        private final PendingCall<String> call;
        private @Nullable ManagedConnection connection;
        private boolean unanswered;
        /** The agent that it waits for is gone: its silence says nothing of the next one. */
        private boolean outdated;

        Request(Function<ManagedConnection, String> body, Consumer<String> late) {
            this.body = body;
            this.call = new PendingCall<>(this::make, late);
        }

        private String make() {
            ManagedConnection over = connection;
            if (over == null) {
                throw new IllegalStateException("not dispatched");
            }
            long begun = System.nanoTime();
            try {
                return body.apply(over);
            } catch (LibvirtError e) {
                unanswered =
                        e.is(ErrorCode.AGENT_UNRESPONSIVE, ErrorCode.AGENT_COMMAND_TIMEOUT, ErrorCode.AGENT_UNSYNCED)
                                && System.nanoTime() - begun > MUTE_NANOS;
                throw e;
            }
        }
    }

    AgentPool(List<ManagedConnection> connections) {
        this.connections = List.copyOf(connections);
        this.free = new ArrayDeque<>(connections);
        this.executor = LibraryThreads.pool("agent", connections.size());
    }

    String call(
            DomainRef domain,
            Errors.Operation operation,
            Duration timeout,
            Function<ManagedConnection, String> body,
            Consumer<String> late) {
        Request request = new Request(body, late);
        enqueue(domain.uuid(), request);
        try {
            return request.call.await(timeout);
        } catch (ExecutionException e) {
            throw Errors.agentFailure(Lane.cause(e), operation);
        } catch (TimeoutException e) {
            givenUp(domain.uuid(), request, true);
            throw Errors.timeout(operation, timeout);
        } catch (InterruptedException e) {
            givenUp(domain.uuid(), request, false);
            throw Errors.interrupted(operation, e);
        }
    }

    /** The domain has ended, or its agent has come anew: what was known of it no longer holds. */
    void forget(UUID uuid) {
        lock.lock();
        try {
            Guest guest = guests.get(uuid);
            if (guest != null) {
                Request current = guest.underWay;
                if (current != null) {
                    current.outdated = true;
                }
                setMute(guest, false);
                tidy(guest);
                dispatch();
            }
        } finally {
            lock.unlock();
        }
    }

    /** How many calls are under way, for tests and diagnosis. */
    int underWay() {
        lock.lock();
        try {
            return connections.size() - free.size();
        } finally {
            lock.unlock();
        }
    }

    void close() {
        List<PendingCall<String>> calls = new ArrayList<>();
        lock.lock();
        try {
            closed = true;
            for (Guest guest : guests.values()) {
                guest.waiting.forEach(request -> calls.add(request.call));
                guest.waiting.clear();
                Request current = guest.underWay;
                if (current != null) {
                    calls.add(current.call);
                }
            }
        } finally {
            lock.unlock();
        }
        calls.forEach(call -> call.fail(Errors.closed()));
        connections.forEach(ManagedConnection::refuse);
        try {
            // On a thread of the pool; those whose calls are still under way are closed behind the last of these.
            executor.execute(() -> connections.forEach(ManagedConnection::close));
        } catch (RejectedExecutionException e) {
            return;
        }
        executor.shutdown();
    }

    ThreadPoolExecutor executor() {
        return executor;
    }

    private void enqueue(UUID uuid, Request request) {
        lock.lock();
        try {
            if (closed) {
                request.call.fail(Errors.closed());
                return;
            }
            Guest guest = guests.computeIfAbsent(uuid, Guest::new);
            guest.waiting.add(request);
            if (guest.underWay == null && guest.waiting.size() == 1) {
                makeReady(guest);
                dispatch();
            }
        } finally {
            lock.unlock();
        }
    }

    private void givenUp(UUID uuid, Request request, boolean timedOut) {
        lock.lock();
        try {
            Guest guest = guests.get(uuid);
            if (guest == null) {
                return;
            }
            if (guest.underWay == request) {
                if (timedOut && !request.outdated) {
                    setMute(guest, true);
                }
                return;
            }
            guest.waiting.remove(request);
            tidy(guest);
        } finally {
            lock.unlock();
        }
    }

    private void dispatch() {
        while (!free.isEmpty() && !closed) {
            Guest guest = ready.poll();
            if (guest == null && mutesUnderWay < Math.max(1, connections.size() / 2)) {
                guest = readyMute.poll();
            }
            if (guest == null) {
                return;
            }
            Request request = guest.waiting.poll();
            if (request == null) {
                continue;
            }
            start(guest, request);
        }
    }

    private void start(Guest guest, Request request) {
        ManagedConnection connection = free.pop();
        guest.underWay = request;
        request.connection = connection;
        if (guest.mute) {
            guest.countedMute = true;
            mutesUnderWay++;
        }
        executor.execute(() -> {
            request.call.run();
            finished(guest, request, connection);
        });
    }

    private void finished(Guest guest, Request request, ManagedConnection connection) {
        lock.lock();
        try {
            free.push(connection);
            guest.underWay = null;
            if (guest.countedMute) {
                guest.countedMute = false;
                mutesUnderWay--;
            }
            guest.mute = request.unanswered && !request.outdated;
            if (!guest.waiting.isEmpty()) {
                makeReady(guest);
            }
            tidy(guest);
            dispatch();
        } finally {
            lock.unlock();
        }
    }

    private void setMute(Guest guest, boolean mute) {
        if (guest.mute == mute) {
            return;
        }
        guest.mute = mute;
        if (guest.underWay != null && guest.countedMute != mute) {
            guest.countedMute = mute;
            mutesUnderWay += mute ? 1 : -1;
        }
        if (ready.remove(guest) || readyMute.remove(guest)) {
            makeReady(guest);
        }
    }

    private void makeReady(Guest guest) {
        (guest.mute ? readyMute : ready).add(guest);
    }

    private void tidy(Guest guest) {
        if (guest.underWay == null && guest.waiting.isEmpty()) {
            ready.remove(guest);
            readyMute.remove(guest);
            if (!guest.mute) {
                guests.remove(guest.uuid, guest);
            }
        }
    }
}
