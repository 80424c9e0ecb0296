package dev.agentvm.libvirt.internal.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExecResult;
import dev.agentvm.ExitStatus;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.OutputLimit;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Started commands, with an agent whose guest is this machine, so that the scripts really run. */
@Timeout(60)
class GuestProcessTest {
    private final FakeAgent fake = new FakeAgent();
    private final GuestAgent agent = new GuestAgent("vm", fake, GuestAgent.THREADS, Patience.usual(), 0);

    @TempDir
    Path temporary;

    @AfterEach
    void leaveNothing() {
        fake.close();
    }

    private VMProcess start(Command command) {
        return agent.start(command, UnaryOperator.identity());
    }

    private VMProcess start(String script) {
        return start(Command.shell(script));
    }

    private static String text(java.io.InputStream stream) throws IOException {
        return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    }

    @Test
    void start_output_isReadWhileTheCommandRuns() throws IOException {
        try (VMProcess process = start("echo begun; echo aside >&2; read -r line; echo \"got $line\"; exit 3")) {
            assertThat(process.stdoutReader().readLine()).isEqualTo("begun");
            assertThat(process.stderrReader().readLine()).isEqualTo("aside");
            assertThat(process.isAlive()).isTrue();

            process.stdin().write("it\n".getBytes(StandardCharsets.UTF_8));

            assertThat(text(process.stdout())).isEqualTo("got it\n");
            assertThat(process.waitFor().exitCode()).hasValue(3);
        }
    }

    @Test
    void start_agentHasStartedAnewSinceTheLast_isHeard() throws IOException {
        try (VMProcess process = start("echo before")) {
            assertThat(text(process.stdout())).isEqualTo("before\n");
            assertThat(process.waitFor().success()).isTrue();
        }

        fake.startAnew();

        try (VMProcess process = start("echo after")) {
            assertThat(text(process.stdout())).isEqualTo("after\n");
            assertThat(process.waitFor().success()).isTrue();
        }
    }

    @Test
    void start_everythingAtOnce_arrivesAsItIs() throws IOException {
        String odd = "it's \"$HOME\" `id`\n$(id) \\ ü *";
        Command command = new Command.Builder()
                .addArgv("sh", "-c", "pwd; printf '[%s]' \"$1\" \"$A\"; cat", "sh", odd)
                .putEnvironment("A", odd)
                .workingDirectory(temporary.toString())
                .build()
                .withStdinText("first, ");

        try (VMProcess process = start(command)) {
            process.stdin().write("then".getBytes(StandardCharsets.UTF_8));
            process.stdin().close();

            assertThat(text(process.stdout())).isEqualTo(temporary + "\n[" + odd + "][" + odd + "]first, then");
            assertThat(process.waitFor().success()).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 65_535, 65_536, 65_537, 524_288, 524_289, 5_000_000})
    void start_bytes_goBothWaysUnchanged(int size) throws Exception {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        try (VMProcess process = start(Command.of("cat"))) {
            CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> {
                try {
                    process.stdin().write(bytes);
                    process.stdin().close();
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
            });

            assertThat(Arrays.mismatch(process.stdout().readAllBytes(), bytes)).isEqualTo(-1);
            writer.get(10, TimeUnit.SECONDS);
            assertThat(process.waitFor().exitCode()).hasValue(0);
        }
    }

    @Test
    void start_manyLines_areAllThere() throws IOException {
        try (VMProcess process = start("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; done; echo end >&2")) {
            assertThat(process.stdoutReader().lines()).hasSize(3000).last().isEqualTo("3000");
            assertThat(text(process.stderr())).isEqualTo("end\n");
        }
    }

    static Stream<Path> shells() {
        return GuestAgentTest.shells();
    }

    @ParameterizedTest
    @MethodSource("shells")
    void start_whateverTheGuestsShellIs_worksAlike(Path shell) throws IOException {
        Path sh = Files.createSymbolicLink(
                Files.createDirectory(temporary.resolve("bin")).resolve("sh"), shell);
        fake.shell(sh);
        try (VMProcess process = start(Command.of("cat").withStdin(new byte[600_000]))) {
            process.stdin().close();
            assertThat(process.stdout().readAllBytes()).isEqualTo(new byte[600_000]);
            assertThat(process.waitFor().success()).isTrue();
        }
        try (VMProcess process = start("echo out; kill -2 $$")) {
            assertThat(process.waitFor().signal()).hasValue(2);
        }
        try (VMProcess process = start("exit 126")) {
            assertThat(process.waitFor().exitCode()).hasValue(126);
        }
        assertThatThrownBy(() -> start(Command.of("nope"))).isInstanceOf(CommandStartException.class);
        assertThatThrownBy(() -> start(Command.of("true").withWorkingDirectory("/no/such")))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("/no/such cannot be entered: ");
        Files.delete(sh);
    }

    @Test
    void start_user_isWhoItRunsAs() throws IOException {
        try (VMProcess process = start(
                Command.shell("id -u; echo $USER >/dev/stdout; kill -9 $$").withUser("nobody"))) {
            assertThat(text(process.stdout())).isEqualTo("65534\nnobody\n");
            assertThat(process.waitFor().signal()).hasValue(9);
        }
        assertThatThrownBy(() -> start(Command.of("true").withUser("no-such-user")))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("has no user no-such-user");
    }

    @Test
    void start_nothingToRun_saysWhat() {
        assertThatThrownBy(() -> start(Command.of("no-such-program")))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("no program no-such-program")
                .hasMessageContaining("its PATH is ");
        assertThatThrownBy(() -> start(Command.of("nope").withEnvironment(Map.of("UID", "1"))))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("no program nope");
        assertThatThrownBy(() -> start(Command.of("/etc/passwd"))).isInstanceOf(CommandStartException.class);
        assertThatThrownBy(() -> start(Command.of("true").withWorkingDirectory("/no/such")))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("working directory /no/such cannot be entered: ");
    }

    @Test
    void start_fileThatIsNoProgram_failsSo() throws IOException {
        Path program = Files.writeString(temporary.resolve("odd"), "#!/no/such/interpreter\n");
        assertThat(program.toFile().setExecutable(true)).isTrue();

        try (VMProcess process = start(Command.of(program.toString()))) {
            ExitStatus status = process.waitFor();

            assertThat(status.failure()).containsInstanceOf(CommandStartException.class);
        }
    }

    @Test
    void start_closedInput_isSeenByWhoWrites() throws IOException {
        try (VMProcess process = start("exec <&-; echo closed; sleep 1000")) {
            assertThat(process.stdoutReader().readLine()).isEqualTo("closed");

            assertThatThrownBy(() -> {
                        while (true) {
                            process.stdin().write(new byte[100_000]);
                        }
                    })
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("closed its standard input");
            assertThat(process.isAlive()).isTrue();
        }
    }

    @Test
    void start_inputThatNobodyReads_holdsUpTheWriterAlone() throws Exception {
        try (VMProcess process = start("echo begun; sleep 1000")) {
            CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> {
                try {
                    process.stdin().write(new byte[4_000_000]);
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
            });
            assertThat(process.stdoutReader().readLine()).isEqualTo("begun");
            Thread.sleep(500);
            assertThat(writer).isNotDone();
            assertThat(agent.exec(Command.of("echo", "alive")).stdoutText()).isEqualTo("alive\n");

            process.kill();

            assertThatThrownBy(() -> writer.get(10, TimeUnit.SECONDS)).hasRootCauseInstanceOf(IOException.class);
        }
    }

    @Test
    void start_outputThatNobodyReads_isBoundedInTheGuestAndHoldsItUp() throws Exception {
        try (VMProcess process = start("echo $$ >" + temporary + "/pid; exec yes")) {
            Thread.sleep(1500);
            long held = size(workspace());
            assertThat(held).isLessThan(2 * 8 * 65_536 + 10_000).isGreaterThan(100_000);

            byte[] read = process.stdout().readNBytes(20_000_000);

            byte[] expected = "y\n".repeat(10_000_000).getBytes(StandardCharsets.ISO_8859_1);
            assertThat(Arrays.mismatch(read, expected)).isEqualTo(-1);
            assertThat(size(workspace())).isLessThan(2 * 8 * 65_536 + 10_000);
        }
        assertThat(alive("pid")).isFalse();
    }

    @Test
    void start_termIgnored_endsByKill() throws IOException {
        try (VMProcess process = start("trap 'echo caught' TERM; sh -c 'echo $$ >" + temporary
                + "/child; exec sleep 1000' &" + " echo ready; while :; do sleep 0.1; done")) {
            assertThat(process.stdoutReader().readLine()).isEqualTo("ready");
            process.signal(15);
            assertThat(process.waitFor(Duration.ofMillis(500))).isEmpty();

            process.kill();

            assertThat(process.waitFor().signal()).hasValue(9);
            assertThat(alive("child")).isFalse();
        }
    }

    @Test
    void waitFor_longerThanNanosecondsCount_waits() {
        try (VMProcess process = start("exit 3")) {
            assertThat(process.waitFor(Duration.ofDays(1_000_000)).orElseThrow().exitCode())
                    .hasValue(3);
        }
    }

    @Test
    void start_signal_reachesTheGroup() throws IOException {
        try (VMProcess process =
                start("sh -c 'echo $$ >" + temporary + "/child; exec sleep 1000' & echo ready; wait; :")) {
            assertThat(process.stdoutReader().readLine()).isEqualTo("ready");
            Awaitility.await().until(() -> alive("child"));

            process.signal(15);

            assertThat(process.waitFor().signal()).hasValue(15);
            Awaitility.await().until(() -> !alive("child"));
        }
    }

    @Test
    void start_timeout_killsAndSaysSo() throws IOException {
        Command command = Command.shell("echo $$ >" + temporary + "/pid; echo begun; trap '' TERM; sleep 1000")
                .withTimeout(Duration.ofMillis(700));
        try (VMProcess process = start(command)) {
            assertThat(process.waitFor().failure().orElseThrow())
                    .isInstanceOf(CommandTimeoutException.class)
                    .hasMessageContaining("timeout of PT0.7S; it was killed, with all its processes");
            assertThat(text(process.stdout())).isEqualTo("begun\n");
            assertThat(alive("pid")).isFalse();
        }
    }

    @Test
    void start_childThatOutlivesItWithOutputOpen_holdsNothingUpAndLivesOn() throws Exception {
        try (VMProcess process = start("sh -c 'echo $$ >" + temporary
                + "/child; while :; do echo late; sleep 0.2; done' & sleep 0.3; head -c 100000 /dev/zero")) {
            String seen = text(process.stdout());

            assertThat(seen.replace("late\n", "")).isEqualTo("\0".repeat(100_000));
            assertThat(process.waitFor().success()).isTrue();
        }
        Thread.sleep(1500);
        assertThat(alive("child")).isTrue();
        assertThat(process("child").destroyForcibly()).isTrue();
    }

    @Test
    void start_manyAtOnce_allMakeProgress() throws IOException {
        List<VMProcess> processes = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            processes.add(start(Command.of("cat")));
        }
        for (int i = 0; i < 30; i++) {
            processes.get(i).stdin().write(("number " + i + "\n").getBytes(StandardCharsets.UTF_8));
        }
        for (int i = 0; i < 30; i++) {
            assertThat(processes.get(i).stdoutReader().readLine()).isEqualTo("number " + i);
            processes.get(i).close();
        }
    }

    @Test
    void start_manyByManyThreads_areAllHeard() throws Exception {
        List<CompletableFuture<String>> all = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            String word = "number " + i;
            all.add(CompletableFuture.supplyAsync(
                    () -> {
                        try (VMProcess process = start(Command.of("echo", word))) {
                            return text(process.stdout());
                        } catch (IOException e) {
                            throw new IllegalStateException(e);
                        }
                    },
                    task -> new Thread(task).start()));
        }
        for (int i = 0; i < 40; i++) {
            assertThat(all.get(i).get(30, TimeUnit.SECONDS)).isEqualTo("number " + i + "\n");
        }
    }

    @Test
    void start_over_leavesNothingInTheGuest() throws Exception {
        for (int i = 0; i < 3; i++) {
            try (VMProcess process = start("cat; echo $$; echo x >&2")) {
                process.stdin().write(new byte[10]);
                process.stdin().close();
                assertThat(process.waitFor().success()).isTrue();
            }
        }
        assertThatThrownBy(() -> start(Command.of("nope"))).isInstanceOf(CommandStartException.class);
        start("sleep 1000").close();
        Path workspace = workspace();

        Awaitility.await().untilAsserted(() -> {
            assertThat(list(workspace)).containsOnly("events", "events.0", "streams");
            assertThat(fake.openFiles()).isEqualTo(1);
            assertThat(fake.processes()).isZero();
            assertThat(FakeAgent.helpers(workspace)).isEmpty();
        });
        agent.release();
        assertThat(workspace).doesNotExist();
        Awaitility.await().until(() -> fake.openFiles() == 0);
    }

    @Test
    void start_vmGone_isToldToAllWithinASecond() throws Exception {
        VMProcess process = start("echo $$ >" + temporary + "/pid; exec sleep 1000");
        CompletableFuture<ExitStatus> waiter = CompletableFuture.supplyAsync(process::waitFor);
        CompletableFuture<Integer> reader = CompletableFuture.supplyAsync(() -> {
            try {
                return process.stdout().read();
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });
        Awaitility.await().until(() -> alive("pid"));

        agent.fail(new VMDestroyedException("taken by a restart", FailureContext.of("watch")));

        assertThat(waiter.get(1, TimeUnit.SECONDS).failure()).containsInstanceOf(VMDestroyedException.class);
        assertThatThrownBy(() -> reader.get(1, TimeUnit.SECONDS)).hasRootCauseInstanceOf(VMDestroyedException.class);
        assertThatThrownBy(() -> process.stdin().write(new byte[1_000_000])).isInstanceOf(IOException.class);
        assertThatThrownBy(() -> start("true")).isInstanceOf(VMDestroyedException.class);
        process.close();
        assertThat(process("pid").destroyForcibly()).isTrue();
    }

    @Test
    void start_agentThatForgetsTheProcess_saysThatItIsLostAndKillsIt() throws Exception {
        VMProcess process = start("echo $$ >" + temporary + "/pid; exec sleep 1000");
        Awaitility.await().until(() -> alive("pid"));

        forgetProcesses();

        assertThat(process.waitFor().failure().orElseThrow())
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("was lost")
                .hasMessageContaining("Invalid parameter 'pid'");
        Awaitility.await().until(() -> !alive("pid"));
        assertThatThrownBy(() -> process.stdout().read()).hasCauseInstanceOf(GuestAgentException.class);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "1 garbage",
                "1 o + 7 1",
                "1 o . 9 1",
                "1 x + 1",
                "1 i + 5",
                "1 o + 1 99999999999999999999",
                "1 o"
            })
    void start_eventsThatMakeNoSense_loseTheirCommandInWords(String event) throws Exception {
        VMProcess process = start("echo $$ >" + temporary + "/pid; exec sleep 1000");
        VMProcess other = start(Command.of("cat"));
        Awaitility.await().until(() -> alive("pid"));

        tell(event + "\n");

        assertThat(process.waitFor().failure().orElseThrow())
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("what cannot be understood");
        Awaitility.await().until(() -> !alive("pid"));
        other.stdin().write("still there\n".getBytes(StandardCharsets.UTF_8));
        assertThat(other.stdoutReader().readLine()).isEqualTo("still there");
        other.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"garbage\n", "\0\n", "99999999999999999999 b\n", "7 o + 0 1\n", "\n"})
    void start_linesOfNoCommand_harmNone(String line) throws Exception {
        try (VMProcess process = start(Command.of("cat"))) {
            tell(line.repeat(5));

            process.stdin().write("still there\n".getBytes(StandardCharsets.UTF_8));
            assertThat(process.stdoutReader().readLine()).isEqualTo("still there");
        }
    }

    @Test
    void start_endlessLineOfEvents_isNotKept() throws Exception {
        try (VMProcess process = start(Command.of("cat"))) {
            tell("x".repeat(10_000_000) + "\n");

            process.stdin().write("still there\n".getBytes(StandardCharsets.UTF_8));
            assertThat(process.stdoutReader().readLine()).isEqualTo("still there");
        }
    }

    @Test
    void start_floodOfEvents_makesNoMoreCallsThanSilence() throws Exception {
        try (VMProcess process = start(Command.of("cat"))) {
            assertThat(process.isAlive()).isTrue();
            int before = fake.calls().size();
            long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(1);
            while (System.nanoTime() - until < 0) {
                tell("999 o + 0 1\n".repeat(100));
            }

            assertThat(fake.calls().size() - before).isLessThan(100);
        }
    }

    @Test
    void start_eventsFileThatHasBecomeLong_isLeftForTheNext() throws Exception {
        try (VMProcess process = start(Command.of("cat"))) {
            tell("999 o + 0 1\n".repeat(30_000));

            Awaitility.await()
                    .atMost(Duration.ofSeconds(30))
                    .until(() -> Files.readString(workspace().resolve("events")).equals("1\n"));

            for (String line : List.of("one", "two")) {
                process.stdin().write((line + "\n").getBytes(StandardCharsets.UTF_8));
                assertThat(process.stdoutReader().readLine()).isEqualTo(line);
            }
            assertThat(Files.size(workspace().resolve("events.1"))).isPositive();
            try (VMProcess next = start("echo next")) {
                assertThat(text(next.stdout())).isEqualTo("next\n");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"return\": {\"count\": 5, \"buf-b64\": \"aGk=\", \"eof\": true}}",
                "{\"return\": {\"count\": 99999999, \"buf-b64\": \"aGk=\", \"eof\": true}}",
                "[[[[[[[[[[[[[[[[[[[[",
                ""
            })
    void start_repliesThatMakeNoSense_loseTheCommandInWords(String reply) throws Exception {
        VMProcess process = start("echo $$ >" + temporary + "/pid; exec sleep 1000");
        Awaitility.await().until(() -> alive("pid"));

        fake.distort("guest-file-read", real -> reply);

        assertThat(process.waitFor().failure().orElseThrow())
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("answered guest-file-read with what cannot be understood");
        Awaitility.await().until(() -> !alive("pid"));
    }

    /** So that a line costs the guest no program. */
    @Test
    void start_manyPieces_areMovedByPerl() throws IOException {
        try (VMProcess process = start("while read -r line; do echo \"$line\"; done")) {
            echo(process, 5);

            assertThat(perls()).hasSize(1);

            echo(process, 100);
            process.stdin().close();
            assertThat(text(process.stdout())).isEmpty();
            assertThat(process.waitFor().success()).isTrue();
        }
        Awaitility.await().untilAsserted(() -> assertThat(perls()).isEmpty());
    }

    @Test
    void start_guestWithoutPerl_losesNothing() throws IOException {
        guestHasOnly("mkdir", "rm", "sleep", "sh", "setsid", "cat", "mkfifo", "dd", "head");
        try (VMProcess process = start("while read -r line; do echo \"$line\"; done; head -c 1500000 /dev/zero")) {
            echo(process, 30);
            assertThat(perls()).isEmpty();
            process.stdin().close();

            assertThat(process.stdout().readAllBytes()).isEqualTo(new byte[1_500_000]);
            assertThat(process.waitFor().success()).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 42, 127})
    void start_guestsPerlDoesNothing_losesNothing(int code) throws IOException {
        Path bin = guestHasOnly("mkdir", "rm", "sleep", "sh", "setsid", "cat", "mkfifo", "dd");
        Files.writeString(bin.resolve("perl"), "#!/bin/sh\nexit " + code + "\n");
        assertThat(bin.resolve("perl").toFile().setExecutable(true)).isTrue();
        try (VMProcess process = start("while read -r line; do echo \"$line\"; done")) {
            echo(process, 9);
        }
    }

    @Test
    void start_perlKilled_isSaid() throws IOException {
        try (VMProcess process = start("while read -r line; do echo \"$line\"; done")) {
            echo(process, 9);
            perls().forEach(ProcessHandle::destroyForcibly);

            assertThatThrownBy(() -> echo(process, 9))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("what moves them was killed");
        }
    }

    /** So that a line that is told does not cost its reader many calls. */
    @Test
    void start_manyQuickLines_areToldTogether() throws IOException {
        try (VMProcess process = start("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $i; done")) {
            assertThat(process.stdoutReader().lines()).hasSize(20_000).last().isEqualTo("20000");
        }
        assertThat(fake.calls().stream().filter("guest-file-read"::equals)).hasSizeLessThan(300);
    }

    private static void echo(VMProcess process, int lines) throws IOException {
        for (int i = 0; i < lines; i++) {
            process.stdin().write((i + "\n").getBytes(StandardCharsets.UTF_8));
            assertThat(process.stdoutReader().readLine()).isEqualTo(Integer.toString(i));
        }
    }

    private Stream<ProcessHandle> perls() {
        return FakeAgent.helpers(workspace())
                .filter(process -> process.info()
                        .command()
                        .filter(command -> command.endsWith("/perl"))
                        .isPresent());
    }

    private Path guestHasOnly(String... programs) throws IOException {
        Path bin = Files.createDirectory(temporary.resolve("bin"));
        for (String program : programs) {
            Files.createSymbolicLink(bin.resolve(program), Path.of("/usr/bin/" + program));
        }
        fake.environment().put("PATH", bin.toString());
        return bin;
    }

    @Test
    void start_guestWithoutItsPrograms_namesThem() throws IOException {
        guestHasOnly("mkdir", "rm", "sleep", "sh", "setsid", "cat");

        assertThatThrownBy(() -> start("true"))
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("lacks programs")
                .hasMessageContaining("mkfifo, dd");
    }

    @Test
    void start_workspaceRemovedInTheGuest_isMadeAnew() throws IOException {
        try (VMProcess process = start("true")) {
            assertThat(process.waitFor().success()).isTrue();
        }
        Path old = workspace();
        try (Stream<Path> files = Files.list(old)) {
            files.forEach(file -> assertThat(file.toFile().delete()).isTrue());
        }
        Files.delete(old);

        try (VMProcess process = start("echo again")) {
            assertThat(text(process.stdout())).isEqualTo("again\n");
        }
    }

    @Test
    void start_workspaceRemovedBeforeTheFirst_isMadeAnew() throws IOException {
        assertThat(agent.exec(Command.of("true")).success()).isTrue();
        remove(workspace());

        try (VMProcess process = start("echo first")) {
            assertThat(text(process.stdout())).isEqualTo("first\n");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"streams", "events", "events.0"})
    void start_fileOfTheWorkspaceRemoved_isMadeAnew(String file) throws IOException {
        try (VMProcess other = start(Command.of("cat"))) {
            Files.delete(workspace().resolve(file));

            try (VMProcess process = start("echo again")) {
                assertThat(text(process.stdout())).isEqualTo("again\n");
            }
            assertThat(other.isAlive()).isTrue();
        }
    }

    @Test
    void start_workspaceRemovedUnderMany_startsThemAll() throws Exception {
        assertThat(start("true").waitFor().success()).isTrue();
        for (int round = 0; round < 3; round++) {
            for (Path directory : fake.workspaces()) {
                if (Files.isDirectory(directory)) {
                    remove(directory);
                }
            }
            List<CompletableFuture<Boolean>> all = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                boolean streaming = i % 2 == 0;
                all.add(CompletableFuture.supplyAsync(
                        () -> streaming
                                ? start("true").waitFor().success()
                                : agent.exec(Command.of("true")).success(),
                        task -> new Thread(task).start()));
            }
            for (CompletableFuture<Boolean> each : all) {
                assertThat(each.get(20, TimeUnit.SECONDS)).isTrue();
            }
        }
        Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(() ->
                        fake.workspaces().stream().filter(Files::isDirectory).count() <= 1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "guest-file-open",
                "guest-file-read",
                "guest-file-seek",
                "guest-file-write",
                "guest-file-flush",
                "guest-file-close",
                "guest-exec-status"
            })
    void start_answersThatComeTooLate_loseNothingAndRepeatNothing(String call) throws Exception {
        byte[] bytes = new byte[3_000_000];
        new Random(3).nextBytes(bytes);
        try (VMProcess process = start("cat; exit 3")) {
            fake.delayOften(call);
            CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> {
                try {
                    process.stdin().write(bytes);
                    process.stdin().close();
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
            });

            assertThat(Arrays.mismatch(process.stdout().readAllBytes(), bytes)).isEqualTo(-1);
            writer.get(10, TimeUnit.SECONDS);
            assertThat(process.waitFor().exitCode()).hasValue(3);
        }
        fake.delayOften("");
        Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(fake.openFiles()).isEqualTo(1));
    }

    @Test
    void start_processLeftThatWritesOn_doesNotHoldUpTheEndOfItsOutput() throws Exception {
        VMProcess process = start(chatty());

        CompletableFuture<String> output = CompletableFuture.supplyAsync(() -> {
            try {
                return text(process.stdout());
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });

        assertThat(output.get(10, TimeUnit.SECONDS)).contains("early\n");
        assertThat(process.waitFor().exitCode()).hasValue(0);
        assertThat(process("child").destroyForcibly()).isTrue();
    }

    @Test
    void close_processLeftThatWritesOn_isNotWatched() throws Exception {
        VMProcess process = start(chatty());
        assertThat(process.waitFor().exitCode()).hasValue(0);

        process.close();

        Awaitility.await().until(() -> list(workspace()).stream().noneMatch(name -> name.startsWith("1.")));
        int before = fake.calls().size();
        Thread.sleep(500);
        assertThat(fake.calls().size() - before).isLessThan(5);
        assertThat(process("child").destroyForcibly()).isTrue();
    }

    @Test
    void exec_endsKeptOfProcessLeftThatWritesOn_isOverSoon() {
        Command command = Command.shell("timeout 20 yes & echo early").withTimeout(Duration.ofSeconds(2));

        ExecResult result = agent.exec(command.withOutputLimit(OutputLimit.keepEnds(1000)));

        assertThat(result.exitCode()).hasValue(0);
        assertThat(result.duration()).isLessThan(Duration.ofSeconds(15));
    }

    /** As a hostile guest does: it takes no mark, and its outputs go on. */
    @Test
    void start_outputThatDoesNotEnd_isGivenUpInTime() throws Exception {
        GuestAgent impatient =
                new GuestAgent("vm", fake, GuestAgent.THREADS, Patience.usual().withEnding(Duration.ofSeconds(2)), 0);
        try (VMProcess first = impatient.start(Command.of("true"), UnaryOperator.identity())) {
            assertThat(first.waitFor().success()).isTrue();
        }
        String left = "(while :; do echo x; sleep 0.1; done) & echo $! >" + temporary + "/left";
        try (VMProcess process = impatient.start(
                Command.shell("exec 3>&1; " + left + "; rm -f " + workspace() + "/2.[oe]; echo early"),
                UnaryOperator.identity())) {
            assertThat(process.waitFor().exitCode()).hasValue(0);

            assertThatThrownBy(() -> process.stdout().readAllBytes())
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("the end of its output did not come");
        } finally {
            process("left").destroyForcibly();
        }
    }

    @Test
    void onExit_callbackThatReads_holdsNobodyUp() throws Exception {
        // A little more than is buffered here, so that somebody must take it on while the callback reads. Much more
        // might hold the command up before its end: of the files in the guest only the number of pieces is known.
        int size = OutputBuffer.CAPACITY + 10_000;
        VMProcess process = start("sleep 0.3; head -c " + size + " /dev/zero");

        CompletableFuture<Integer> read = process.onExit().thenApply(status -> {
            try {
                return process.stdout().readAllBytes().length;
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });

        byte[] begin = process.stdout().readNBytes(1);
        assertThat(read.get(20, TimeUnit.SECONDS) + begin.length).isEqualTo(size);
        assertThat(process.onExit()).isCompleted();
    }

    @Test
    void start_failureThatCannotBeExplained_isToldAsItIs() {
        AgentVMException noAnswer = new OperationTimeoutException("libvirt is silent", FailureContext.of("state"));
        VMProcess process = agent.start(Command.of("sleep", "1000"), failure -> {
            throw noAnswer;
        });

        forgetProcesses();

        assertThat(process.waitFor().failure().orElseThrow())
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("was lost")
                .satisfies(failure -> assertThat(failure.getSuppressed()).containsExactly(noAnswer));
    }

    @ParameterizedTest
    @MethodSource("shortFailures")
    void start_failureThatPasses_losesNothing(AgentVMException failure) throws Exception {
        AtomicBoolean failing = new AtomicBoolean();
        fake.distort("guest-file-read", real -> {
            if (failing.get()) {
                throw failure;
            }
            return real;
        });
        try (VMProcess process = start(Command.of("cat"))) {
            failing.set(true);
            Thread.sleep(1000);
            failing.set(false);

            process.stdin().write("still there\n".getBytes(StandardCharsets.UTF_8));
            assertThat(process.stdoutReader().readLine()).isEqualTo("still there");
        }
    }

    @Test
    void start_guestStandsStillForLongerThanItMayBeSilent_losesNothing() throws Exception {
        AtomicBoolean still = new AtomicBoolean();
        fake.standStillWhile(still, "guest-file-read");
        GuestAgent quick =
                new GuestAgent("vm", fake, GuestAgent.THREADS, Patience.usual().withSilence(Duration.ofMillis(300)), 0);
        try (VMProcess process = quick.start(Command.of("cat"), UnaryOperator.identity())) {
            still.set(true);
            Thread.sleep(1000);
            still.set(false);

            process.stdin().write("still there\n".getBytes(StandardCharsets.UTF_8));
            assertThat(process.stdoutReader().readLine()).isEqualTo("still there");
        }
    }

    static Stream<AgentVMException> shortFailures() {
        FailureContext context = FailureContext.of("agent");
        return Stream.of(
                new HypervisorUnavailableException("libvirtd is restarted", context),
                new AgentVMException("RESOURCE_BUSY", context.retryable(true)),
                new AgentVMException("something new", context),
                new GuestAgentException("domain is not running", context.retryable(true)));
    }

    @Test
    void kill_ofWhatIsLost_stillKills() throws Exception {
        AtomicBoolean failing = new AtomicBoolean();
        fake.distort("guest-file-read", real -> {
            if (failing.get()) {
                throw new HypervisorUnavailableException("libvirtd is gone", FailureContext.of("agent"));
            }
            return real;
        });
        GuestAgent impatient =
                new GuestAgent("vm", fake, GuestAgent.THREADS, Patience.usual().withSilence(Duration.ofSeconds(1)), 0);
        VMProcess process = impatient.start(
                Command.shell("echo $$ >" + temporary + "/pid; exec sleep 1000"), UnaryOperator.identity());
        Awaitility.await().until(() -> alive("pid"));
        fake.block(Set.of("guest-exec"));
        failing.set(true);
        assertThat(process.waitFor().failure()).containsInstanceOf(HypervisorUnavailableException.class);
        assertThat(alive("pid")).isTrue();

        fake.block(Set.of());
        process.kill();

        assertThat(alive("pid")).isFalse();
        process.close();
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() -> FakeAgent.helpers(workspace()).findAny().isEmpty());
    }

    @Test
    void kill_processesThatAreLeft_areNotPassedOver() {
        try (VMProcess process = start("trap '' TERM; while :; do sleep 0.1; done")) {
            fake.distort("guest-exec-status", real -> real.replace("\"exitcode\": 0", "\"exitcode\": 1"));

            assertThatThrownBy(() -> process.signal(15))
                    .isInstanceOf(GuestAgentException.class)
                    .hasMessageContaining("Signal 15 was not sent");
            assertThatThrownBy(process::kill)
                    .isInstanceOf(GuestAgentException.class)
                    .hasMessageContaining("some of its processes may be left");
        }
    }

    @Test
    void release_endsWhatWasStarted() throws Exception {
        VMProcess process = start("echo $$ >" + temporary + "/pid; exec sleep 1000");
        Awaitility.await().until(() -> alive("pid"));
        Path workspace = workspace();

        agent.release();

        assertThat(alive("pid")).isFalse();
        assertThat(workspace).doesNotExist();
        assertThat(process.waitFor().failure().orElseThrow())
                .isExactlyInstanceOf(AgentVMException.class)
                .hasMessageContaining("was ended, since the handle on vm that started it was closed; it was killed");
    }

    @Test
    void start_givenUpWhileItsCallIsUnderWay_leavesNothingRunning() throws Exception {
        start("true").close();
        Path workspace = workspace();
        Awaitility.await().until(() -> list(workspace).size() == 3);
        AtomicBoolean once = new AtomicBoolean();
        fake.distort("guest-file-read", real -> once.compareAndSet(false, true) ? "" : real);

        assertThatThrownBy(
                        () -> agent.start(Command.shell("echo $$ >" + temporary + "/pid; exec sleep 1000"), failure -> {
                            sleep(700);
                            return failure;
                        }))
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("was lost");

        assertThat(alive("pid")).isFalse();
        Awaitility.await().untilAsserted(() -> {
            assertThat(list(workspace)).containsOnly("events", "events.0", "streams");
            assertThat(FakeAgent.helpers(workspace)).isEmpty();
        });
    }

    @Test
    void start_callThatIsAnsweredLate_leavesNothingInTheGuest() throws Exception {
        try (VMProcess process = start("true")) {
            assertThat(process.waitFor().success()).isTrue();
        }
        Path workspace = workspace();
        // Until what tidies up behind the first is done, so that it is the second whose call is late.
        Awaitility.await()
                .during(Duration.ofSeconds(1))
                .until(() -> list(workspace).size() == 3 && fake.processes() == 0);
        fake.delay("guest-exec");

        assertThatThrownBy(() -> start("exec sleep 1000")).isInstanceOf(GuestAgentException.class);

        Awaitility.await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
            assertThat(list(workspace)).containsOnly("events", "events.0", "streams");
            assertThat(FakeAgent.helpers(workspace)).isEmpty();
            assertThat(fake.processes()).isZero();
        });
    }

    @Test
    void start_overWhenNothingCanBeRemoved_isRemovedLater() throws Exception {
        VMProcess process = start("echo $$ >" + temporary + "/pid; exec sleep 1000");
        Awaitility.await().until(() -> alive("pid"));
        fake.block(Set.of("guest-exec"));
        assertThat(process("pid").destroyForcibly()).isTrue();
        assertThat(process.waitFor().signal()).hasValue(9);
        process.close();
        sleep(1500);
        assertThat(list(workspace())).contains("1.c");

        fake.block(Set.of());

        Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(() -> list(workspace()).stream().noneMatch(name -> name.startsWith("1.")));
    }

    private String chatty() {
        return "(echo $(exec sh -c 'echo $PPID') >" + temporary
                + "/child; while :; do echo x; sleep 0.05; done) & echo early";
    }

    /** As an agent does that was started anew. */
    private void forgetProcesses() {
        fake.distort(
                "guest-exec-status",
                real -> real.contains("false")
                        ? "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Invalid parameter 'pid'\"}}"
                        : real);
    }

    private void tell(String lines) throws IOException {
        Files.writeString(
                workspace().resolve("events.0"), lines, StandardCharsets.ISO_8859_1, StandardOpenOption.APPEND);
    }

    private static void remove(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            files.forEach(file -> file.toFile().delete());
        }
        Files.delete(directory);
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void start_interruptedBefore_startsNothing() {
        Thread.currentThread().interrupt();

        assertThatThrownBy(() -> start("true"))
                .isInstanceOf(AgentVMException.class)
                .hasMessageContaining("not started");
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void exec_endsKept_isTheStartAndTheEndOfEachOutput() {
        Command command = Command.shell("seq 1 200000; seq 1 1000 >&2; exit 7");

        ExecResult result = agent.exec(command.withOutputLimit(OutputLimit.keepEnds(1000)));

        byte[] all = agent.exec(Command.of("seq", "1", "200000")).stdout();
        assertThat(result.exitCode()).hasValue(7);
        assertThat(Arrays.copyOf(result.stdout(), 500)).isEqualTo(Arrays.copyOf(all, 500));
        assertThat(Arrays.copyOfRange(result.stdout(), 500, 1000))
                .isEqualTo(Arrays.copyOfRange(all, all.length - 500, all.length));
        assertThat(result.stdoutOmission()).contains(new ExecResult.Omission(500, all.length - 1000));
        assertThat(result.stderrOmission()).contains(new ExecResult.Omission(500, 2893));
        assertThat(result.stderrText()).endsWith("999\n1000\n");
    }

    @Test
    void exec_endsKeptOfLess_isAll() {
        ExecResult result =
                agent.exec(Command.of("cat").withStdin(new byte[1000]).withOutputLimit(OutputLimit.keepEnds(1000)));

        assertThat(result.stdout()).isEqualTo(new byte[1000]);
        assertThat(result.stdoutOmission()).isEmpty();
        assertThatThrownBy(() -> agent.exec(Command.of("yes")
                        .withTimeout(Duration.ofSeconds(1))
                        .withOutputLimit(OutputLimit.keepEnds(1000))))
                .isInstanceOf(CommandTimeoutException.class);
    }

    private static List<String> list(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }

    private static long size(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(Files::isRegularFile)
                    .filter(file -> file.getFileName().toString().matches("[0-9]+\\.[oe]\\.[0-9]+"))
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        }
    }

    private Path workspace() {
        return fake.workspace();
    }

    private boolean alive(String pidFile) {
        return PidFile.isAlive(temporary.resolve(pidFile));
    }

    private ProcessHandle process(String pidFile) throws IOException {
        return PidFile.process(temporary.resolve(pidFile));
    }
}
