package dev.agentvm.libvirt.internal.connection;

/** Serial consoles and virtio-serial channels, over a connection of their own. */
public interface Consoles {
    /**
     * Opens the first serial console of a domain, taking it from whoever has it open. Its output from now on goes to
     * {@code sink}; libvirt keeps none from before.
     */
    ByteStream openConsole(DomainRef domain, ByteSink sink);

    /** Opens the channel of that target name, or the first one. Fails if somebody has it open. */
    ByteStream openChannel(DomainRef domain, String name, ByteSink sink);
}
