package dev.agentvm.testkit.internal.nwfilter;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class IpAddressTest {
    @ParameterizedTest
    @CsvSource({
        "010.0.0.1, 8.0.0.1",
        "0x0a.1.2.3, 10.1.2.3",
        "10.1, 10.0.0.1",
        "10.1.258, 10.1.1.2",
        "167772161, 10.0.0.1",
        "1.2.3.4, 1.2.3.4"
    })
    void parse4AsC_readsWhatTheCLibraryReads(String text, String address) {
        assertThat(IpAddress.parse4AsC(text)).map(IpAddress::toString).hasValue(address);
    }

    @ParameterizedTest
    @ValueSource(strings = {"1.2.3.4.5", "1.2.3.256", "08.0.0.1", "1.2.3.4/8", "host", "", "1..2.3", "0x1g"})
    void parse4AsC_refusesWhatTheCLibraryRefuses(String text) {
        assertThat(IpAddress.parse4AsC(text)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "1::2, 1::2",
        "FE80::, fe80::",
        "::, ::",
        "::1, ::1",
        "1:0:0:2:0:0:0:3, 1:0:0:2::3",
        "1:2:3:4:5:6:7:8, 1:2:3:4:5:6:7:8",
        "::ffff:10.1.2.3, ::ffff:10.1.2.3",
        "::10.1.2.3, ::10.1.2.3",
        "a:b:c:0:0:0:0:0, a:b:c::",
        "0:0:1:2:0:0:3:4, ::1:2:0:0:3:4",
        "0:1:2:3:4:5:6:7, 0:1:2:3:4:5:6:7"
    })
    void parse6_printsAsTheCLibraryDoes(String text, String address) {
        assertThat(IpAddress.parse6(text)).map(IpAddress::toString).hasValue(address);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::g", "1.2.3.4::", ":1:2:3:4:5:6:7"
            })
    void parse6_refusesWhatIsNoAddress(String text) {
        assertThat(IpAddress.parse6(text)).isEmpty();
    }

    @Test
    void prefixLength_ofAMask_isCounted() {
        assertThat(IpAddress.parse4("255.255.252.0").orElseThrow().prefixLength())
                .isEqualTo(22);
        assertThat(IpAddress.parse4("0.0.0.0").orElseThrow().prefixLength()).isZero();
        assertThat(IpAddress.parse4("255.0.255.0").orElseThrow().prefixLength()).isEqualTo(-1);
    }

    @ParameterizedTest
    @CsvSource({
        "224.0.0.0, true",
        "239.255.255.255, true",
        "223.255.255.255, false",
        "240.0.0.0, false",
        "255.255.255.255, true",
        "ff02::1, true",
        "fe80::1, false",
        "::ff, false"
    })
    void isGroup_multicastAndBroadcast_are(String address, boolean group) {
        assertThat(IpAddress.parse(address).orElseThrow().isGroup()).isEqualTo(group);
    }

    @ParameterizedTest
    @CsvSource({":1, 6, false", "::1, 6, true", "1.2.3.4, 4, true"})
    void parse_byTheColonAlone_isIpv6(String text, int version, boolean valid) {
        assertThat(IpAddress.parse(text).map(IpAddress::version))
                .isEqualTo(valid ? Optional.of(version) : Optional.empty());
    }

    @Test
    void isIn_comparesThePrefixAlone() {
        IpAddress network = IpAddress.parse4("10.1.2.3").orElseThrow();

        assertThat(IpAddress.parse4("10.1.255.255").orElseThrow().isIn(network, 16))
                .isTrue();
        assertThat(IpAddress.parse4("10.2.0.0").orElseThrow().isIn(network, 16)).isFalse();
        assertThat(IpAddress.parse4("1.1.1.1").orElseThrow().isIn(network, 0)).isTrue();
        assertThat(IpAddress.parse6("::1").orElseThrow().isIn(network, 0)).isFalse();
    }
}
