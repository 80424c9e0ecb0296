package dev.agentvm.libvirt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.network.HostView;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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

    /** As it stands in the docs, but for where Java and the class path are. */
    @Test
    void unit_commandLine_startsTheService() throws Exception {
        List<String> command = new ArrayList<>(
                List.of(DocumentedUnit.value("ExecStart").orElseThrow().split(" +")));
        assertThat(command.set(0, ProcessHandle.current().info().command().orElseThrow()))
                .isEqualTo("/usr/bin/java");
        assertThat(command.set(command.indexOf("-cp") + 1, System.getProperty("java.class.path")))
                .isEqualTo("/usr/local/lib/agentvm/*");
        command.add("--help");

        Process service = new ProcessBuilder(command).redirectErrorStream(true).start();

        assertThat(new String(service.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .isEqualTo(FlowLogService.HELP);
        assertThat(service.waitFor()).isZero();
    }

    @Test
    void unit_directory_isThatOfTheSocket() throws IOException {
        assertThat(DocumentedUnit.value("RuntimeDirectory").map(Path.of("/run")::resolve))
                .contains(HostView.FLOW_LOG_SOCKET.getParent());
    }
}
