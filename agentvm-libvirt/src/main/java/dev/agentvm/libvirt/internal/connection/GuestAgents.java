package dev.agentvm.libvirt.internal.connection;

import java.time.Duration;
import java.util.function.Consumer;

/**
 * Calls of guest agents. They go over connections of their own, so that an agent that never answers holds up nothing
 * else. At most one call is under way per domain, the others wait their turn; and domains that have left a call
 * unanswered for a second may together hold at most half of the connections, however many they are. While so many are
 * held, an agent is first asked for a sign of life, and one that gives none within a second waits with the mute.
 */
public interface GuestAgents {
    /**
     * Sends a command to the guest agent and returns its reply.
     *
     * @param json the command, such as {@code {"execute":"guest-ping"}}
     * @param timeout for everything: the turn, the place, libvirt and the agent
     * @throws dev.agentvm.GuestAgentException if there is no agent, it answers with an error, or libvirt says that it
     *     does not respond (then retryable)
     * @throws dev.agentvm.OperationTimeoutException if there is no reply in time; the guest may still have done it
     */
    default String command(DomainRef domain, String json, Duration timeout) {
        return command(domain, json, timeout, reply -> {});
    }

    /**
     * As {@link #command(DomainRef, String, Duration)}.
     *
     * @param late gets a reply that arrives after the caller gave up, on the library's cleanup thread
     */
    String command(DomainRef domain, String json, Duration timeout, Consumer<String> late);

    /**
     * How long libvirt itself waits for the agent's answer to the handshake before each command
     * ({@code virDomainAgentSetResponseTimeout}); its default is 5 s.
     */
    void setResponseTimeout(DomainRef domain, Duration timeout);
}
