package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class OutputLimitTest {
    @Test
    void command_notSaid_failsBeyondTheMost() {
        assertThat(Command.of("true").outputLimit()).isEqualTo(OutputLimit.fail(Command.MAX_OUTPUT_BYTES));
    }

    @Test
    void bytes_outOfBounds_areRefused() {
        assertThatThrownBy(() -> OutputLimit.fail(1)).hasMessage("bytes '1': must be from 2 to 67108864");
        assertThatThrownBy(() -> OutputLimit.keepEnds(Command.MAX_OUTPUT_BYTES + 1))
                .isInstanceOf(InvalidValueException.class);
    }

    @Test
    void resultText_omission_saysHowMuchIsLeftOutWhereItIs() {
        ExecResult result = result(new ExecResult.Omission(3, 97));

        assertThat(result.stdoutText()).isEqualTo("abc\n[… 97 bytes left out …]\nxyz");
        assertThat(result.stderrText()).isEmpty();
    }

    @Test
    void result_omissionThatCannotBe_isRefused() {
        assertThatThrownBy(() -> result(new ExecResult.Omission(7, 1))).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> result(new ExecResult.Omission(-1, 1))).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> result(new ExecResult.Omission(3, 0))).hasMessageStartingWith("stdoutOmission '");
    }

    private static ExecResult result(ExecResult.Omission omission) {
        return new ExecResult.Builder()
                .exitCode(0)
                .stdout("abcxyz".getBytes(StandardCharsets.UTF_8))
                .stderr()
                .stdoutOmission(omission)
                .duration(Duration.ZERO)
                .build();
    }
}
