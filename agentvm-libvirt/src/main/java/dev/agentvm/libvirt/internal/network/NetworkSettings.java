package dev.agentvm.libvirt.internal.network;

import dev.agentvm.InvalidValueException;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.FloorClause;
import dev.agentvm.network.IPv4Address;
import java.util.List;
import java.util.Optional;

/**
 * What the network of the VMs shall be.
 *
 * @param name its name in libvirt: a lower-case letter, then up to 12 lower-case letters, digits or hyphens
 * @param subnet its addresses, a private block from a /28 to a /22; if empty, a free /24 is taken
 * @param resolvers the name servers that the network's resolver asks; if empty, those of the host
 */
public record NetworkSettings(String name, Optional<Cidr> subnet, List<IPv4Address> resolvers) {
    private static final String DEFAULT_NAME = "agentvm";

    /** Checks the values. */
    public NetworkSettings {
        if (!name.matches("[a-z][a-z0-9-]{0,12}")) {
            throw new InvalidValueException(
                    "network", name, "must be a lower-case letter, then up to 12 of a-z 0-9 -, to name a bridge after");
        }
        subnet.ifPresent(block -> {
            if (block.prefixLength() < 22 || block.prefixLength() > 28) {
                throw new InvalidValueException("subnet", block, "must be from a /28 to a /22");
            }
            boolean closed = List.of(FloorClause.PRIVATE, FloorClause.SHARED).stream()
                    .flatMap(clause -> clause.ranges().stream())
                    .anyMatch(range -> range.contains(block));
            if (!closed) {
                throw new InvalidValueException(
                        "subnet", block, "must be private: within 10/8, 172.16/12, 192.168/16 or 100.64/10");
            }
        });
        resolvers = List.copyOf(resolvers);
    }

    /** The network {@code agentvm}, on a free subnet, with the host's name servers. */
    public static NetworkSettings standard() {
        return new NetworkSettings(DEFAULT_NAME, Optional.empty(), List.of());
    }

    /** The same network by another name. */
    public NetworkSettings withName(String other) {
        return new NetworkSettings(other, subnet, resolvers);
    }

    /** The same network with those addresses. */
    public NetworkSettings withSubnet(Cidr block) {
        return new NetworkSettings(name, Optional.of(block), resolvers);
    }

    /** The same network with those name servers behind its resolver. */
    public NetworkSettings withResolvers(List<IPv4Address> servers) {
        return new NetworkSettings(name, subnet, servers);
    }

    /** The bridge interface; at most 14 characters, where the kernel allows 15. */
    String bridge() {
        return name + "0";
    }
}
