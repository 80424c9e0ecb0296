package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class LaunchOptionsTest {
    @Test
    void standard_asDocumented() {
        assertThat(LaunchOptions.standard().detached()).isFalse();
        assertThat(LaunchOptions.standard().timeout()).isEqualTo(Duration.ofMinutes(2));
        assertThat(LaunchOptions.standard().listener()).isEmpty();
        assertThat(LaunchOptions.standard()).isEqualTo(new LaunchOptions.Builder().build());
    }

    @Test
    void timeout_atAndOutOfBounds_isTakenAndRefused() {
        LaunchOptions options = LaunchOptions.standard();
        for (Duration good : new Duration[] {Duration.ofSeconds(1), Duration.ofHours(1)}) {
            assertThat(options.withTimeout(good).timeout()).isEqualTo(good);
        }
        for (Duration bad : new Duration[] {
            Duration.ofMillis(999), Duration.ofHours(1).plusNanos(1), Duration.ZERO, Duration.ofSeconds(-5)
        }) {
            assertThatThrownBy(() -> options.withTimeout(bad))
                    .isInstanceOf(InvalidValueException.class)
                    .hasMessage("timeout '" + bad + "': must be from one second to one hour");
        }
    }

    @Test
    void toBuilder_unchanged_buildsEqualOptions() {
        LaunchListener listener = (step, sinceStart) -> {};
        LaunchOptions options = LaunchOptions.standard().withDetached(true).withListener(listener);
        assertThat(options.detached()).isTrue();
        assertThat(options.listener()).contains(listener);
        assertThat(options.toBuilder().build()).isEqualTo(options).hasSameHashCodeAs(options);
    }
}
