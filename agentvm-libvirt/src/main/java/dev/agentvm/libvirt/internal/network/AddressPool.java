package dev.agentvm.libvirt.internal.network;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.Networks;
import dev.agentvm.libvirt.internal.connection.Networks.UpdateCommand;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.internal.xml.NetworkXml;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;

/**
 * Reserves addresses on a network, as DHCP host entries in libvirt, where all programs see them. Safe for use by many
 * threads.
 */
public final class AddressPool {
    private static final FailureContext CONTEXT = FailureContext.of("reserve address");
    private static final int ATTEMPTS = 20;

    private final Networks networks;
    private final RandomGenerator random;

    /** Reservations in that libvirt. */
    public AddressPool(Libvirt libvirt) {
        this(libvirt.networks(), RandomGenerator.getDefault());
    }

    AddressPool(Networks networks, RandomGenerator random) {
        this.networks = networks;
        this.random = random;
    }

    /** An address that is reserved. */
    public record Reservation(String network, MacAddress mac, IPv4Address address) {}

    /**
     * Reserves a free address.
     *
     * @throws HostNotReadyException if none is free
     */
    public Reservation reserve(ManagedNetwork network) {
        AgentVMException last = null;
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Reservation reservation = pick(network);
            try {
                networks.updateDhcpHost(network.name(), UpdateCommand.ADD_LAST, host(reservation));
                return reservation;
            } catch (AgentVMException e) {
                if (!isReserved(reservation)) {
                    throw e;
                }
                // Another program was quicker.
                last = e;
            }
        }
        throw new HostNotReadyException(
                "No address of the network '" + network.name() + "' could be reserved in " + ATTEMPTS
                        + " attempts, because other programs took each one first",
                CONTEXT.retryable(true),
                last);
    }

    /**
     * Takes a reservation back.
     *
     * @return whether it was there
     */
    public boolean release(Reservation reservation) {
        try {
            networks.updateDhcpHost(reservation.network(), UpdateCommand.DELETE, host(reservation));
            return true;
        } catch (AgentVMException e) {
            if (networks.lookup(reservation.network()).isEmpty() || !isReserved(reservation)) {
                return false;
            }
            throw e;
        }
    }

    /** One of the free at random, so that programs that reserve at the same moment seldom meet. */
    private Reservation pick(ManagedNetwork network) {
        Subnet subnet = new Subnet(network.subnet());
        Set<String> used = hosts(network.name()).stream()
                .map(host -> host.ip)
                .filter(Objects::nonNull)
                .collect(Collectors.toCollection(HashSet::new));
        // A VM that has the address by a lease alone would fight for it.
        networks.leases(network.name()).stream()
                .filter(lease -> !lease.mac().equals(macOf(lease.address())))
                .forEach(lease -> used.add(lease.address()));
        List<IPv4Address> free = new ArrayList<>();
        for (int i = 0; i < subnet.size(); i++) {
            IPv4Address address = subnet.vm(i);
            if (!used.contains(address.toString())) {
                free.add(address);
            }
        }
        if (free.isEmpty()) {
            throw new HostNotReadyException(
                    "All " + subnet.size() + " addresses of the network '" + network.name()
                            + "' are reserved. Close VMs, call reap() for those whose programs died, or use another"
                            + " network",
                    CONTEXT.retryable(true));
        }
        IPv4Address address = free.get(random.nextInt(free.size()));
        return new Reservation(network.name(), Subnet.mac(address), address);
    }

    private static String macOf(String address) {
        return Subnet.mac(IPv4Address.of(address)).toString();
    }

    private boolean isReserved(Reservation reservation) {
        return hosts(reservation.network()).stream()
                .anyMatch(host -> reservation.address().toString().equals(host.ip)
                        || reservation.mac().toString().equals(host.mac));
    }

    private List<NetworkXml.DhcpHost> hosts(String network) {
        return ManagedNetwork.hosts(LibvirtXml.read(networks.xml(network), NetworkXml.class));
    }

    private static String host(Reservation reservation) {
        return LibvirtXml.write(NetworkXml.DhcpHost.of(
                reservation.mac().toString(), reservation.address().toString()));
    }
}
