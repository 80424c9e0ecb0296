package dev.agentvm.event;

import dev.agentvm.AgentVMException;
import java.time.Duration;

/** A listener that is being told of events. Safe for use by many threads. */
public interface Registration extends AutoCloseable {
    /** How many events the listener was given, each {@link EventsLost} included that says what it was not given. */
    long delivered();

    /** How many events found the queue full and were lost. */
    long lost();

    /** How many events wait. */
    int waiting();

    /**
     * Waits until the listener was given all that had happened before this call. Called by the listener itself it waits
     * in vain.
     *
     * @param timeout how long to wait at most
     * @return whether it was
     * @throws AgentVMException if the thread is interrupted, whose interrupt status is then set
     */
    boolean awaitDelivery(Duration timeout);

    /**
     * Tells the listener nothing more: what waits is dropped, and no event is given to it after this, but it may still
     * be busy with one. Does not wait. Closing twice does nothing.
     */
    @Override
    void close();
}
