package dev.agentvm.libvirt.internal.network;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.Networks;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.internal.xml.NetworkXml;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The network of the VMs in libvirt, as it is there. Immutable.
 *
 * @param name its name in libvirt
 * @param bridge the bridge interface
 * @param subnet its addresses
 * @param gateway the host's address on it, where DHCP and DNS are served
 * @param gatewayMac the bridge's MAC address
 */
public record ManagedNetwork(String name, String bridge, Cidr subnet, IPv4Address gateway, MacAddress gatewayMac) {
    private static final Logger LOG = LoggerFactory.getLogger(ManagedNetwork.class);
    private static final FailureContext CONTEXT = FailureContext.of("prepare network");
    private static final Pattern NOTES = Pattern.compile("/network/(metadata|title|description)\\b");
    private static final int ATTEMPTS = 5;
    private static final int FIRST_THIRD_OCTET = 101;
    private static final int LAST_THIRD_OCTET = 254;

    /**
     * Makes the network if it is not there, starts it if it does not run, and mends it if it is ours, differs from what
     * it should be, and nobody uses it. Programs that do this at the same moment end with the same network.
     *
     * @throws HostNotReadyException if the name or the subnet is taken by something else, the network is not as it should
     *     be and in use, or this program is in another network namespace
     */
    public static ManagedNetwork ensure(Libvirt libvirt, NetworkSettings settings, HostView host) {
        Networks networks = libvirt.networks();
        AgentVMException last = null;
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Optional<Networks.Info> found = networks.lookup(settings.name());
            try {
                if (found.isEmpty()) {
                    create(networks, settings, host);
                    continue;
                }
                Optional<Subnet> subnet = check(libvirt, settings, found.get());
                if (subnet.isPresent()) {
                    if (!found.get().active()) {
                        start(networks, settings, subnet.get(), host);
                    }
                    ManagedNetwork network = of(settings, subnet.get());
                    if (network.isSeenBy(host)) {
                        return network;
                    }
                    if (isActive(networks, settings)) {
                        throw network.unseen();
                    }
                }
            } catch (HostNotReadyException e) {
                throw e;
            } catch (AgentVMException e) {
                // Another program may have been quicker; the next look tells.
                LOG.debug("network {}: {}", settings.name(), e.getMessage());
                last = e;
            }
        }
        throw new HostNotReadyException(
                "The network '" + settings.name() + "' could not be made ready in " + ATTEMPTS + " attempts"
                        + (last == null ? "" : ": " + last.getMessage()),
                CONTEXT.retryable(true),
                last);
    }

    /** What keeps {@link #ensure} from making the network, without making anything; empty if nothing does. */
    public static Optional<String> obstacle(Libvirt libvirt, NetworkSettings settings, HostView host) {
        try {
            Optional<Networks.Info> found = libvirt.networks().lookup(settings.name());
            if (found.isEmpty()) {
                freeSubnet(libvirt.networks(), settings, host);
            } else {
                NetworkXml xml = ours(libvirt.networks(), settings);
                Subnet subnet = subnet(xml, settings);
                if (found.get().active()) {
                    ManagedNetwork network = of(settings, subnet);
                    return network.isSeenBy(host)
                            ? Optional.empty()
                            : Optional.of(String.valueOf(network.unseen().getMessage()));
                }
                requireFree(libvirt.networks(), settings, subnet, host);
            }
            return Optional.empty();
        } catch (HostNotReadyException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /** The network of that name as it is, if there is one with an address; nothing is made or mended. */
    public static Optional<ManagedNetwork> find(Libvirt libvirt, String name) {
        if (libvirt.networks().lookup(name).isEmpty()) {
            return Optional.empty();
        }
        return blocks(read(libvirt.networks().inactiveXml(name))).stream()
                .findFirst()
                .map(block -> of(NetworkSettings.standard().withName(name), new Subnet(block)));
    }

    private static ManagedNetwork of(NetworkSettings settings, Subnet subnet) {
        return new ManagedNetwork(
                settings.name(), settings.bridge(), subnet.block(), subnet.gateway(), Subnet.mac(subnet.gateway()));
    }

    private static boolean isActive(Networks networks, NetworkSettings settings) {
        return networks.lookup(settings.name()).filter(Networks.Info::active).isPresent();
    }

    /** Whether that is the host the network is on. Which addresses must be closed can be told nowhere else. */
    private boolean isSeenBy(HostView host) {
        return host.addresses().contains(gateway);
    }

    private HostNotReadyException unseen() {
        return new HostNotReadyException(
                "The network '" + name + "' runs, but its gateway " + gateway + " is none of the addresses that this"
                        + " program sees: it is in another network namespace than libvirt, as in a container, and"
                        + " cannot tell which addresses are the host's and must be closed. Run it in the host's:"
                        + " docker run --network=host, or nsenter --net=/proc/1/ns/net",
                CONTEXT);
    }

    /** Under a UUID of its own, so that libvirt refuses the second of two programs instead of replacing the first's. */
    private static void create(Networks networks, NetworkSettings settings, HostView host) {
        Subnet subnet = freeSubnet(networks, settings, host);
        networks.define(LibvirtXml.write(NetworkRenderer.render(settings, subnet, UUID.randomUUID())));
    }

    private static void start(Networks networks, NetworkSettings settings, Subnet subnet, HostView host) {
        requireFree(networks, settings, subnet, host);
        networks.start(settings.name());
        networks.setAutostart(settings.name(), true);
    }

    /** The subnet of the network if it is as it should be; empty if it was not, was mended and must be looked at again. */
    private static Optional<Subnet> check(Libvirt libvirt, NetworkSettings settings, Networks.Info info) {
        Networks networks = libvirt.networks();
        NetworkXml defined = ours(networks, settings);
        Subnet subnet = subnet(defined, settings);
        Subnet wanted = settings.subnet().map(Subnet::new).orElse(subnet);
        String expected = LibvirtXml.write(NetworkRenderer.render(settings, wanted, info.uuid()));
        List<String> differences = new ArrayList<>();
        if (differs(networks.inactiveXml(settings.name()), expected)) {
            differences.add("its definition");
        }
        String live = info.active() ? networks.xml(settings.name()) : null;
        if (live != null && differs(live, expected)) {
            differences.add("its running state");
        }
        if (differences.isEmpty()) {
            return Optional.of(subnet);
        }
        int users = live == null ? 0 : users(read(live));
        long reservations = AddressPool.count(libvirt.filters(), settings.name());
        if (users > 0 || reservations > 0) {
            throw new HostNotReadyException(
                    "The network '" + settings.name() + "' is not as this library makes it ("
                            + String.join(", ", differences)
                            + "), and it is in use by " + users + " network cards and " + reservations
                            + " reservations. Programs that set other resolvers, domains or addresses need a network"
                            + " of another name each; or close the VMs on this one, and it is made anew",
                    CONTEXT);
        }
        LOG.warn("Mending the network '{}': {} differed", settings.name(), String.join(", ", differences));
        if (info.active()) {
            networks.destroy(settings.name());
        }
        networks.define(expected);
        return Optional.empty();
    }

    private static NetworkXml ours(Networks networks, NetworkSettings settings) {
        NetworkXml xml = read(networks.inactiveXml(settings.name()));
        if (xml.metadata == null
                || xml.metadata.owner == null
                || !NetworkRenderer.OWNER.equals(xml.metadata.owner.id)) {
            throw new HostNotReadyException(
                    "There is a network '" + settings.name() + "' that this library did not make. Set another network"
                            + " name for this program, or remove it: virsh net-destroy " + settings.name()
                            + "; virsh net-undefine " + settings.name(),
                    CONTEXT);
        }
        return xml;
    }

    private static Subnet subnet(NetworkXml xml, NetworkSettings settings) {
        return blocks(xml).stream()
                .findFirst()
                .map(Subnet::new)
                .orElseThrow(() -> new HostNotReadyException(
                        "The network '" + settings.name() + "' has no address; remove it: virsh net-undefine "
                                + settings.name(),
                        CONTEXT));
    }

    private static NetworkXml read(String xml) {
        return LibvirtXml.read(xml, NetworkXml.class);
    }

    private static int users(NetworkXml network) {
        Integer connections = network.connections;
        return connections == null ? 0 : connections;
    }

    /**
     * Whether the network is another than expected: in anything, whether this library knows it or not, but for what comes
     * and goes with its VMs, and what others note down about it.
     */
    private static boolean differs(String xml, String expected) {
        NetworkXml network = read(xml);
        network.connections = null;
        return !LibvirtXml.write(network).equals(expected)
                || LibvirtXml.unread(xml, NetworkXml.class).stream()
                        .anyMatch(path -> !NOTES.matcher(path).lookingAt());
    }

    private static Subnet freeSubnet(Networks networks, NetworkSettings settings, HostView host) {
        List<Taken> taken = taken(networks, settings, host);
        if (settings.subnet().isPresent()) {
            Subnet wanted = new Subnet(settings.subnet().get());
            refuseIfTaken(wanted, taken);
            return wanted;
        }
        for (int third = FIRST_THIRD_OCTET; third <= LAST_THIRD_OCTET; third++) {
            Cidr block = Cidr.of("192.168." + third + ".0/24");
            if (taken.stream().noneMatch(other -> other.block().overlaps(block))) {
                return new Subnet(block);
            }
        }
        throw new HostNotReadyException(
                "No subnet from 192.168." + FIRST_THIRD_OCTET + ".0/24 to 192.168." + LAST_THIRD_OCTET
                        + ".0/24 is free on this host: " + taken + ". Set a subnet that is",
                CONTEXT);
    }

    private static void requireFree(Networks networks, NetworkSettings settings, Subnet subnet, HostView host) {
        refuseIfTaken(subnet, taken(networks, settings, host));
    }

    private static void refuseIfTaken(Subnet subnet, List<Taken> taken) {
        taken.stream()
                .filter(other -> other.block().overlaps(subnet.block()))
                .findFirst()
                .ifPresent(other -> {
                    throw new HostNotReadyException(
                            "The subnet " + subnet.block() + " is taken by " + other
                                    + ". Set another subnet for the network, or"
                                    + " remove the inactive network so that it is made anew on a free one",
                            CONTEXT);
                });
    }

    /** Addresses that the host uses otherwise: all that it has a route to, and its other networks, running or not. */
    private static List<Taken> taken(Networks networks, NetworkSettings settings, HostView host) {
        List<Taken> taken = new ArrayList<>();
        Routes.of(host).stream()
                .filter(route -> !route.device().equals(settings.bridge()))
                .forEach(route -> taken.add(new Taken(route.destination(), "a route by " + route.device())));
        Routes.besideMain(host)
                .forEach(route -> taken.add(new Taken(route.destination(), "a route of table " + route.table())));
        host.addresses()
                .blocks()
                .forEach(block -> taken.add(new Taken(block, "a block that the host takes for its own")));
        for (Networks.Info other : networks.list()) {
            if (!other.name().equals(settings.name())) {
                blocksOf(networks, other.name())
                        .forEach(block -> taken.add(new Taken(block, "the network '" + other.name() + "'")));
            }
        }
        return taken;
    }

    private record Taken(Cidr block, String what) {
        @Override
        public String toString() {
            return what + " (" + block + ")";
        }
    }

    private static Set<Cidr> blocksOf(Networks networks, String name) {
        try {
            return blocks(read(networks.inactiveXml(name)));
        } catch (AgentVMException e) {
            // It may have gone since it was listed.
            LOG.debug("network {}: {}", name, e.getMessage());
            return Set.of();
        }
    }

    private static Set<Cidr> blocks(NetworkXml network) {
        TreeSet<Cidr> blocks = new TreeSet<>();
        for (NetworkXml.Ip ip : network.ips) {
            if (ip.address != null && !"ipv6".equals(ip.family)) {
                blocks.add(block(ip.address, ip));
            }
        }
        return blocks;
    }

    private static Cidr block(String address, NetworkXml.Ip ip) {
        int length = 32;
        if (ip.prefix != null) {
            length = ip.prefix;
        } else if (ip.netmask != null) {
            length = Integer.bitCount(IPv4Address.of(ip.netmask).bits());
        }
        int mask = length == 0 ? 0 : -1 << (32 - length);
        return Cidr.of(IPv4Address.ofBits(IPv4Address.of(address).bits() & mask), length);
    }

    /** How a VM with that reservation is attached, with the host's addresses as they are now. */
    public Attached attach(AddressPool.Reservation reservation, HostView host) {
        HostAddresses addresses = host.addresses();
        NetworkAttachment attachment = new NetworkAttachment.Builder()
                .mac(reservation.mac())
                .address(reservation.address())
                .subnet(subnet)
                .gateway(gateway)
                .addResolver(gateway)
                .addHostAddress(gateway)
                .addAllHostAddresses(addresses.single())
                .addAllHostBlocks(addresses.blocks())
                .build();
        return attached(attachment, host);
    }

    /** The same for a VM whose attachment is known. */
    public Attached attached(NetworkAttachment attachment, HostView host) {
        return new Attached(attachment, bridge, Optional.of(gatewayMac), Routes.loopbackRouted(host, bridge));
    }
}
