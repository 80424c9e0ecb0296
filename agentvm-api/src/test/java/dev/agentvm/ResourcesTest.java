package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ResourcesTest {
    @Test
    void readyMade_asDocumented() {
        assertSize(Resources.light(), 1, 1024, 10);
        assertSize(Resources.standard(), 2, 2048, 20);
        assertSize(Resources.intensive(), 4, 4096, 40);
        assertThat(new Resources.Builder().build()).isEqualTo(Resources.standard());
    }

    private static void assertSize(Resources resources, int vcpus, int memoryMiB, int diskGiB) {
        assertThat(resources.vcpus()).isEqualTo(vcpus);
        assertThat(resources.memoryMiB()).isEqualTo(memoryMiB);
        assertThat(resources.diskGiB()).isEqualTo(diskGiB);
    }

    static Stream<Arguments> bounds() {
        Resources base = Resources.standard();
        return Stream.of(
                Arguments.of("vcpus", 1, 255, (IntFunction<Resources>) base::withVcpus),
                Arguments.of("memoryMiB", 64, 16_777_216, (IntFunction<Resources>) base::withMemoryMiB),
                Arguments.of("diskGiB", 1, 65_536, (IntFunction<Resources>) base::withDiskGiB));
    }

    @ParameterizedTest
    @MethodSource("bounds")
    void with_atAndOutOfBounds_isTakenAndRefused(String field, int least, int most, IntFunction<Resources> with) {
        for (int good : new int[] {least, least + 1, most - 1, most}) {
            assertThat(with.apply(good)).asString().contains(field + "=" + good);
        }
        for (int bad : new int[] {least - 1, most + 1, 0, -1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            assertThatThrownBy(() -> with.apply(bad))
                    .isInstanceOf(InvalidValueException.class)
                    .hasMessage(field + " '" + bad + "': must be from " + least + " to " + most)
                    .satisfies(
                            e -> assertThat(((InvalidValueException) e).field()).contains(field));
        }
    }

    @Test
    void toBuilder_unchanged_buildsEqualResources() {
        assertThat(Resources.light().toBuilder().build())
                .isEqualTo(Resources.light())
                .hasSameHashCodeAs(Resources.light())
                .isNotEqualTo(Resources.standard());
    }
}
