package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class CidrSetProperties {
    @Property(tries = 300)
    void merged_anyBlocks_holdTheSameAddressesInFewerBlocks(@ForAll("blocks") List<Cidr> blocks) {
        List<Cidr> merged = CidrSet.merged(blocks);

        for (int low = 0; low < 64; low++) {
            IPv4Address address = IPv4Address.ofBits(0x0a000000 + low);
            assertThat(merged.stream().filter(block -> block.contains(address)).count())
                    .as("%s in %s", address, merged)
                    .isEqualTo(blocks.stream().anyMatch(block -> block.contains(address)) ? 1 : 0);
        }
        assertThat(merged).isSorted().hasSizeLessThanOrEqualTo(blocks.size());
        assertThat(CidrSet.merged(merged)).isEqualTo(merged);
    }

    @Provide
    Arbitrary<List<Cidr>> blocks() {
        return Combinators.combine(
                        Arbitraries.integers().between(0, 63),
                        Arbitraries.integers().between(26, 32))
                .as((low, length) -> Cidr.of(IPv4Address.ofBits(0x0a000000 + low & (-1 << (32 - length))), length))
                .list()
                .ofMaxSize(20);
    }
}
