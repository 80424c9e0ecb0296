package dev.agentvm.network;

/** What a {@link FilterRule} may allow. */
public enum Protocol {
    /** TCP, with destination ports. */
    TCP,
    /** UDP, with destination ports. */
    UDP,
    /** ICMP echo, known as ping; it has no ports. */
    ICMP_ECHO;

    /** Whether flows of this protocol have ports. */
    public boolean hasPorts() {
        return this != ICMP_ECHO;
    }
}
