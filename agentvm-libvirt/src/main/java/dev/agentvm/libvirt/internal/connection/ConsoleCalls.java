package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.connection.Errors.Operation;

/** {@link Consoles} over the stream connection. */
final class ConsoleCalls implements Consoles {
    private final Streams streams;
    private final Scope scope;

    ConsoleCalls(Streams streams, Scope scope) {
        this.streams = streams;
        this.scope = scope;
    }

    @Override
    public ByteStream openConsole(DomainRef domain, ByteSink sink) {
        return streams.open(scope, new Operation("console", domain), sink, c -> c.openConsole(domain.uuid()));
    }

    @Override
    public ByteStream openChannel(DomainRef domain, String name, ByteSink sink) {
        return streams.open(
                scope, new Operation("channel " + name, domain), sink, c -> c.openChannel(domain.uuid(), name));
    }
}
