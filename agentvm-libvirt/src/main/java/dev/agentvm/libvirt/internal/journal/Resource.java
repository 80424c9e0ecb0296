package dev.agentvm.libvirt.internal.journal;

/** The kinds of things that a launch makes on its host. */
public enum Resource {
    /** A libvirt domain, by its UUID. */
    DOMAIN,
    /** A network filter, by its name. */
    FILTER,
    /** A volume, by its pool and its name. */
    VOLUME,
    /** An address reserved on a network, by the UUID of the VM that it is for. */
    RESERVATION
}
