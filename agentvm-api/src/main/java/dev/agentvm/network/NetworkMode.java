package dev.agentvm.network;

import dev.agentvm.InvalidValueException;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * How a VM is attached to the network. What may then pass is the policy's matter. Immutable, safe for use by many
 * threads.
 */
public sealed interface NetworkMode {
    /** A network of this library's own behind NAT, filtered by the policy. The default. */
    NetworkMode NAT_FILTERED = Standard.NAT_FILTERED;

    /** No network card at all. */
    NetworkMode ISOLATED = Standard.ISOLATED;

    /**
     * A bridge of the host that the caller names, filtered by the policy; the VM's address is learnt from its DHCP
     * lease, and until then nothing but DHCP passes. A launch is refused where the host does not hand bridged packets
     * to iptables ({@code bridge-nf-call-iptables}), since then nothing tells answers from new connections to the VM.
     *
     * <p>The VM reaches the Internet by whatever router is on that bridge. Its neighbours there are closed to it: all
     * of the host's routes over the bridge that hold its address, and every private address as on any network.
     *
     * @param name the bridge interface
     * @param resolvers addresses of the name servers that the VM may ask; with none it may ask nobody
     * @throws InvalidValueException if an interface cannot have that name, or a single machine one of these addresses
     */
    static Bridge bridge(String name, String... resolvers) {
        return new Bridge(name, List.of(resolvers).stream().map(IPv4Address::of).toList(), Optional.empty());
    }

    /** The modes that carry no data. */
    enum Standard implements NetworkMode {
        /** See {@link NetworkMode#NAT_FILTERED}. */
        NAT_FILTERED,
        /** See {@link NetworkMode#ISOLATED}. */
        ISOLATED
    }

    /**
     * A bridge of the host. Immutable, safe for use by many threads.
     *
     * @param name the bridge interface, 1 to 15 characters of A-Z a-z 0-9 _ . -, the first not a -
     * @param resolvers the name servers that the VM may ask
     * @param address the VM's fixed address; if empty, the address is learnt from its DHCP lease
     */
    record Bridge(String name, List<IPv4Address> resolvers, Optional<IPv4Address> address) implements NetworkMode {
        /** Checks the name, and that the addresses are such as a single machine can have. */
        public Bridge {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(address, "address");
            if (!name.matches("[A-Za-z0-9_.][A-Za-z0-9_.-]{0,14}") || name.equals(".") || name.equals("..")) {
                throw new InvalidValueException(
                        "bridge",
                        name,
                        "must be the name of a network interface, 1 to 15 characters of A-Z a-z 0-9 _ . -, the first not a -");
            }
            resolvers = List.copyOf(resolvers);
            resolvers.forEach(resolver -> check("resolvers", resolver));
            address.ifPresent(fixed -> check("address", fixed));
        }

        private static void check(String field, IPv4Address station) {
            FloorClause.ofDestination(station).filter(FloorClause::unreachable).ifPresent(clause -> {
                throw new InvalidValueException(
                        field, station, "must be the address of one machine: " + clause.reason());
            });
        }

        /** This bridge, with that fixed address for the VM. */
        public Bridge withAddress(String fixed) {
            return new Bridge(name, resolvers, Optional.of(IPv4Address.of(fixed)));
        }
    }
}
