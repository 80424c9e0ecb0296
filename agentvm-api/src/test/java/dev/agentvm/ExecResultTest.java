package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExecResultTest {
    private static ExecResult.Builder wrote(String stdout, String stderr) {
        return new ExecResult.Builder()
                .stdout(stdout.getBytes(StandardCharsets.UTF_8))
                .stderr(stderr.getBytes(StandardCharsets.UTF_8))
                .duration(Duration.ofMillis(5));
    }

    @Test
    void success_exitCodeZeroAlone_isTrue() {
        assertThat(wrote("", "").exitCode(0).build().success()).isTrue();
        assertThat(wrote("", "").exitCode(1).build().success()).isFalse();
        assertThat(wrote("", "").signal(9).build().success()).isFalse();
    }

    @Test
    void text_utf8AndMalformedBytes_isRead() {
        ExecResult result = wrote("größer", "😀").exitCode(0).build();
        assertThat(result.stdoutText()).isEqualTo("größer");
        assertThat(result.stderrText()).isEqualTo("😀");
        assertThat(wrote("", "")
                        .stdout((byte) 0xff, (byte) 'a')
                        .exitCode(0)
                        .build()
                        .stdoutText())
                .isEqualTo("\ufffda");
    }

    @Test
    void build_bothOrNeitherEnd_isRefused() {
        assertThatThrownBy(() -> wrote("", "").build()).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> wrote("", "").exitCode(1).signal(9).build())
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("exactly one");
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 256, Integer.MAX_VALUE, Integer.MIN_VALUE})
    void exitCode_outOfBounds_isRefused(int code) {
        assertThatThrownBy(() -> wrote("", "").exitCode(code).build())
                .isInstanceOf(InvalidValueException.class)
                .hasMessage("exitCode '" + code + "': must be from 0 to 255");
        assertThat(wrote("", "").exitCode(255).build().exitCode()).hasValue(255);
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 0, 128})
    void signal_outOfBounds_isRefused(int number) {
        assertThatThrownBy(() -> wrote("", "").signal(number).build())
                .isInstanceOf(InvalidValueException.class)
                .hasMessage("signal '" + number + "': must be from 1 to 127");
        assertThat(wrote("", "").signal(1).build().signal()).hasValue(1);
        assertThat(wrote("", "").signal(127).build().signal()).hasValue(127);
    }

    @Test
    void duration_negative_isRefused() {
        assertThat(wrote("", "").exitCode(0).duration(Duration.ZERO).build().duration())
                .isZero();
        assertThatThrownBy(() ->
                        wrote("", "").exitCode(0).duration(Duration.ofNanos(-1)).build())
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("duration '");
    }

    @Test
    void output_arraysOnEitherSideChange_keepsItsOwn() {
        byte[] out = {1, 2};
        byte[] err = {3, 4};
        ExecResult result = wrote("", "").exitCode(0).stdout(out).stderr(err).build();
        out[0] = 9;
        err[0] = 9;
        result.stdout()[1] = 9;
        result.stderr()[1] = 9;
        assertThat(result.stdout()).containsExactly(1, 2);
        assertThat(result.stderr()).containsExactly(3, 4);
    }

    @Test
    void equals_outputDiffering_isFalse() {
        ExecResult result = wrote("a", "b").exitCode(0).build();
        assertThat(result)
                .isEqualTo(wrote("a", "b").exitCode(0).build())
                .hasSameHashCodeAs(wrote("a", "b").exitCode(0).build())
                .isNotEqualTo(wrote("a", "c").exitCode(0).build())
                .isNotEqualTo(wrote("x", "b").exitCode(0).build());
    }

    @Test
    void toString_output_doesNotAppear() {
        assertThat(wrote("hunter2", "swordfish").exitCode(0).build())
                .asString()
                .doesNotContain("hunter2")
                .doesNotContain("swordfish");
    }

    @Test
    void build_outputMissing_isRefusedAndNamesIt() {
        assertThatThrownBy(() -> new ExecResult.Builder().exitCode(0).build())
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("stdout")
                .hasMessageContaining("stderr")
                .hasMessageContaining("duration");
    }
}
