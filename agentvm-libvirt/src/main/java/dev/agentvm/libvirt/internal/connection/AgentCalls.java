package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.connection.Errors.Operation;
import java.time.Duration;
import java.util.function.Consumer;

/** {@link GuestAgents} over the agent connections. */
final class AgentCalls implements GuestAgents {
    private static final String PING = "{\"execute\":\"guest-ping\"}";
    private final Core core;
    private final Calls calls;

    AgentCalls(Core core, Scope scope) {
        this.core = core;
        this.calls = new Calls(core.control(), scope);
    }

    @Override
    public String command(DomainRef domain, String json, Duration timeout, Consumer<String> late) {
        long deadline = System.nanoTime() + Durations.nanos(timeout);
        return core.agents()
                .call(
                        domain,
                        new Operation("guest-agent call", domain),
                        timeout,
                        (connection, sent) -> send(connection, domain, PING, AgentPool.SILENCE, sent),
                        (connection, sent) ->
                                send(connection, domain, json, Duration.ofNanos(deadline - System.nanoTime()), sent),
                        reply -> core.cleanup().execute(() -> late.accept(reply)));
    }

    private static String send(
            ManagedConnection connection, DomainRef domain, String json, Duration timeout, Runnable sent) {
        int seconds = Durations.secondsUp(timeout);
        return connection.use(c -> c.domains().agentCommand(domain.uuid(), json, seconds, sent));
    }

    @Override
    public void setResponseTimeout(DomainRef domain, Duration timeout) {
        calls.run(
                new Operation("guest-agent timeout", domain),
                c -> c.domains().setAgentResponseTimeout(domain.uuid(), Durations.secondsUp(timeout)));
    }
}
