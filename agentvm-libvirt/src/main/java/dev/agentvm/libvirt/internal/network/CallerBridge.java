package dev.agentvm.libvirt.internal.network;

import dev.agentvm.FailureContext;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.FloorClause;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkMode;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A bridge of the caller's, and the places of VMs on it.
 *
 * <p>How an address is learnt: the VM starts with a filter under which DHCP passes and nothing else, whoever it says it
 * is ({@link FilterRenderer#renderLearning}). libvirt listens to the VM's tap for what a DHCP server acknowledges to the
 * VM, never for what the VM says, and notes it in a file. The library reads it there, refuses what no VM may be, and
 * then puts the policy in force with that address in it, as if the caller had named it. So each of the two filters can be
 * judged for itself, and nothing that is sent later, by the VM or by another DHCP server, moves the address. libvirt
 * goes back to DHCP alone when the lease ends without being renewed, but would put the filter in force again if that was
 * defined anew. So the library defines none then, or one under which DHCP passes and nothing else, until the lease is
 * there again.
 *
 * @param mode what the caller says of it
 */
public record CallerBridge(NetworkMode.Bridge mode) {
    /** libvirt's note of the leases that it saw: {@code END VM-MAC ADDRESS SERVER}, the last of a VM counts. */
    static final String LEASES = "/run/libvirt/network/nwfilter.leases";

    private static final FailureContext CONTEXT = FailureContext.of("attach to bridge");
    private static final int MAC_BYTES = 5;

    /**
     * The MAC address of a VM: locally administered, then 40 random bits of its UUID. It lies outside of those that this
     * library gives on its own network, and outside of those that QEMU and libvirt give.
     */
    public static MacAddress mac(UUID vm) {
        StringBuilder mac = new StringBuilder("06");
        String digits = vm.toString().replace("-", "");
        for (int i = 0; i < MAC_BYTES; i++) {
            mac.append(':').append(digits, 2 * i, 2 * i + 2);
        }
        return MacAddress.of(mac.toString());
    }

    /** The address that a DHCP server has given to a VM, if libvirt has seen it. */
    public Optional<IPv4Address> leased(UUID vm, HostView host, Instant now) {
        String key = vm + "-" + mac(vm);
        return notes(host)
                .filter(fields -> fields[1].equals(key))
                .reduce((earlier, later) -> later)
                .filter(fields -> fields[0].matches("[0-9]{1,18}") && Long.parseLong(fields[0]) > now.getEpochSecond())
                .map(fields -> IPv4Address.of(fields[2]));
    }

    /**
     * What became of the lease by which a VM has learnt its address, if there is a note of it. libvirt notes the end of one
     * as a lease until the time 0. It drops notes of leases that have ended now and then, and lets those of VMs grow old
     * that it no longer listens to, since they were put back or it was restarted.
     */
    static Optional<Attached.Lease> lease(NetworkAttachment vm, HostView host) {
        return notes(host)
                .filter(fields -> fields[1].endsWith("-" + vm.mac())
                        && fields[2].equals(vm.address().toString()))
                .reduce((earlier, later) -> later)
                .map(fields -> fields[0].equals("0") ? Attached.Lease.ENDED : Attached.Lease.HELD);
    }

    private static Stream<String[]> notes(HostView host) {
        return host.read(LEASES).stream()
                .flatMap(String::lines)
                .map(line -> line.split(" ", -1))
                .filter(fields -> fields.length == 4);
    }

    /**
     * How a VM with that address is attached, with the host's addresses as they are now.
     *
     * @throws HostNotReadyException if no VM may have that address, or who its neighbours are cannot be known
     */
    public Attached attach(UUID vm, IPv4Address address, HostView host) {
        List<Routes.Route> routes = routes(host);
        refuseTaken(address, routes, host);
        refuseStranger(address, routes);
        return describe(vm, address, host);
    }

    /** The same of a VM that is attached already, whatever became of the host since. */
    public Attached describe(UUID vm, IPv4Address address, HostView host) {
        HostAddresses addresses = host.addresses();
        NetworkAttachment attachment = new NetworkAttachment.Builder()
                .mac(mac(vm))
                .address(address)
                .subnet(neighbours(address, routes(host)).orElse(Cidr.single(address)))
                .addAllResolvers(mode.resolvers())
                .addAllHostAddresses(addresses.single())
                .addAllHostBlocks(addresses.blocks())
                .build();
        return new Attached(
                attachment,
                mode.name(),
                Optional.empty(),
                Routes.loopbackRouted(host, mode.name()),
                mode.address().isEmpty() ? Attached.Lease.HELD : Attached.Lease.NONE);
    }

    /** Those to the neighbours on the bridge themselves. */
    private List<Routes.Route> routes(HostView host) {
        return Routes.of(host).stream()
                .filter(route -> route.direct() && route.device().equals(mode.name()))
                .toList();
    }

    /** A DHCP server that lies must not make a VM pass for somebody else. */
    private void refuseTaken(IPv4Address address, List<Routes.Route> routes, HostView host) {
        if (host.addresses().contains(address)) {
            throw refused(address, "is one of the host's own");
        }
        if (mode.resolvers().contains(address)) {
            throw refused(address, "is that of a resolver");
        }
        if (Routes.gateways(host).contains(address)) {
            throw refused(address, "is that of a router of the host");
        }
        boolean edge = routes.stream()
                .map(Routes.Route::destination)
                .filter(block -> block.prefixLength() < 31)
                .anyMatch(block -> block.base().equals(address) || block.last().equals(address));
        if (edge) {
            throw refused(address, "is that of a whole network, not of one machine");
        }
        FloorClause.ofDestination(address).ifPresent(clause -> {
            if (clause != FloorClause.PRIVATE && clause != FloorClause.SHARED) {
                throw refused(address, "cannot be a VM's: " + clause.reason());
            }
        });
    }

    private static Optional<Cidr> neighbours(IPv4Address address, List<Routes.Route> routes) {
        return routes.stream()
                .map(Routes.Route::destination)
                .filter(block -> block.contains(address))
                .max(Comparator.comparingInt(Cidr::prefixLength));
    }

    /** Neighbours that the host does not know are closed to the VM as long as they are private. */
    private void refuseStranger(IPv4Address address, List<Routes.Route> routes) {
        if (neighbours(address, routes).isPresent()) {
            return;
        }
        if (!routes.isEmpty() && mode.address().isEmpty()) {
            throw refused(address, "is in none of the networks of that bridge, " + networks(routes));
        }
        if (FloorClause.ofDestination(address).isEmpty()) {
            throw refused(
                    address,
                    "is public, and the host has no route over the bridge that says which addresses are its"
                            + " neighbours', which are closed to it. Add one: ip route add NETWORK dev " + mode.name());
        }
    }

    private static String networks(List<Routes.Route> routes) {
        return routes.stream().map(route -> route.destination().toString()).collect(Collectors.joining(", "));
    }

    private HostNotReadyException refused(IPv4Address address, String why) {
        return new HostNotReadyException(
                "A VM on the bridge '" + mode.name() + "' cannot have the address " + address + ", which " + why
                        + (mode.address().isPresent() ? "" : ". Look for the DHCP server that gave it"),
                CONTEXT);
    }
}
