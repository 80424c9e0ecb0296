package dev.agentvm.spi;

import dev.agentvm.FailureContext;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.InvalidValueException;
import dev.agentvm.event.Registration;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMEventListener;
import dev.agentvm.event.VMEvents;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;

/** The events of a hypervisor, for those who implement one. Safe for use by many threads. */
public final class EventDispatcher implements VMEvents, AutoCloseable {
    /** How long the close of a hypervisor waits at most until its listeners were given what waits. */
    public static final Duration LAST_DELIVERY = Duration.ofSeconds(5);

    private static final int MAX_CAPACITY = 1_048_576;

    private final List<ListenerQueue> queues = new CopyOnWriteArrayList<>();
    private final AtomicBoolean closed = new AtomicBoolean();
    /** Held while an event is put into all queues, so that a listener's answer to it comes after it in each. */
    private final Lock order = new ReentrantLock();

    /** Nobody listens yet. */
    public EventDispatcher() {}

    @Override
    public Registration listen(VMEventListener listener, int capacity) {
        Objects.requireNonNull(listener, "listener");
        if (capacity < 1 || capacity > MAX_CAPACITY) {
            throw new InvalidValueException("capacity", capacity, "must be from 1 to " + MAX_CAPACITY);
        }
        synchronized (this) {
            if (closed.get()) {
                throw new HypervisorUnavailableException(
                        "The hypervisor was closed; connect again", FailureContext.of("listen to events"));
            }
            ListenerQueue queue = new ListenerQueue(listener, capacity, queues::remove);
            queues.add(queue);
            queue.start();
            return queue;
        }
    }

    @Override
    public void publish(VMEvent event) {
        Objects.requireNonNull(event, "event");
        order.lock();
        try {
            queues.forEach(queue -> queue.offer(event));
        } finally {
            order.unlock();
        }
    }

    /** Whether anybody listens, so that what is costly to find out is worth it. */
    public boolean hasListeners() {
        return !queues.isEmpty();
    }

    /** Takes no more events; those that wait are still delivered, which is not waited for. */
    @Override
    public synchronized void close() {
        closed.set(true);
        queues.forEach(ListenerQueue::end);
    }

    /**
     * Takes no more events, and waits until those that wait are delivered. A listener that calls this is not waited for.
     *
     * @param timeout how long to wait at most for all listeners together; an interrupt ends the wait, and stays set
     * @return whether all was delivered
     */
    public boolean close(Duration timeout) {
        close();
        // The longest that there are stand for what is longer.
        long nanos = Math.max(0, TimeUnit.NANOSECONDS.convert(timeout));
        long begin = System.nanoTime();
        boolean delivered = true;
        for (ListenerQueue queue : queues) {
            delivered &= queue.awaitQuiet(Duration.ofNanos(Math.max(0, nanos - (System.nanoTime() - begin))));
        }
        return delivered;
    }
}
