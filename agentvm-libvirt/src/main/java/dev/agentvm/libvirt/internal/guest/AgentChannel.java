package dev.agentvm.libvirt.internal.guest;

import java.time.Duration;
import java.util.function.Consumer;

/** The way to one VM's guest agent. Safe for use by many threads; this package makes one call at a time. */
@FunctionalInterface
public interface AgentChannel {
    /**
     * Sends a request and returns the reply.
     *
     * @param timeout how long everything may take
     * @throws dev.agentvm.GuestAgentException if the agent refuses, or there is none
     * @throws dev.agentvm.OperationTimeoutException if no reply comes in time
     * @throws dev.agentvm.VMDestroyedException if the VM is gone
     */
    String call(String json, Duration timeout);

    /**
     * As {@link #call(String, Duration)}.
     *
     * @param late gets a reply that came after the timeout, if the channel can tell
     */
    default String call(String json, Duration timeout, Consumer<String> late) {
        return call(json, timeout);
    }
}
