package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.connection.Errors.Operation;

/** {@link Consoles} over the connections that carry streams. */
final class ConsoleCalls implements Consoles {
    private final Streams consoles;
    private final Channels channels;
    private final Scope scope;

    ConsoleCalls(Streams consoles, Channels channels, Scope scope) {
        this.consoles = consoles;
        this.channels = channels;
        this.scope = scope;
    }

    @Override
    public ByteStream openConsole(DomainRef domain, ByteSink sink) {
        return consoles.open(scope, new Operation("console", domain), sink, c -> c.openConsole(domain.uuid()));
    }

    @Override
    public ByteStream openChannel(DomainRef domain, String name, ByteSink sink) {
        return channels.open(scope, domain, name, sink);
    }
}
