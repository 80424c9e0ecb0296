package dev.agentvm.libvirt.internal.connection;

import java.util.List;
import java.util.Optional;

/** Virtual networks, by name; errors, timeouts and threads as {@link Libvirt} says. */
public interface Networks {
    /** A network. */
    record Info(String name, java.util.UUID uuid, boolean active, boolean persistent) {}

    /** What to do to a section of a network, {@code virNetworkUpdateCommand} in libvirt. */
    enum UpdateCommand {
        /** Change an element that is there. */
        MODIFY(1),
        /** Remove an element. */
        DELETE(2),
        /** Add an element behind the others. */
        ADD_LAST(3);

        private final int number;

        UpdateCommand(int number) {
            this.number = number;
        }

        int number() {
            return number;
        }
    }

    /** A network by its name. */
    Optional<Info> lookup(String name);

    /** All networks. */
    List<Info> list();

    /**
     * Defines a persistent network, checking the XML against libvirt's schema; redefines the one of the same name and
     * UUID.
     */
    Info define(String xml);

    /**
     * Starts a defined network.
     *
     * @return whether it was this call that started it; {@code false} if it was active
     */
    boolean start(String name);

    /** Whether libvirt starts the network with the host. */
    void setAutostart(String name, boolean autostart);

    /** The XML as it is now: of the running network if it is running. */
    String xml(String name);

    /** The XML of the definition, which the next start will use. */
    String inactiveXml(String name);

    /**
     * Adds, changes or removes a {@code <host>} in the {@code <dhcp>} of the first {@code <ip>}, in the definition and,
     * if the network is active, in force at once.
     */
    void updateDhcpHost(String name, UpdateCommand command, String hostXml);

    /**
     * Stops a network.
     *
     * @return whether there was one to stop
     */
    boolean destroy(String name);

    /**
     * Removes a definition.
     *
     * @return whether there was one
     */
    boolean undefine(String name);

    /** The leases that the network's DHCP server has given. */
    List<Lease> leases(String name);

    /** A DHCP lease; {@code expires} in seconds since the epoch, 0 for never. */
    record Lease(String mac, String address, String hostname, long expires) {}
}
