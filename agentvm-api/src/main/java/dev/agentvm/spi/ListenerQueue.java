package dev.agentvm.spi;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.ConnectionClosed;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.EventsLost.Cause;
import dev.agentvm.event.NameResolved;
import dev.agentvm.event.Registration;
import dev.agentvm.event.TrafficSampled;
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
import java.util.concurrent.TimeUnit;
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
    /** A listener that always fails would else write a stack trace for each frame of a guest. */
    private static final long BETWEEN_WARNINGS_NANOS = Duration.ofMinutes(1).toNanos();

    private final VMEventListener listener;
    private final int capacity;
    /** What guests can make many of leaves room for the rest. */
    private final int capacityOfFrequent;

    private final Consumer<ListenerQueue> onClose;

    private final Lock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Queue<VMEvent> waiting = new ArrayDeque<>();
    /** What was lost after the last event that waits. */
    private final Map<Lost, Loss> losses = new LinkedHashMap<>();

    private final Thread thread = new Thread(null, this::run, "agentvm-events", 0, false);
    private boolean quiet;

    private final AtomicReference<State> state = new AtomicReference<>(State.OPEN);
    private final AtomicLong queued = new AtomicLong();
    private final AtomicLong handled = new AtomicLong();
    private final AtomicLong lost = new AtomicLong();

    private long failures;
    private long warnedNanos;

    private enum State {
        OPEN,
        /** What waits is delivered, and nothing comes after it. */
        ENDING,
        CLOSED
    }

    private record Lost(VMIdentity vm, Cause cause) {}

    private record Loss(long count, Instant since, Instant until) {
        Loss and(Loss later) {
            return new Loss(count + later.count, since, later.until);
        }
    }

    ListenerQueue(VMEventListener listener, int capacity, Consumer<ListenerQueue> onClose) {
        this.listener = listener;
        this.capacity = capacity;
        this.capacityOfFrequent = capacity - capacity / 4;
        this.onClose = onClose;
    }

    void start() {
        thread.setDaemon(true);
        thread.start();
    }

    void offer(VMEvent event) {
        lock.lock();
        try {
            if (state.get() != State.OPEN) {
                return;
            }
            if (waiting.size() < (isFrequent(event) ? capacityOfFrequent : capacity)) {
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

    private static boolean isFrequent(VMEvent event) {
        return event instanceof ConnectionAttempted
                || event instanceof ConnectionClosed
                || event instanceof NameResolved
                || event instanceof TrafficSampled;
    }

    /** What tells of a loss is not lost: it is told later, as one with those that come after it. */
    private void lose(VMEvent event) {
        if (event instanceof EventsLost earlier) {
            remember(
                    new Lost(earlier.vm(), earlier.cause()),
                    new Loss(earlier.count(), earlier.since(), earlier.time()));
        } else {
            lost.incrementAndGet();
            remember(new Lost(event.vm(), Cause.LISTENER), new Loss(1, event.time(), event.time()));
        }
    }

    private void remember(Lost what, Loss loss) {
        if (losses.size() < MAX_VMS || losses.containsKey(what)) {
            losses.merge(what, loss, Loss::and);
        }
    }

    private void queueLosses() {
        losses.forEach((what, loss) -> queue(new EventsLost.Builder()
                .time(loss.until())
                .vm(what.vm())
                .cause(what.cause())
                .count(loss.count())
                .since(loss.since())
                .build()));
        losses.clear();
    }

    private void run() {
        try {
            for (Optional<VMEvent> next = next(); next.isPresent(); next = next()) {
                try {
                    listener.onEvent(next.get());
                } catch (RuntimeException | Error e) {
                    warn(e);
                } finally {
                    // Its interrupt is its own affair.
                    Thread.interrupted();
                    noteHandled();
                }
            }
        } finally {
            noteQuiet();
            onClose.accept(this);
        }
    }

    private void warn(Throwable failure) {
        long now = System.nanoTime();
        if (failures > 0 && now - warnedNanos < BETWEEN_WARNINGS_NANOS) {
            failures++;
            return;
        }
        LOG.warn("a listener failed on an event and goes on with the next; {} times before", failures, failure);
        failures++;
        warnedNanos = now;
    }

    private void noteQuiet() {
        lock.lock();
        try {
            quiet = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
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
            long nanos = TimeUnit.NANOSECONDS.convert(timeout);
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

    @Override
    public boolean close(Duration timeout) {
        close();
        return awaitQuiet(timeout);
    }

    /** Waits until the listener is not called any more, or not at all if it is the one that waits. */
    boolean awaitQuiet(Duration timeout) {
        if (Thread.currentThread() == thread) {
            return false;
        }
        lock.lock();
        try {
            long nanos = TimeUnit.NANOSECONDS.convert(timeout);
            while (!quiet && nanos > 0) {
                nanos = changed.awaitNanos(nanos);
            }
            return quiet;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return quiet;
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
