package dev.agentvm.libvirt.internal.connection;

/** Serial consoles and virtio-serial channels, over connections of their own. */
public interface Consoles {
    /**
     * Opens the first serial console of a domain, taking it from whoever has it open. Its output from now on goes to
     * {@code sink}; libvirt keeps none from before.
     */
    ByteStream openConsole(DomainRef domain, ByteSink sink);

    /**
     * Opens the channel of that target name. Fails if somebody has it open. What the guest does not take of what is
     * sent holds {@link ByteStream#send} up; closing it does not wait for that.
     */
    ByteStream openChannel(DomainRef domain, String name, ByteSink sink);
}
