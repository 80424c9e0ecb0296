package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PortRangeTest {
    @ParameterizedTest
    @ValueSource(ints = {Integer.MIN_VALUE, -1, 0, 65536, Integer.MAX_VALUE})
    void of_portOutOfBounds_isRefused(int port) {
        assertThatThrownBy(() -> PortRange.of(port))
                .isInstanceOf(InvalidValueException.class)
                .hasMessage("port '" + port + "': must be from 1 to 65535");
        assertThatThrownBy(() -> PortRange.of(80, port)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> PortRange.of(port, 80)).isInstanceOf(InvalidValueException.class);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 443, 65534, 65535})
    void of_portWithinBounds_isThatPort(int port) {
        assertThat(PortRange.of(port)).isEqualTo(new PortRange(port, port)).hasToString(Integer.toString(port));
    }

    @Test
    void of_reversed_isRefused() {
        assertThatThrownBy(() -> PortRange.of(443, 442))
                .isInstanceOf(InvalidValueException.class)
                .hasMessage("ports '443-442': the first port of a range must not be above its last");
    }

    @Test
    void contains_range_includesBothEnds() {
        PortRange range = PortRange.of(8000, 8080);
        assertThat(range).hasToString("8000-8080");
        assertThat(range.contains(7999)).isFalse();
        assertThat(range.contains(8000)).isTrue();
        assertThat(range.contains(8080)).isTrue();
        assertThat(range.contains(8081)).isFalse();
    }

    @Test
    void compareTo_severalRanges_ordersByFirstThenLast() {
        assertThat(PortRange.of(80)).isLessThan(PortRange.of(81)).isLessThan(PortRange.of(80, 81));
        assertThat(PortRange.of(80, 90)).isGreaterThan(PortRange.of(80, 81)).isLessThan(PortRange.of(81));
        assertThat(PortRange.of(80).compareTo(PortRange.of(80, 80))).isZero();
    }
}
