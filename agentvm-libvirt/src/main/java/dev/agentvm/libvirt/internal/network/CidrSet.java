package dev.agentvm.libvirt.internal.network;

import dev.agentvm.network.Cidr;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;

/** Blocks of addresses, in as few as possible. */
final class CidrSet {
    private CidrSet() {}

    /** The fewest blocks that hold the same addresses, in rising order. */
    static List<Cidr> merged(Collection<Cidr> blocks) {
        List<Cidr> result = new ArrayList<>();
        // In this order a block comes after every block that holds it.
        for (Cidr block : new TreeSet<>(blocks)) {
            if (result.isEmpty() || !last(result).contains(block)) {
                result.add(block);
                mergeSiblings(result);
            }
        }
        return List.copyOf(result);
    }

    private static void mergeSiblings(List<Cidr> blocks) {
        while (blocks.size() > 1) {
            Cidr right = last(blocks);
            Cidr left = blocks.get(blocks.size() - 2);
            if (left.prefixLength() != right.prefixLength()) {
                return;
            }
            Cidr parent = parent(left);
            if (!parent.contains(right)) {
                return;
            }
            blocks.remove(blocks.size() - 1);
            blocks.set(blocks.size() - 1, parent);
        }
    }

    private static Cidr parent(Cidr block) {
        int length = block.prefixLength() - 1;
        int mask = length == 0 ? 0 : -1 << (32 - length);
        return Cidr.of(dev.agentvm.network.IPv4Address.ofBits(block.base().bits() & mask), length);
    }

    private static Cidr last(List<Cidr> blocks) {
        return blocks.get(blocks.size() - 1);
    }
}
