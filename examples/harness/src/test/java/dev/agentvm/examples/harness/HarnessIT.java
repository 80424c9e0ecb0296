package dev.agentvm.examples.harness;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Hypervisor;
import dev.agentvm.testkit.junit.AgentVMTest;
import dev.agentvm.testkit.junit.Backend;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The harness on a real Debian guest, with a repository of the lab's pretend Internet. */
@AgentVMTest(on = Backend.REAL_OR_FAIL)
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class HarnessIT {
    private static final String INSTRUCTION = """
            echo early; sleep 2; echo late
            echo 'Agents were here.' >>README.md
            git rm --quiet hello.sh && git config diff.noprefix true
            git -c user.name=agent -c user.email=agent@example.com commit --quiet --all --message 'Say that we were here'
            python3 -c 'open("bytes", "wb").write(bytes(range(256)))'
            sha256sum bytes; id --user --name
            """;

    @TempDir
    Path home;

    @Test
    void run_workOfEveryKind_isThePatchAndNothingElseIsLeft(Hypervisor hypervisor) throws Exception {
        Task task = new Task("https://git.example.com/hello.git", INSTRUCTION);
        Path patch = home.resolve("work.patch");
        Watch console = new Watch();

        List<Step> done =
                new Harness(hypervisor, Harness.template("debian"), console).run(task, new ScriptedAgent(), patch);

        assertThat(done)
                .allSatisfy(step ->
                        assertThat(step.status().success()).as(step.toString()).isTrue());
        assertThat(done)
                .extracting(Step::command)
                .containsExactlyElementsOf(INSTRUCTION.lines().toList());
        assertThat(console.between("early", "late")).isGreaterThan(Duration.ofSeconds(1));
        Path clone = home.resolve("clone");
        host("git", "clone", "--quiet", "git://git.example.com/hello.git", clone.toString());
        host("git", "-C", clone.toString(), "apply", patch.toString());
        assertThat(clone.resolve("README.md")).content().endsWith("\nAgents were here.\n");
        assertThat(clone.resolve("hello.sh")).doesNotExist();
        assertThat(done.get(5).output()).isEqualTo(host("sh", "-c", "cd " + clone + " && sha256sum bytes") + "agent\n");
        assertThat(hypervisor.list()).isEmpty();
        host(System.getenv("AGENTVM_LAB_HOME") + "/leftovers");
    }

    /** Runs a program on the host, which must succeed, and gives what it prints. */
    private static String host(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }

    /** Remembers when it has seen what. */
    private static final class Watch implements Appendable {
        private final Map<String, Instant> lines = new HashMap<>();

        @Override
        public Appendable append(CharSequence text) {
            text.toString().lines().forEach(line -> lines.putIfAbsent(line, Instant.now()));
            return this;
        }

        Duration between(String first, String second) {
            return Duration.between(lines.get(first), lines.get(second));
        }

        @Override
        public Appendable append(CharSequence text, int start, int end) {
            return append(text.subSequence(start, end));
        }

        @Override
        public Appendable append(char c) {
            return append(String.valueOf(c));
        }
    }
}
