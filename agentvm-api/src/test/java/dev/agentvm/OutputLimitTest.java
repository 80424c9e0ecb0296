package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
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
        assertThatThrownBy(() -> OutputLimit.fail(Command.MAX_OUTPUT_BYTES + 1))
                .isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> OutputLimit.keepEnds(Command.MAX_OUTPUT_BYTES / 2 + 1))
                .hasMessage("bytes '33554433': must be from 2 to 33554432");
    }

    @Test
    void resultText_omission_saysHowMuchIsLeftOutWhereItIs() {
        ExecResult result = result(new ExecResult.Omission(3, 97));

        assertThat(result.stdoutText()).isEqualTo("abc\n[… 97 bytes left out …]\nxyz");
        assertThat(result.stderrText()).isEmpty();
    }

    @Test
    void resultText_gapAnywhere_hasWholeCharactersOnly() {
        byte[] all = "aé€😀ü漢".getBytes(StandardCharsets.UTF_8);
        for (int from = 0; from < all.length; from++) {
            for (int to = from + 1; to < all.length; to++) {
                String text = result(ends(all, from, to), new ExecResult.Omission(from, to - from))
                        .stdoutText();

                assertThat(text).doesNotContain("\uFFFD");
                int leftOut = Integer.parseInt(text.replaceAll("(?s).*… ([0-9]+) bytes.*", "$1"));
                int kept = text.replaceAll("(?s)\n\\[….*…]\n", "").getBytes(StandardCharsets.UTF_8).length;
                assertThat(kept + leftOut).isEqualTo(all.length);
                assertThat(leftOut).isBetween(to - from, to - from + 6);
            }
        }
    }

    @Test
    void resultText_gapInBytesThatAreNoText_isSaidAllTheSame() {
        byte[] bytes = {(byte) 0x80, (byte) 0x80, (byte) 0x80, (byte) 0x80, (byte) 0x80, (byte) 0xFF};

        assertThat(result(bytes, new ExecResult.Omission(4, 10)).stdoutText())
                .isEqualTo("\uFFFD".repeat(4) + "\n[… 11 bytes left out …]\n\uFFFD");
    }

    private static byte[] ends(byte[] all, int from, int to) {
        return ByteBuffer.allocate(all.length - (to - from))
                .put(all, 0, from)
                .put(all, to, all.length - to)
                .array();
    }

    @Test
    void result_omissionThatCannotBe_isRefused() {
        assertThatThrownBy(() -> result(new ExecResult.Omission(7, 1))).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> result(new ExecResult.Omission(-1, 1))).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> result(new ExecResult.Omission(3, 0))).hasMessageStartingWith("stdoutOmission '");
    }

    private static ExecResult result(ExecResult.Omission omission) {
        return result("abcxyz".getBytes(StandardCharsets.UTF_8), omission);
    }

    private static ExecResult result(byte[] stdout, ExecResult.Omission omission) {
        return new ExecResult.Builder()
                .exitCode(0)
                .stdout(stdout)
                .stderr()
                .stdoutOmission(omission)
                .duration(Duration.ZERO)
                .build();
    }
}
