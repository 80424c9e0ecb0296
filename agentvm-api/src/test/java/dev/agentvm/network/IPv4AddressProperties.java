package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.testkit.laws.PolicyArbitraries;
import inet.ipaddr.IPAddressString;
import java.net.Inet4Address;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class IPv4AddressProperties {
    @Provide
    Arbitrary<IPv4Address> addresses() {
        return PolicyArbitraries.addresses();
    }

    @Property
    void of_ownText_isTheSameAddress(@ForAll("addresses") IPv4Address address) {
        assertThat(IPv4Address.of(address.toString())).isEqualTo(address).hasSameHashCodeAs(address);
        assertThat(IPv4Address.ofBits(address.bits())).isEqualTo(address);
    }

    @Property
    void of_anyAddress_meansWhatTheOracleMeans(@ForAll("addresses") IPv4Address address) {
        inet.ipaddr.ipv4.IPv4Address expected =
                new IPAddressString(address.toString()).getAddress().toIPv4();
        assertThat(address.bits()).isEqualTo(expected.intValue());
        assertThat(address.toLong()).isEqualTo(expected.longValue());
        assertThat(address).hasToString(expected.toCanonicalString());
    }

    @Property
    void toInetAddress_andBack_isTheSameAddress(@ForAll("addresses") IPv4Address address) {
        assertThat(address.toInetAddress().getHostAddress()).isEqualTo(address.toString());
        assertThat(IPv4Address.of((Inet4Address) address.toInetAddress())).isEqualTo(address);
    }

    @Property
    void compareTo_twoAddresses_isUnsigned(@ForAll("addresses") IPv4Address a, @ForAll("addresses") IPv4Address b) {
        assertThat(Integer.signum(a.compareTo(b))).isEqualTo(Long.compare(a.toLong(), b.toLong()));
    }
}
