package dev.agentvm.event;

import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.InvalidValueException;

/**
 * What happens to the VMs that one hypervisor object launched. Each listener gets all of it from its registration on,
 * in the order in which it was published, by a daemon thread of its own. Safe for use by many threads.
 *
 * <p>When the hypervisor is closed, listeners are still given what waits, and then no more. Its close waits for them,
 * five seconds at most.
 */
public interface VMEvents {
    /** How many events wait for a listener at most, if it is not said. */
    int STANDARD_CAPACITY = 16_384;

    /** Tells {@code listener} of what happens from now on, with a queue of {@link #STANDARD_CAPACITY}. */
    default Registration listen(VMEventListener listener) {
        return listen(listener, STANDARD_CAPACITY);
    }

    /**
     * Tells {@code listener} of what happens from now on.
     *
     * @param capacity how many events may wait for it, 1 to 1,048,576; what comes when as many wait is lost, and an
     *     {@link EventsLost} for each VM says so in its place. A quarter is kept free of what guests can make many of:
     *     attempts, ends of connections, names and samples
     * @throws InvalidValueException if the capacity is out of range
     * @throws HypervisorUnavailableException if the hypervisor is closed
     */
    Registration listen(VMEventListener listener, int capacity);

    /**
     * Tells all listeners of an event of the program's own, such as an {@link AnomalyDetected} by its detectors. Does
     * not wait; does nothing once the hypervisor is closed.
     */
    void publish(VMEvent event);
}
