package dev.agentvm.spi;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.Registration;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMEventListener;
import dev.agentvm.event.VMIdentity;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The events that wait for one listener, and the thread that gives them to it. Safe for use by many threads. */
final class ListenerQueue implements Registration {
    private static final Logger LOG = LoggerFactory.getLogger(ListenerQueue.class);
    /** Losses of more VMs at a time are counted, but no event tells of them. */
    private static final int MAX_VMS = 4096;

    private final VMEventListener listener;
    private final int capacity;
    private final Consumer<ListenerQueue> onClose;

    private final Lock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Queue<VMEvent> waiting = new ArrayDeque<>();
    /** What was lost after the last event that waits. */
    private final Map<VMIdentity, Loss> losses = new LinkedHashMap<>();

    private final AtomicReference<State> state = new AtomicReference<>(State.OPEN);
    private final AtomicLong queued = new AtomicLong();
    private final AtomicLong handled = new AtomicLong();
    private final AtomicLong lost = new AtomicLong();

    private enum State {
        OPEN,
        /** What waits is delivered, and nothing comes after it. */
        ENDING,
        CLOSED
    }

    private record Loss(long count, Instant since, Instant until) {
        Loss and(Loss later) {
            return new Loss(count + later.count, since, later.until);
        }
    }

    ListenerQueue(VMEventListener listener, int capacity, Consumer<ListenerQueue> onClose) {
        this.listener = listener;
        this.capacity = capacity;
        this.onClose = onClose;
    }

    void start() {
        Thread thread = new Thread(null, this::run, "agentvm-events", 0, false);
        thread.setDaemon(true);
        thread.start();
    }

    void offer(VMEvent event) {
        lock.lock();
        try {
            if (state.get() != State.OPEN) {
                return;
            }
            if (waiting.size() < capacity) {
                queueLosses();
                queue(event);
            } else {
                lose(event);
            }
        } finally {
            lock.unlock();
        }
    }

    private void queue(VMEvent event) {
        waiting.add(event);
        queued.incrementAndGet();
        changed.signalAll();
    }

    private void lose(VMEvent event) {
        lost.incrementAndGet();
        if (losses.size() < MAX_VMS || losses.containsKey(event.vm())) {
            losses.merge(event.vm(), new Loss(1, event.time(), event.time()), Loss::and);
        }
    }

    private void queueLosses() {
        losses.forEach((vm, loss) -> queue(new EventsLost.Builder()
                .time(loss.until())
                .vm(vm)
                .cause(EventsLost.Cause.LISTENER)
                .count(loss.count())
                .since(loss.since())
                .build()));
        losses.clear();
    }

    private void run() {
        for (Optional<VMEvent> next = next(); next.isPresent(); next = next()) {
            try {
                listener.onEvent(next.get());
            } catch (RuntimeException | Error e) {
                LOG.warn("a listener failed on an event and goes on with the next", e);
            } finally {
                // Its interrupt is its own affair.
                Thread.interrupted();
                noteHandled();
            }
        }
        onClose.accept(this);
    }

    private Optional<VMEvent> next() {
        lock.lock();
        try {
            while (true) {
                if (waiting.isEmpty()) {
                    queueLosses();
                }
                if (state.get() == State.CLOSED || (waiting.isEmpty() && state.get() == State.ENDING)) {
                    return Optional.empty();
                }
                if (!waiting.isEmpty()) {
                    return Optional.of(waiting.remove());
                }
                changed.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }

    private void noteHandled() {
        lock.lock();
        try {
            handled.incrementAndGet();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public long delivered() {
        return handled.get();
    }

    @Override
    public long lost() {
        return lost.get();
    }

    @Override
    public int waiting() {
        lock.lock();
        try {
            return waiting.size();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public boolean awaitDelivery(Duration timeout) {
        lock.lock();
        try {
            queueLosses();
            long last = queued.get();
            long nanos = timeout.toNanos();
            while (handled.get() < last && state.get() != State.CLOSED && nanos > 0) {
                nanos = changed.awaitNanos(nanos);
            }
            return handled.get() >= last;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AgentVMException(
                    "The wait was interrupted", FailureContext.of("await the delivery of events"), e);
        } finally {
            lock.unlock();
        }
    }

    /** Takes no more events; those that wait are still delivered. */
    void end() {
        lock.lock();
        try {
            state.compareAndSet(State.OPEN, State.ENDING);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() {
        lock.lock();
        try {
            state.set(State.CLOSED);
            waiting.clear();
            losses.clear();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        onClose.accept(this);
    }
}
