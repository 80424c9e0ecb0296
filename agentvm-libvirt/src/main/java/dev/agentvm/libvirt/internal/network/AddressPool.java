package dev.agentvm.libvirt.internal.network;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.NetworkFilters;
import dev.agentvm.libvirt.internal.xml.FilterXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkMode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.random.RandomGenerator;
import java.util.regex.Pattern;

/**
 * Reserves addresses of a network for VMs, among all programs that use the same libvirt. Safe for use by many threads.
 *
 * <p>The network has a DHCP entry for each address from the start ({@link NetworkRenderer}); which VM has it is claimed
 * by a network filter without rules, named after the address: libvirt defines no second filter of a name under another
 * UUID. A claim takes two milliseconds. A change of the network's DHCP entries takes half a second, because libvirt then
 * removes all firewall rules of the network and adds them again, and for that time the network has none.
 */
public final class AddressPool {
    private static final FailureContext CONTEXT = FailureContext.of("reserve address");
    private static final String PREFIX = "agentvm-address-";
    private static final int ATTEMPTS = 20;

    private final NetworkFilters filters;
    private final RandomGenerator random;

    /** Reservations in that libvirt. */
    public AddressPool(Libvirt libvirt) {
        this(libvirt.filters(), RandomGenerator.getDefault());
    }

    AddressPool(NetworkFilters filters, RandomGenerator random) {
        this.filters = filters;
        this.random = random;
    }

    /** An address that is reserved. */
    public record Reservation(String network, MacAddress mac, IPv4Address address) {
        /** The reservation of that address; its MAC address follows from it. */
        public static Reservation of(String network, IPv4Address address) {
            return new Reservation(network, Subnet.mac(address), address);
        }

        /** The reservation that a VM with that MAC address has, if it is one of ours. */
        public static Optional<Reservation> of(String network, MacAddress mac) {
            return Subnet.address(mac).map(address -> of(network, address));
        }
    }

    /**
     * Reserves a free address for a VM.
     *
     * @throws HostNotReadyException if none is free
     */
    public Reservation reserve(ManagedNetwork network, UUID vm) {
        AgentVMException last = null;
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Reservation reservation = pick(network);
            try {
                filters.define(LibvirtXml.write(claim(reservation, vm)));
                return reservation;
            } catch (AgentVMException e) {
                if (filters.lookup(name(reservation)).isEmpty()) {
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
     * Reserves that very address of a caller's bridge for a VM.
     *
     * @throws HostNotReadyException if another VM has it
     */
    public void reserve(NetworkMode.Bridge bridge, IPv4Address address, UUID vm) {
        Reservation reservation = Reservation.of(network(bridge), address);
        try {
            filters.define(LibvirtXml.write(claim(reservation, vm)));
        } catch (AgentVMException e) {
            if (filters.lookup(name(reservation)).isEmpty()) {
                throw e;
            }
            throw new HostNotReadyException(
                    "Another VM on the bridge '" + bridge.name() + "' has the address " + address
                            + ". Give this one another, or call reap() if the other's program died",
                    CONTEXT,
                    e);
        }
    }

    /** The address of a caller's bridge that is reserved for a VM. */
    public Optional<IPv4Address> reserved(NetworkMode.Bridge bridge, UUID vm) {
        String prefix = prefix(network(bridge));
        return filters.lookup(id(vm))
                .map(NetworkFilters.Info::name)
                .filter(name -> name.startsWith(prefix))
                .map(name -> IPv4Address.of(name.substring(prefix.length())));
    }

    /** No network of ours has a dot in its name. */
    private static String network(NetworkMode.Bridge bridge) {
        return "bridge." + bridge.name();
    }

    /**
     * Takes back the reservation of a VM, whichever address it is.
     *
     * @return whether it was there
     */
    public boolean release(UUID vm) {
        return filters.lookup(id(vm))
                .filter(claim -> claim.name().startsWith(PREFIX))
                .map(claim -> filters.undefine(claim.name()))
                .orElse(false);
    }

    /** How many addresses of a network are reserved. */
    static long count(NetworkFilters filters, String network) {
        // A network whose name goes on with a hyphen is another.
        Pattern own = Pattern.compile(Pattern.quote(prefix(network)) + "[^-]+");
        return filters.list().stream().filter(own.asMatchPredicate()).count();
    }

    /** One of the free at random, so that programs that reserve at the same moment seldom meet. */
    private Reservation pick(ManagedNetwork network) {
        Subnet subnet = new Subnet(network.subnet());
        Set<String> names = Set.copyOf(filters.list());
        List<Reservation> free = new ArrayList<>();
        for (IPv4Address address : subnet.vms()) {
            Reservation reservation = Reservation.of(network.name(), address);
            if (!names.contains(name(reservation))) {
                free.add(reservation);
            }
        }
        if (free.isEmpty()) {
            throw new HostNotReadyException(
                    "All " + subnet.vms().size() + " addresses of the network '" + network.name()
                            + "' are reserved. Close VMs, call reap() for those whose programs died, or use another"
                            + " network",
                    CONTEXT.retryable(true));
        }
        return free.get(random.nextInt(free.size()));
    }

    private static FilterXml claim(Reservation reservation, UUID vm) {
        FilterXml claim = new FilterXml();
        claim.name = name(reservation);
        claim.chain = "root";
        claim.uuid = id(vm).toString();
        return claim;
    }

    private static String name(Reservation reservation) {
        return prefix(reservation.network()) + reservation.address();
    }

    private static String prefix(String network) {
        return PREFIX + network + "-";
    }

    /** Not the VM's own UUID: that is the UUID of the filter with its policy. */
    private static UUID id(UUID vm) {
        return UUID.nameUUIDFromBytes((PREFIX + vm).getBytes(StandardCharsets.US_ASCII));
    }
}
