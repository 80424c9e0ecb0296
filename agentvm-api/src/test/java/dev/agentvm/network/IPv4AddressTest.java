package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IPv4AddressTest {
    @ParameterizedTest
    @ValueSource(strings = {"0.0.0.0", "10.0.0.1", "127.0.0.1", "192.168.101.254", "255.255.255.255"})
    void of_canonicalForm_readsAndWritesTheSame(String text) {
        assertThat(IPv4Address.of(text)).hasToString(text);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "010.0.0.1",
                "10.0.0.01",
                "00.0.0.0",
                "1.2.3",
                "1.2.3.4.5",
                "1.2.3.",
                ".1.2.3",
                "1..2.3",
                "256.0.0.1",
                "0.0.0.256",
                "1.2.3.1000",
                "99999999999.0.0.1",
                "0x7f.0.0.1",
                "2130706433",
                "-1.0.0.1",
                "+1.0.0.1",
                "1.2.3.4/32",
                "1.2.3.4 ",
                " 1.2.3.4",
                "1.2.3.4\n",
                "1.2.3.4\0",
                "1,2,3,4",
                "١.2.3.4",
                "localhost",
                "example.org",
                "::1",
                "::ffff:1.2.3.4",
                "[::1]",
                "fe80::1%eth0"
            })
    void of_anythingElse_isRefused(String text) {
        assertThatThrownBy(() -> IPv4Address.of(text))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("address '")
                .hasMessageContaining("such as 10.0.0.1")
                .satisfies(e -> assertThat(((InvalidValueException) e).field()).contains("address"));
    }

    @Test
    void equals_otherAddressOrType_isFalse() {
        assertThat(IPv4Address.of("10.0.0.1"))
                .isNotEqualTo(IPv4Address.of("10.0.0.2"))
                .isNotEqualTo("10.0.0.1")
                .isNotEqualTo(null);
    }
}
