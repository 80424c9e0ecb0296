package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class IPv6AttemptsTest {
    private static List<Instant> at(long... seconds) {
        return Arrays.stream(seconds).mapToObj(Instant::ofEpochSecond).toList();
    }

    @Test
    void differences_oneForEachSilentMinute_areNone() {
        assertThat(IPv6Attempts.differences(at(100, 130, 160), at(10))).isEmpty();
        assertThat(IPv6Attempts.differences(at(100, 130, 230, 231), at(10, 100, 231)))
                .isEmpty();
        assertThat(IPv6Attempts.differences(at(), at(10))).isEmpty();
    }

    @Test
    void differences_silenceOfAboutAMinute_areNoneEitherWay() {
        assertThat(IPv6Attempts.differences(at(100, 158), at(100))).isEmpty();
        assertThat(IPv6Attempts.differences(at(100, 158), at(100, 158))).isEmpty();
    }

    @Test
    void differences_whatIsMissingTwiceOrInvented_areNamed() {
        assertThat(IPv6Attempts.differences(at(100), at())).containsExactly("not told: IPv6");
        assertThat(IPv6Attempts.differences(at(100, 200), at(100)))
                .containsExactly("not told: IPv6 at 1970-01-01T00:03:20Z");
        assertThat(IPv6Attempts.differences(at(100), at(70, 100)))
                .containsExactly("told twice: IPv6 at 1970-01-01T00:01:10Z and 1970-01-01T00:01:40Z");
        assertThat(IPv6Attempts.differences(at(100, 150), at(10, 150)))
                .containsExactly("told, but not tried: IPv6 at 1970-01-01T00:02:30Z");
    }
}
