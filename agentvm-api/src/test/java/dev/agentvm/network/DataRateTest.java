package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import java.util.function.LongFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class DataRateTest {
    static Stream<Arguments> units() {
        return Stream.of(
                Arguments.of("bit/s", (LongFunction<DataRate>) DataRate::bitsPerSecond, 1L, 8_000L, 1_000_000_000_000L),
                Arguments.of(
                        "Mbit/s", (LongFunction<DataRate>) DataRate::megabitsPerSecond, 1_000_000L, 1L, 1_000_000L),
                Arguments.of("byte/s", (LongFunction<DataRate>) DataRate::bytesPerSecond, 8L, 1_000L, 125_000_000_000L),
                Arguments.of(
                        "Mbyte/s", (LongFunction<DataRate>) DataRate::megabytesPerSecond, 8_000_000L, 1L, 125_000L));
    }

    @ParameterizedTest
    @MethodSource("units")
    void of_bounds_areTakenInTheUnitOfTheName(
            String unit, LongFunction<DataRate> of, long bits, long least, long most) {
        for (long count : new long[] {least, least + 1, most / 2 + 1, most - 1, most}) {
            assertThat(of.apply(count).bitsPerSecond()).isEqualTo(count * bits);
            assertThat(of.apply(count).bytesPerSecond()).isEqualTo(count * bits / 8);
        }
    }

    @ParameterizedTest
    @MethodSource("units")
    void of_outOfBounds_isRefusedAsItWasGiven(
            String unit, LongFunction<DataRate> of, long bits, long least, long most) {
        // The last ones, multiplied by their unit, overflow into the range.
        long[] wrong = {
            least - 1,
            0,
            -1,
            -least,
            most + 1,
            Long.MAX_VALUE,
            Long.MIN_VALUE,
            -18_446_744_073_709L,
            Long.MIN_VALUE / bits * 2 + 2_000,
            Long.MIN_VALUE + 10_000
        };
        for (long count : wrong) {
            assertThatThrownBy(() -> of.apply(count))
                    .as("%d %s", count, unit)
                    .isInstanceOf(InvalidValueException.class)
                    .hasMessage("rate '" + count + " " + unit + "': must be from 8 kbit/s to 1 Tbit/s");
        }
    }

    @Test
    void bytesPerSecond_bitsThatAreNoWholeByte_roundsDown() {
        assertThat(DataRate.bitsPerSecond(8_007).bytesPerSecond()).isEqualTo(1_000);
        assertThat(DataRate.bitsPerSecond(8_008).bytesPerSecond()).isEqualTo(1_001);
    }

    @Test
    void equals_sameRateInAnotherUnit_isTrue() {
        assertThat(DataRate.megabytesPerSecond(10))
                .isEqualTo(DataRate.megabitsPerSecond(80))
                .hasSameHashCodeAs(DataRate.bytesPerSecond(10_000_000))
                .isEqualByComparingTo(DataRate.bitsPerSecond(80_000_000))
                .isNotEqualTo(DataRate.megabitsPerSecond(10))
                .isNotEqualTo("80 Mbit/s")
                .isNotEqualTo(null);
        assertThat(DataRate.bitsPerSecond(8_000).hashCode())
                .isNotEqualTo(DataRate.bitsPerSecond(8_001).hashCode());
    }

    @Test
    void compareTo_rates_ordersByAmount() {
        assertThat(DataRate.megabitsPerSecond(1))
                .isLessThan(DataRate.megabytesPerSecond(1))
                .isGreaterThan(DataRate.bitsPerSecond(999_999));
    }

    @Test
    void toString_rates_usesTheLargestWholeUnit() {
        assertThat(DataRate.megabitsPerSecond(100)).hasToString("100 Mbit/s");
        assertThat(DataRate.bitsPerSecond(1_500_000)).hasToString("1500 kbit/s");
        assertThat(DataRate.bitsPerSecond(1_500_001)).hasToString("1500001 bit/s");
    }
}
