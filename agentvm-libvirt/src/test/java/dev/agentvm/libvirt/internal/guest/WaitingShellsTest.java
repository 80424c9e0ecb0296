package dev.agentvm.libvirt.internal.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExecResult;
import dev.agentvm.GuestAgentException;
import dev.agentvm.OutputLimit;
import dev.agentvm.OutputLimitException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Commands that shells become which were begun before them. The agent's guest is this machine. */
@Timeout(60)
class WaitingShellsTest {
    private static final int MOST = 2;

    private final FakeAgent fake = new FakeAgent();
    private final GuestAgent agent =
            new GuestAgent("vm", fake, GuestAgent.THREADS, Patience.usual().withCall(Duration.ofSeconds(2)), MOST);

    @TempDir
    Path temporary;

    @BeforeEach
    void oneCommandBefore() {
        agent.exec(Command.of("true"));
        awaitShells();
    }

    @AfterEach
    void leaveNothing() {
        fake.silence(false);
        agent.release();
        assertThat(fake.workspaces())
                .allSatisfy(workspace -> assertThat(workspace).doesNotExist());
        Awaitility.await().untilAsserted(() -> {
            assertThat(fake.openFiles()).isZero();
            assertThat(fake.processes()).isZero();
        });
        fake.close();
    }

    /** Until as many wait as shall, and nothing else is under way. */
    private void awaitShells() {
        Awaitility.await().untilAsserted(() -> {
            assertThat(pipes()).hasSize(MOST);
            assertThat(fake.openFiles()).isEqualTo(3 * MOST);
            assertThat(fake.processes()).isEqualTo(MOST);
        });
    }

    private List<Path> pipes() throws IOException {
        try (Stream<Path> files = Files.list(fake.workspace())) {
            return files.filter(file -> file.toString().endsWith(".run")).toList();
        }
    }

    /** Runs it by a shell that waits, which is to say that nothing is started for it. */
    private ExecResult exec(Command command) {
        awaitShells();
        int before = fake.calls().size();
        ExecResult result = agent.exec(command);
        // Others may be made meanwhile.
        List<String> all = List.copyOf(fake.calls());
        List<String> calls = all.subList(before, all.size());
        assertThat(calls.subList(0, calls.indexOf("guest-file-read"))).doesNotContain("guest-exec");
        return result;
    }

    private static String text(ExecResult result) {
        assertThat(result.stderrText()).isEmpty();
        assertThat(result.exitCode()).hasValue(0);
        return result.stdoutText();
    }

    static Stream<Path> shells() {
        return Stream.of("/bin/dash", "/bin/bash", "/bin/busybox").map(Path::of).filter(Files::exists);
    }

    /** All bytes that an argument may hold, and what shells treat specially. */
    private static List<String> oddArguments() {
        List<String> arguments = new ArrayList<>(
                List.of("", " a  b ", "it's", "''", "\"$HOME\" `id` $(id)", "\\", "\\n", "*", "-n", "end\nend ", "\n"));
        String all = IntStream.range(1, 0x180)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
        arguments.add(all);
        arguments.add("日本語\uD83D\uDE00");
        return arguments;
    }

    @ParameterizedTest
    @MethodSource("shells")
    void exec_whateverTheGuestsShellIs_isAsIfItWereStarted(Path shell) throws IOException {
        Path sh = Files.createSymbolicLink(
                Files.createDirectory(temporary.resolve("bin")).resolve("sh"), shell);
        fake.shell(sh);
        agent.dismissWaiting();
        agent.exec(Command.of("true"));
        List<String> odd = oddArguments();

        String seen = text(exec(Command.of(
                "printf", Stream.concat(Stream.of("[%s]"), odd.stream()).toArray(String[]::new))));
        assertThat(seen).isEqualTo("[" + String.join("][", odd) + "]");
        assertThat(text(exec(new Command.Builder()
                        .addArgv("sh", "-c", "pwd; printf %s \"$A\"; cat; ls /proc/$$/fd | grep -x '[89]'; :")
                        .putEnvironment("A", odd.get(4))
                        .workingDirectory(temporary.toString())
                        .build())))
                .isEqualTo(temporary + "\n" + odd.get(4));
        assertThat(exec(Command.shell("echo err >&2; exit 3")).exitCode()).hasValue(3);
        assertThat(exec(Command.shell("kill -9 $$")).signal()).hasValue(9);
        assertThat(exec(Command.shell("exit 126")).exitCode()).hasValue(126);
        assertThatThrownBy(() -> exec(Command.of("nope")))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("no program nope");
        assertThatThrownBy(() -> exec(Command.of("true").withWorkingDirectory("/no/such")))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("/no/such cannot be entered: ");
        assertThat(text(exec(Command.of("env").withEnvironment(Map.of("UID", "77", "SHLVL", "9"))))
                        .lines())
                .contains("UID=77", "SHLVL=9")
                .noneMatch(variable -> variable.startsWith("agentvm"));
        assertThat(text(exec(Command.of("id", "-u").withUser("nobody")))).isEqualTo("65534\n");
        fake.shell(Path.of(Scripts.SHELL));
        Files.delete(sh);
    }

    @Test
    void exec_moreArgumentsThanAreReadWell_areStarted() {
        String argument = "x".repeat(10_000);

        assertThat(text(agent.exec(Command.of("printf", "%s", argument)))).isEqualTo(argument);
        assertThat(text(agent.exec(Command.of("cat").withStdin("in".getBytes(StandardCharsets.UTF_8)))))
                .isEqualTo("in");
        awaitShells();
    }

    @Test
    void exec_timeoutAndTooMuchOutput_killAll() {
        Command child = Command.shell("cd " + temporary + "; sh -c 'echo $$ >child; sleep 1000' & wait");

        assertThatThrownBy(() -> agent.exec(child.withTimeout(Duration.ofMillis(700))))
                .isInstanceOf(CommandTimeoutException.class)
                .hasMessageContaining("with all its processes");
        assertThat(PidFile.isAlive(temporary.resolve("child"))).isFalse();
        assertThatThrownBy(() -> agent.exec(Command.of("yes").withOutputLimit(OutputLimit.fail(100_000))))
                .isInstanceOf(OutputLimitException.class)
                .hasMessageContaining("it was killed");
        agent.exec(Command.of("true"));
    }

    @Test
    void exec_workspaceEmptiedOrRemovedMeanwhile_losesNothing() throws IOException {
        Path workspace = fake.workspace();
        try (Stream<Path> files = Files.list(workspace)) {
            files.forEach(file -> file.toFile().delete());
        }
        assertThat(text(agent.exec(Command.of("echo", "emptied")))).isEqualTo("emptied\n");

        try (Stream<Path> files = Files.list(workspace)) {
            files.forEach(file -> file.toFile().delete());
        }
        Files.delete(workspace);
        assertThat(text(agent.exec(Command.of("echo", "removed")))).isEqualTo("removed\n");
    }

    @Test
    void exec_shellsKilledMeanwhile_isStarted() throws IOException {
        processes(fake.workspace()).forEach(ProcessHandle::destroyForcibly);
        Awaitility.await().until(() -> processes(fake.workspace()).findAny().isEmpty());

        assertThat(text(agent.exec(Command.of("echo", "still")))).isEqualTo("still\n");
        awaitShells();
    }

    @Test
    void exec_agentHasStartedAnew_isStarted() {
        List<ProcessHandle> before = processes(fake.workspace()).toList();
        assertThat(before).hasSize(MOST);
        fake.startAnew();

        assertThat(text(agent.exec(Command.of("echo", "still")))).isEqualTo("still\n");

        agent.release();
        Awaitility.await().until(() -> before.stream().noneMatch(ProcessHandle::isAlive));
    }

    /** Shells that wait there. */
    private static Stream<ProcessHandle> processes(Path workspace) {
        return ProcessHandle.current()
                .children()
                .filter(process -> process.info().arguments().stream()
                        .flatMap(Stream::of)
                        .anyMatch(argument -> argument.contains(workspace + "/")));
    }

    @Test
    void exec_deliveryThatIsAnsweredTooLate_isKilled() {
        fake.delay("guest-file-flush");

        assertThatThrownBy(() -> agent.exec(Command.shell("cd " + temporary + "; echo $$ >late; sleep 1000")
                        .withTimeout(Duration.ofSeconds(1))))
                .isInstanceOf(GuestAgentException.class);

        Awaitility.await()
                .untilAsserted(() ->
                        assertThat(PidFile.isAlive(temporary.resolve("late"))).isFalse());
        assertThat(text(agent.exec(Command.of("echo", "next")))).isEqualTo("next\n");
    }

    /** As when the VM is paused just then: the agent keeps what it was handed until the file is closed. */
    @Test
    void exec_deliveryThatIsBrokenOff_neverRuns() {
        List<ProcessHandle> before = processes(fake.workspace()).toList();
        AtomicBoolean still = new AtomicBoolean(true);
        fake.standStillWhile(still, "guest-file-flush");

        assertThatThrownBy(() -> agent.exec(Command.shell("echo ran >" + temporary + "/ran")))
                .isInstanceOf(GuestAgentException.class);

        still.set(false);
        Awaitility.await().untilAsserted(() -> {
            assertThat(before).filteredOn(ProcessHandle::isAlive).hasSize(1);
            assertThat(fake.openFiles()).isEqualTo(3);
        });
        assertThat(temporary.resolve("ran")).doesNotExist();
    }

    @Test
    void exec_refusedAtOnce_leavesNoShell() {
        List<ProcessHandle> before = processes(fake.workspace()).toList();
        AtomicBoolean still = new AtomicBoolean(true);
        fake.standStillWhile(still, "guest-file-write");

        for (int i = 0; i < MOST; i++) {
            assertThatThrownBy(() -> agent.exec(Command.of("true"))).isInstanceOf(GuestAgentException.class);
        }

        still.set(false);
        Awaitility.await().until(() -> before.stream().noneMatch(ProcessHandle::isAlive));
        assertThat(text(agent.exec(Command.of("echo", "on")))).isEqualTo("on\n");
        awaitShells();
    }

    /** The number of a process that is no more may be another's. */
    @Test
    void exec_agentHasStartedAnew_killsNoStranger() throws Exception {
        Process stranger = new ProcessBuilder("setsid", "sleep", "1000").start();
        try {
            AgentCalls calls = new AgentCalls("vm", new AgentQueue("vm", fake, Runnable::run), Duration.ofSeconds(10));
            AgentCalls.Status ended = new ScriptRunner(calls)
                    .run(
                            "Ending",
                            Scripts.END_WAITING,
                            List.of(Long.toString(stranger.pid()), fake.workspace() + "/2"),
                            Duration.ofSeconds(10));

            assertThat(ended.exitCode()).hasValue(0);
            assertThat(stranger.isAlive()).isTrue();
        } finally {
            stranger.destroyForcibly();
        }
    }

    @Test
    void exec_manyAtOnce_allGetTheirOwn() {
        List<String> all = IntStream.range(0, 40)
                .parallel()
                .mapToObj(i -> text(agent.exec(Command.of("echo", Integer.toString(i)))))
                .toList();

        assertThat(all).isEqualTo(IntStream.range(0, 40).mapToObj(i -> i + "\n").toList());
    }

    @Test
    void dismissWaiting_endsThem_andOthersFollow() {
        agent.dismissWaiting();

        Awaitility.await().untilAsserted(() -> {
            assertThat(pipes()).isEmpty();
            assertThat(fake.processes()).isZero();
            assertThat(fake.openFiles()).isZero();
        });
        assertThat(text(agent.exec(Command.of("echo", "on")))).isEqualTo("on\n");
        awaitShells();
    }

    @Test
    void guestWithoutMkfifo_startsEachCommand() throws IOException {
        Path programs = Files.createDirectory(temporary.resolve("bin"));
        for (String program : List.of("setsid", "rm", "mkdir", "echo", "sh")) {
            Files.createSymbolicLink(programs.resolve(program), Path.of("/usr/bin", program));
        }
        fake.environment().put("PATH", programs.toString());
        GuestAgent poor = new GuestAgent("vm", fake, GuestAgent.THREADS, Patience.usual(), MOST);

        for (int i = 0; i < 3; i++) {
            assertThat(text(poor.exec(Command.of("echo", "poor")))).isEqualTo("poor\n");
        }
        Awaitility.await().untilAsserted(() -> assertThat(fake.processes()).isEqualTo(MOST));
        poor.release();
    }
}
