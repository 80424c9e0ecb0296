package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CidrTest {
    @ParameterizedTest
    @CsvSource({
        "0.0.0.0/0,       0.0.0.0,     255.255.255.255, 0.0.0.0",
        "10.0.0.0/8,      10.0.0.0,    10.255.255.255,  255.0.0.0",
        "128.0.0.0/1,     128.0.0.0,   255.255.255.255, 128.0.0.0",
        "192.168.1.64/31, 192.168.1.64, 192.168.1.65,   255.255.255.254",
        "192.168.1.64/32, 192.168.1.64, 192.168.1.64,   255.255.255.255"
    })
    void of_block_spansItsAddresses(String text, String base, String last, String mask) {
        Cidr block = Cidr.of(text);
        assertThat(block).hasToString(text);
        assertThat(block.base()).hasToString(base);
        assertThat(block.last()).hasToString(last);
        assertThat(block.netmask()).hasToString(mask);
    }

    @Test
    void of_plainAddress_isThatOneAddress() {
        assertThat(Cidr.of("10.1.2.3"))
                .isEqualTo(Cidr.of("10.1.2.3/32"))
                .isEqualTo(Cidr.single(IPv4Address.of("10.1.2.3")))
                .hasToString("10.1.2.3/32");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "/",
                "/8",
                "1.2.3.4/",
                "1.2.3.4/33",
                "1.2.3.4/-1",
                "0.0.0.0/00",
                "10.0.0.0/08",
                "10.0.0.0/+8",
                "10.0.0.0/ 8",
                "10.0.0.0/8 ",
                "10.0.0.0/8\n",
                "10.0.0.0/٨",
                "10.0.0.0/100",
                "10.0.0.0/4294967304",
                "10.0.0.0/255.0.0.0",
                "10.0.0.0//8",
                "10.0.0.0/8/8",
                "10.0.0.1/8",
                "0.0.0.1/0",
                "010.0.0.0/8",
                "1.2.3",
                "1.2.3/24",
                "10/8",
                "10.*",
                "10.0.0.0-10.0.0.9",
                "example.org",
                "example.org/24",
                "fe80::/10",
                "::ffff:10.0.0.0/104"
            })
    void of_anythingElse_isRefused(String text) {
        assertThatThrownBy(() -> Cidr.of(text))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("cidr '");
    }

    @Test
    void of_badAddressInABlock_namesTheWholeText() {
        assertThatThrownBy(() -> Cidr.of("010.0.0.0/8"))
                .hasMessageContaining("'010.0.0.0/8'")
                .hasMessageContaining("without leading zeros");
    }

    @Test
    void of_baseInsideABlock_offersBothMeanings() {
        assertThatThrownBy(() -> Cidr.of("10.1.2.3/8"))
                .hasMessage("cidr '10.1.2.3/8': has bits set after its prefix; write 10.0.0.0/8 for the block or"
                        + " 10.1.2.3/32 for the address");
    }

    @ParameterizedTest
    @ValueSource(ints = {Integer.MIN_VALUE, -1, 33, 64, Integer.MAX_VALUE})
    void of_prefixLengthOutOfBounds_isRefused(int length) {
        assertThatThrownBy(() -> Cidr.of(IPv4Address.of("0.0.0.0"), length))
                .isInstanceOf(InvalidValueException.class)
                .hasMessage("prefixLength '" + length + "': must be from 0 to 32");
    }

    @Test
    void equals_otherLengthBaseOrType_isFalse() {
        assertThat(Cidr.of("10.0.0.0/8"))
                .isNotEqualTo(Cidr.of("10.0.0.0/9"))
                .isNotEqualTo(Cidr.of("11.0.0.0/8"))
                .isNotEqualTo("10.0.0.0/8")
                .isNotEqualTo(null);
        assertThat(Cidr.of("10.0.0.0/8").hashCode())
                .isNotEqualTo(Cidr.of("10.0.0.0/9").hashCode());
    }

    @Test
    @SuppressWarnings("NullAway")
    void factories_null_failAtOnce() {
        assertThatThrownBy(() -> Cidr.of(null)).isInstanceOf(NullPointerException.class);
        assertThatThrownBy(() -> Cidr.of(null, 8))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("base");
        assertThatThrownBy(() -> Cidr.single(null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("address");
    }
}
