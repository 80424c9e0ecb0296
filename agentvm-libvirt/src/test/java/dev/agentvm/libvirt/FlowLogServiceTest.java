package dev.agentvm.libvirt;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class FlowLogServiceTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int run(String... args) {
        return FlowLogService.run(
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                args);
    }

    @Test
    void help_isPrinted() {
        assertThat(run("--help")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo(FlowLogService.HELP);
    }

    @Test
    void arguments_thatAreWrong_areNamed() {
        assertThat(run("--port", "1")).isEqualTo(FlowLogService.USAGE);
        assertThat(run("--socket")).isEqualTo(FlowLogService.USAGE);
        assertThat(run("--socket", "flowlog.sock")).isEqualTo(FlowLogService.USAGE);
        assertThat(run("--uri", "qemu:///session")).isEqualTo(FlowLogService.USAGE);
        assertThat(run("--user", "nobody-of-this-name")).isEqualTo(FlowLogService.USAGE);
        assertThat(err.toString(StandardCharsets.UTF_8).lines())
                .hasSize(5)
                .allSatisfy(
                        line -> assertThat(line).startsWith("agentvm-flowlog: ").endsWith("see --help"))
                .anySatisfy(line -> assertThat(line).contains("nobody-of-this-name"));
        assertThat(out.size()).isZero();
    }
}
