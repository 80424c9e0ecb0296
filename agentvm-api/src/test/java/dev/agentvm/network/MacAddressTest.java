package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MacAddressTest {
    @Test
    void of_eitherCase_isTheSameAddressInLowerCase() {
        assertThat(MacAddress.of("52:54:00:AB:CD:EF"))
                .isEqualTo(MacAddress.of("52:54:00:ab:cd:ef"))
                .hasSameHashCodeAs(MacAddress.of("52:54:00:ab:cd:ef"))
                .hasToString("52:54:00:ab:cd:ef");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "52:54:00:ab:cd",
                "52:54:00:ab:cd:ef:01",
                "52-54-00-ab-cd-ef",
                "525400abcdef",
                "52:54:00:ab:cd:eg",
                "52:54:00:ab:cd:e",
                " 52:54:00:ab:cd:ef",
                "52:54:00:ab:cd:ef\n",
                "<mac>"
            })
    void of_anotherForm_isRefused(String text) {
        assertThatThrownBy(() -> MacAddress.of(text))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("such as 52:54:00:12:34:56");
    }

    @ParameterizedTest
    @ValueSource(strings = {"ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "53:54:00:00:00:01", "33:33:00:00:00:01"})
    void of_groupAddress_isRefused(String text) {
        assertThatThrownBy(() -> MacAddress.of(text))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("group address");
    }

    @Test
    void equals_otherAddressOrType_isFalse() {
        assertThat(MacAddress.of("52:54:00:00:00:01"))
                .isNotEqualTo(MacAddress.of("52:54:00:00:00:02"))
                .isNotEqualTo("52:54:00:00:00:01")
                .isNotEqualTo(null);
        assertThat(MacAddress.of("52:54:00:00:00:01").hashCode())
                .isNotEqualTo(MacAddress.of("52:54:00:00:00:02").hashCode());
    }
}
