package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class SerialLogTest {
    private final SerialLog log = new SerialLog();

    @Test
    void text_afterMoreThanItHolds_isTheEndOfWhatWasWritten() {
        for (int i = 0; i < 20_000; i++) {
            write("line " + i + "\n");
        }

        assertThat(log.text()).hasSizeLessThanOrEqualTo(64 * 1024).endsWith("line 19998\nline 19999\n");
    }

    @Test
    void text_controlCharacters_areLeftOut() {
        write("safe\u001b[2Jstill\r\n\u0007");

        assertThat(log.text()).isEqualTo("safe[2Jstill\n");
    }

    @Test
    void tail_manyLines_isTheLastFew() {
        for (int i = 0; i < 100; i++) {
            write("line " + i + "\n");
        }

        assertThat(log.tail()).contains("| line 99").contains("| line 88").doesNotContain("| line 87");
    }

    @Test
    void tail_nothingWritten_saysSo() {
        assertThat(log.tail()).contains("wrote nothing");
    }

    private void write(String text) {
        log.bytes(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    }
}
