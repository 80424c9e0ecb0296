package dev.agentvm.libvirt.internal.connection;

/** Flags of {@code virDomainCreateXML}, {@code virDomainCreateFlags} in libvirt. */
public enum CreateFlag {
    /** Leave the vCPUs paused; see {@link Domains#resume}. */
    START_PAUSED(1),
    /** Destroy the domain when the connection that created it ends, however it ends. */
    AUTODESTROY(1 << 1),
    /** Check the XML against libvirt's schema. */
    VALIDATE(1 << 4);

    private final int bit;

    CreateFlag(int bit) {
        this.bit = bit;
    }

    int bit() {
        return bit;
    }
}
