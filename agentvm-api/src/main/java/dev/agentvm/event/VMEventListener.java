package dev.agentvm.event;

/** Is told what happens to VMs. One listener is called by one thread of the library, by one event after the other. */
@FunctionalInterface
public interface VMEventListener {
    /**
     * Something happened. It may take its time, which delays no VM; but what comes meanwhile waits in a queue, and what
     * finds that queue full is lost, which an {@link EventsLost} says in its place. What is thrown is logged, and the
     * next event comes all the same.
     */
    void onEvent(VMEvent event);
}
