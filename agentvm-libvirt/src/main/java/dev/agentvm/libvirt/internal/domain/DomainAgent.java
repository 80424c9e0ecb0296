package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.GuestAgents;
import dev.agentvm.libvirt.internal.guest.AgentChannel;
import java.time.Duration;
import java.util.function.Consumer;

/** The way to the guest agent of one domain. */
record DomainAgent(GuestAgents agents, DomainRef domain) implements AgentChannel {
    @Override
    public String call(String json, Duration timeout) {
        return agents.command(domain, json, timeout);
    }

    @Override
    public String call(String json, Duration timeout, Consumer<String> late) {
        return agents.command(domain, json, timeout, late);
    }
}
