package dev.agentvm.libvirt.internal.connection;

/** Flags of {@code virDomainCreateXML}, {@code virDomainCreateFlags} in libvirt. */
public enum CreateFlag {
    /** Leave the vCPUs paused; see {@link Domains#resume}. */
    START_PAUSED(1),
    /** Destroy the domain when the connection that created it ends, however it ends. */
    AUTODESTROY(1 << 1),
    /** Check the XML against libvirt's schema. */
    VALIDATE(1 << 4),
    /** Begin with the UEFI variables of the firmware's template, whatever the file for them holds; since libvirt 8.1.0. */
    RESET_NVRAM(1 << 5);

    private final int bit;

    CreateFlag(int bit) {
        this.bit = bit;
    }

    int bit() {
        return bit;
    }
}
