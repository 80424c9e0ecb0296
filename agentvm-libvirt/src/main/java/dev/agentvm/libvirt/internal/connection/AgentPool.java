package dev.agentvm.libvirt.internal.connection;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Decides which guest-agent call goes when, over which connection. A call that the agent does not answer holds its place
 * for seconds, whatever its caller does, and a worker of libvirtd as well, of which there are 20 for all clients. So
 * that the others are served, however many agents fall silent at one moment:
 *
 * <ul>
 *   <li>A domain has one call under way.
 *   <li>A domain is mute once its call has gone unanswered for a second, until one is answered or its agent comes anew.
 *       The mute may hold half of the places; up to that they and the others begin in turn.
 *   <li>While half of the places are held, a call is begun by a ping that libvirt gives a second (five if it has to
 *       synchronise with the agent first). If that goes unanswered the domain is mute, and its call waits with those of
 *       the mute. So only one place in two is ever held for long, but by an agent that falls silent right after its ping.
 *   <li>While four calls are under way, the next one begins when those that are not back were sent {@link #APART} ago.
 *       libvirtd starts with five workers, and compares numbers without a sign to decide whether it needs another: of
 *       the calls that arrive while no worker is idle, the second starts no worker, nor does any later one, of any
 *       client, until a worker is back (virThreadPoolSendJob, in 9.0 and later). If each waits for a mute agent, that
 *       takes as long as the agents are given.
 * </ul>
 *
 * <p>A place is a connection, for one call at a time. libvirt before 10.0 may fail to wake the thread that reads for all
 * threads of a connection when another has something to send: that one then waits for an answer to somebody else.
 */
final class AgentPool {
    /** Unanswered for so long, a call is taken to stay so. */
    static final Duration SILENCE = Duration.ofSeconds(1);
    /** Enough for libvirtd to give a call to a worker, with much else to do. */
    static final Duration APART = Duration.ofMillis(100);
    /** So many calls may come at once: one less than the workers that libvirtd starts with. */
    static final int BURST = 4;

    private final ReentrantLock lock = new ReentrantLock();
    private final Timing timing;
    private final List<ManagedConnection> connections;
    private final int half;
    /** The last used first, so that few are opened for few calls. */
    private final Deque<ManagedConnection> free;

    private final Map<UUID, Guest> guests = new HashMap<>();
    private final Set<Guest> busy = new HashSet<>();
    private final Deque<Guest> ready = new ArrayDeque<>();
    private final Deque<Guest> readyMute = new ArrayDeque<>();
    private final ThreadPoolExecutor executor;
    private boolean mutesTurn;
    private boolean waking;
    private boolean closed;

    /** A domain with calls waiting or under way, or a mute one. */
    private static final class Guest {
        private final UUID uuid;
        private final Deque<AgentRequest> waiting = new ArrayDeque<>();
        private @Nullable AgentRequest underWay;
        private boolean mute;

        Guest(UUID uuid) {
            this.uuid = uuid;
        }

        boolean silent() {
            AgentRequest current = underWay;
            return mute || (current != null && current.age().compareTo(SILENCE) >= 0);
        }

        Duration unsettled() {
            AgentRequest current = underWay;
            return current == null ? Duration.ZERO : current.unsettled();
        }
    }

    AgentPool(List<ManagedConnection> connections, Timing timing) {
        this.timing = timing;
        this.connections = List.copyOf(connections);
        this.half = Math.max(1, connections.size() / 2);
        this.free = new ArrayDeque<>(connections);
        this.executor = LibraryThreads.pool("agent", connections.size());
    }

    /**
     * Makes a call in its turn.
     *
     * @param ping asks the agent for a sign of life, for at most {@link #SILENCE}
     * @param late gets an answer that comes after the caller gave up
     */
    String call(
            DomainRef domain,
            Errors.Operation operation,
            Duration timeout,
            AgentRequest.Question ping,
            AgentRequest.Question body,
            Consumer<String> late) {
        AgentRequest request = new AgentRequest(timing, ping, body, late);
        enqueue(domain.uuid(), request);
        try {
            return request.call().await(timeout);
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
                AgentRequest current = guest.underWay;
                if (current != null) {
                    current.outdate();
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
            return busy.size();
        } finally {
            lock.unlock();
        }
    }

    /** How many calls wait for their turn, for tests and diagnosis. */
    int waiting() {
        lock.lock();
        try {
            return guests.values().stream()
                    .mapToInt(guest -> guest.waiting.size())
                    .sum();
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
                guest.waiting.forEach(request -> calls.add(request.call()));
                guest.waiting.clear();
                AgentRequest current = guest.underWay;
                if (current != null) {
                    calls.add(current.call());
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

    private void enqueue(UUID uuid, AgentRequest request) {
        lock.lock();
        try {
            if (closed) {
                request.call().fail(Errors.closed());
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

    private void givenUp(UUID uuid, AgentRequest request, boolean timedOut) {
        lock.lock();
        try {
            Guest guest = guests.get(uuid);
            if (guest == null) {
                return;
            }
            if (guest.underWay == request) {
                if (timedOut && !request.outdated()) {
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
        while (!free.isEmpty() && !closed && !tooSoon()) {
            Optional<Guest> guest = next();
            if (guest.isEmpty()) {
                return;
            }
            AgentRequest request = guest.get().waiting.poll();
            if (request != null) {
                start(guest.get(), request);
            }
        }
    }

    private boolean tooSoon() {
        if (busy.size() < BURST || (ready.isEmpty() && readyMute.isEmpty())) {
            return false;
        }
        Duration unsettled =
                busy.stream().map(Guest::unsettled).max(Duration::compareTo).orElse(Duration.ZERO);
        if (unsettled.isNegative() || unsettled.isZero()) {
            return false;
        }
        if (!waking) {
            waking = true;
            timing.after(unsettled.compareTo(APART) < 0 ? unsettled : APART, this::wake);
        }
        return true;
    }

    private void wake() {
        lock.lock();
        try {
            waking = false;
            dispatch();
        } finally {
            lock.unlock();
        }
    }

    private Optional<Guest> next() {
        boolean mutesMay =
                !readyMute.isEmpty() && busy.stream().filter(Guest::silent).count() < half;
        Guest guest = mutesMay && (mutesTurn || ready.isEmpty()) ? readyMute.poll() : ready.poll();
        mutesTurn = guest != null && !guest.mute;
        return Optional.ofNullable(guest);
    }

    private void start(Guest guest, AgentRequest request) {
        ManagedConnection connection = free.pop();
        boolean pingFirst = busy.size() >= half;
        request.begin(connection);
        guest.underWay = request;
        busy.add(guest);
        executor.execute(() -> {
            boolean made = !pingFirst || request.ping();
            if (made) {
                request.run();
            }
            back(guest, request, connection, made);
        });
    }

    private void back(Guest guest, AgentRequest request, ManagedConnection connection, boolean made) {
        lock.lock();
        try {
            free.push(connection);
            busy.remove(guest);
            guest.underWay = null;
            guest.mute = request.unanswered() && !request.outdated();
            if (!made && !closed && !request.call().abandoned()) {
                guest.waiting.addFirst(request);
            }
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
        guest.mute = mute;
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
