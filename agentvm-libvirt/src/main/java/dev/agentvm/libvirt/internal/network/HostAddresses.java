package dev.agentvm.libvirt.internal.network;

import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import java.util.Set;

/**
 * What the host answers at.
 *
 * @param single the addresses that it has, and those to which its subnets broadcast
 * @param blocks blocks that it takes for its own without having each address ({@code ip route add local})
 */
public record HostAddresses(Set<IPv4Address> single, Set<Cidr> blocks) {
    /** Copies the sets. */
    public HostAddresses {
        single = Set.copyOf(single);
        blocks = Set.copyOf(blocks);
    }

    /** Whether that address is one of the host's. */
    public boolean contains(IPv4Address address) {
        return single.contains(address) || blocks.stream().anyMatch(block -> block.contains(address));
    }
}
