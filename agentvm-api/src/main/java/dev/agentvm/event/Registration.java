package dev.agentvm.event;

import dev.agentvm.AgentVMException;
import java.time.Duration;

/** A listener that is being told of events. Safe for use by many threads. */
public interface Registration extends AutoCloseable {
    /** How many events the listener was given, each {@link EventsLost} included that says what it was not given. */
    long delivered();

    /**
     * How many events found the queue full and were lost. An {@link EventsLost} that does is not: it is told later, as
     * one with those that come after it.
     */
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
     * Tells the listener nothing more: what waits is dropped. It may still be busy with one event, or just begin with
     * it; {@link #close(Duration)} waits for that. Does not wait. Closing twice does nothing.
     */
    @Override
    void close();

    /**
     * Closes it, and waits until the listener is through with the event that it is busy with: it is not called after
     * that. Called by the listener itself it does not wait.
     *
     * @param timeout how long to wait at most; an interrupt ends the wait, and stays set
     * @return whether the listener will not be called any more and is not being called
     */
    boolean close(Duration timeout);
}
