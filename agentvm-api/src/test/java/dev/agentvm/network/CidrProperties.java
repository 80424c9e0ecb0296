package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import dev.agentvm.testkit.laws.PolicyArbitraries;
import inet.ipaddr.AddressStringParameters.RangeParameters;
import inet.ipaddr.IPAddress;
import inet.ipaddr.IPAddressString;
import inet.ipaddr.IPAddressStringParameters;
import java.util.regex.Pattern;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import org.jspecify.annotations.Nullable;

/** Compares with a well-known library for addresses. */
class CidrProperties {
    /** What the other library calls an address if it is asked to be strict, less the forms that we refuse on purpose. */
    private static final IPAddressStringParameters STRICT = new IPAddressStringParameters.Builder()
            .allowEmpty(false)
            .allowAll(false)
            .allowIPv6(false)
            .allowMask(false)
            .allowPrefixOnly(false)
            .allowSingleSegment(false)
            .allowWildcardedSeparator(false)
            .setRangeOptions(RangeParameters.NO_RANGE)
            .getIPv4AddressParametersBuilder()
            .allow_inet_aton(false)
            .allowLeadingZeros(false)
            .allowPrefixLengthLeadingZeros(false)
            .getParentBuilder()
            .toParams();

    private static final Pattern FOUR_PARTS = Pattern.compile("[^.]+(\\.[^.]+){3}");

    @Provide
    Arbitrary<IPv4Address> addresses() {
        return PolicyArbitraries.addresses();
    }

    @Provide
    Arbitrary<Cidr> blocks() {
        return PolicyArbitraries.blocks();
    }

    @Provide
    Arbitrary<String> nearlyBlocks() {
        Arbitrary<String> octet = Arbitraries.frequencyOf(
                Tuple.of(8, Arbitraries.integers().between(0, 255).map(String::valueOf)),
                Tuple.of(1, Arbitraries.of("", "00", "01", "256", "999", "0x1", "-1", "a", " 1", "1_0", "٣")));
        Arbitrary<String> length = Arbitraries.frequencyOf(
                Tuple.of(5, Arbitraries.just("")),
                Tuple.of(5, Arbitraries.integers().between(0, 40).map(bits -> "/" + bits)),
                Tuple.of(1, Arbitraries.of("/", "/08", "/-1", "/+8", "/255.0.0.0", "/8/8", "/ 8")));
        return Combinators.combine(octet.list().ofMinSize(3).ofMaxSize(5), length)
                .as((octets, end) -> String.join(".", octets) + end);
    }

    @Property
    void of_textsThatAreNearlyBlocks_acceptsWhatTheOracleAccepts(@ForAll("nearlyBlocks") String text) {
        IPAddress expected = oracle(text);
        if (expected == null) {
            assertThatThrownBy(() -> Cidr.of(text)).isInstanceOf(InvalidValueException.class);
        } else {
            Cidr block = Cidr.of(text);
            assertThat(block.base().bits())
                    .isEqualTo(expected.getLower().toIPv4().intValue());
            assertThat(block.last().bits())
                    .isEqualTo(expected.getUpper().toIPv4().intValue());
        }
    }

    private static @Nullable IPAddress oracle(String text) {
        IPAddress address = new IPAddressString(text, STRICT).getAddress();
        int slash = text.indexOf('/');
        String base = slash < 0 ? text : text.substring(0, slash);
        boolean padded = text.chars().anyMatch(Character::isWhitespace);
        if (address == null
                || padded
                || !address.isIPv4()
                || !FOUR_PARTS.matcher(base).matches()) {
            return null;
        }
        // The other library takes a base with bits after its prefix for one address; we refuse it as ambiguous.
        boolean wholeBlock = !address.isPrefixed() || address.isPrefixBlock();
        return wholeBlock ? address : null;
    }

    @Property
    void of_ownText_isTheSameBlock(@ForAll("blocks") Cidr block) {
        assertThat(Cidr.of(block.toString())).isEqualTo(block).hasSameHashCodeAs(block);
        IPAddress expected = new IPAddressString(block.toString()).getAddress();
        assertThat(block).hasToString(expected.toCanonicalString());
        assertThat(block.netmask())
                .hasToString(expected.getNetwork()
                        .getNetworkMask(block.prefixLength(), false)
                        .toString());
        assertThat(block.base())
                .hasToString(expected.getLower().withoutPrefixLength().toString());
        assertThat(block.last())
                .hasToString(expected.getUpper().withoutPrefixLength().toString());
    }

    @Property
    void contains_anAddress_agreesWithTheOracle(@ForAll("blocks") Cidr block, @ForAll("addresses") IPv4Address any) {
        IPAddress expected = new IPAddressString(block.toString()).getAddress();
        for (IPv4Address address : new IPv4Address[] {
            any,
            block.base(),
            block.last(),
            IPv4Address.ofBits(block.base().bits() - 1),
            IPv4Address.ofBits(block.last().bits() + 1)
        }) {
            assertThat(block.contains(address))
                    .as("%s in %s", address, block)
                    .isEqualTo(expected.contains(new IPAddressString(address.toString()).getAddress()));
        }
    }

    @Property
    void containsAndOverlaps_twoBlocks_agreeWithTheOracle(
            @ForAll("blocks") Cidr a, @ForAll("blocks") Cidr far, @ForAll("addresses") IPv4Address inside) {
        Cidr near = PolicyArbitraries.addressesIn(a).map(Cidr::single).sample();
        Cidr half = a.prefixLength() == 32 ? a : Cidr.of(a.base(), a.prefixLength() + 1);
        for (Cidr b : new Cidr[] {far, near, half, a, Cidr.of("0.0.0.0/0"), Cidr.single(inside)}) {
            IPAddress x = new IPAddressString(a.toString()).getAddress();
            IPAddress y = new IPAddressString(b.toString()).getAddress();
            assertThat(a.contains(b)).as("%s in %s", b, a).isEqualTo(x.contains(y));
            assertThat(b.contains(a)).as("%s in %s", a, b).isEqualTo(y.contains(x));
            assertThat(a.overlaps(b)).as("%s and %s", a, b).isEqualTo(x.intersect(y) != null);
            assertThat(b.overlaps(a)).isEqualTo(a.overlaps(b));
        }
    }

    @Property
    void compareTo_twoBlocks_ordersByUnsignedBaseThenLength(@ForAll("blocks") Cidr a, @ForAll("blocks") Cidr b) {
        int expected =
                Long.compare(a.base().toLong() * 33 + a.prefixLength(), b.base().toLong() * 33 + b.prefixLength());
        assertThat(Integer.signum(a.compareTo(b))).isEqualTo(expected);
        assertThat(a.compareTo(b) == 0).isEqualTo(a.equals(b));
    }

    @Property
    void of_baseWithBitsAfterThePrefix_isRefusedAndNamesBothMeanings(
            @ForAll("addresses") IPv4Address address, @ForAll("blocks") Cidr block) {
        int length = block.prefixLength();
        if (Long.numberOfTrailingZeros(address.toLong() | 1L << 32) < 32 - length) {
            assertThatThrownBy(() -> Cidr.of(address + "/" + length))
                    .isInstanceOf(InvalidValueException.class)
                    .hasMessageContaining(address + "/" + length)
                    .hasMessageContaining(address + "/32");
        } else {
            assertThat(Cidr.of(address, length).base()).isEqualTo(address);
        }
    }
}
