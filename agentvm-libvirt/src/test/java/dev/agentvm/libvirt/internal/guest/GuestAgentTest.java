package dev.agentvm.libvirt.internal.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExecResult;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import dev.agentvm.InvalidValueException;
import dev.agentvm.OutputLimitException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMNotFoundException;
import dev.agentvm.VMProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
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

/** With an agent whose guest is this machine, so that the scripts really run. */
@Timeout(60)
class GuestAgentTest {
    private final FakeAgent fake = new FakeAgent();
    private final GuestAgent agent = new GuestAgent("vm", fake);

    @TempDir
    Path temporary;

    @AfterEach
    void leaveNothing() {
        fake.close();
    }

    private static String text(ExecResult result) {
        assertThat(result.stderrText()).isEmpty();
        assertThat(result.exitCode()).hasValue(0);
        return result.stdoutText();
    }

    private String sh(String script) {
        return text(agent.exec(Command.shell(script)));
    }

    @Test
    void exec_program_runsIt() {
        ExecResult result = agent.exec(Command.shell("echo out; echo err >&2; exit 3"));

        assertThat(result.exitCode()).hasValue(3);
        assertThat(result.signal()).isEmpty();
        assertThat(result.stdoutText()).isEqualTo("out\n");
        assertThat(result.stderrText()).isEqualTo("err\n");
        assertThat(result.duration()).isPositive();
    }

    @Test
    void exec_anyArguments_arriveAsTheyAre() {
        List<String> arguments = List.of(
                "",
                " ",
                "a b",
                "it's",
                "\"q\"",
                "new\nline\n",
                "$HOME",
                "`id`",
                "$(id)",
                "\\",
                "\\n",
                "*",
                "?",
                "~",
                "-n",
                "--",
                "%s",
                "!",
                ";exit 1",
                "&",
                "|",
                ">x",
                "äöü",
                "日本語",
                "\uD83D\uDE00",
                "\t",
                "\u0001\u001b\u007f",
                "\u0081\u0088\u0085",
                "a=b");

        String seen = text(agent.exec(Command.of(
                "printf", Stream.concat(Stream.of("[%s]"), arguments.stream()).toArray(String[]::new))));

        assertThat(seen).isEqualTo("[" + String.join("][", arguments) + "]");
    }

    @Test
    void exec_32KiBOfControlCharacters_arrive() {
        String argument = "\u0001".repeat(Command.MAX_ARGUMENT_BYTES - 100);

        assertThat(text(agent.exec(Command.of("printf", "%s", argument)))).isEqualTo(argument);
    }

    @Test
    void exec_noncharacter_isRefused() {
        assertThatThrownBy(() -> agent.exec(Command.of("echo", "\uffff")))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("noncharacters");
        assertThat(fake.calls()).isEmpty();
    }

    @Test
    void exec_environment_arrivesAsItIs() {
        Map<String, String> environment = Map.of(
                "A",
                "it's \"$HOME\" `id`\n$(id) \\ ü *",
                "n",
                "5",
                "p",
                "x",
                "ENV",
                "production",
                "EMPTY",
                "",
                "LC_ALL",
                "xx_YY");
        Command command = new Command.Builder()
                .addArgv("sh", "-c", "for v in A n p ENV EMPTY LC_ALL; do eval \"printf '%s|' \\\"\\$$v\\\"\"; done")
                .environment(environment)
                .build();

        assertThat(text(agent.exec(command))).isEqualTo("it's \"$HOME\" `id`\n$(id) \\ ü *|5|x|production||xx_YY|");
    }

    @Test
    void exec_environmentThatShellsTreatSpecially_arrivesAsItIs() {
        Command command = new Command.Builder()
                .addArgv("env")
                .environment(
                        Map.of("UID", "77", "OPTIND", "abc", "IFS", "x", "SHLVL", "9", "PWD", "/nowhere", "A", "a b"))
                .build();

        assertThat(text(agent.exec(command)).lines())
                .contains("UID=77", "OPTIND=abc", "IFS=x", "SHLVL=9", "PWD=/nowhere", "A=a b");
    }

    @Test
    void exec_environment_addsToTheGuests() {
        fake.environment().put("GIVEN", "yes");

        Command command = Command.shell("echo $GIVEN $MORE").withEnvironment(Map.of("MORE", "too"));

        assertThat(text(agent.exec(command))).isEqualTo("yes too\n");
    }

    @Test
    void exec_pathInEnvironment_findsTheProgramThere() throws IOException {
        Path program = Files.writeString(temporary.resolve("mine"), "#!/bin/sh\necho mine\n");
        assertThat(program.toFile().setExecutable(true)).isTrue();

        Command command = Command.of("mine").withEnvironment(Map.of("PATH", temporary + ":/bin:/usr/bin"));

        assertThat(text(agent.exec(command))).isEqualTo("mine\n");
    }

    @Test
    void exec_workingDirectory_startsThere() throws IOException {
        Path directory = Files.createDirectory(temporary.resolve("a b'$x\n-ü"));
        Command command = new Command.Builder()
                .addArgv("pwd")
                .workingDirectory(directory.toString())
                .putEnvironment("A", "b")
                .build();

        assertThat(text(agent.exec(command))).isEqualTo(directory + "\n");
    }

    @Test
    void exec_user_isWhoItRunsAs() {
        Command command = new Command.Builder()
                .addArgv("sh", "-c", "id -u; id -G; echo $HOME $USER $LOGNAME $A; echo told >/dev/stderr; kill -9 $$")
                .user("nobody")
                .putEnvironment("A", "b")
                .putEnvironment("HOME", "/tmp")
                .build();

        for (Command each : List.of(command, command.withEnvironment(Map.of("A", "b", "HOME", "/tmp", "SHLVL", "7")))) {
            ExecResult result = agent.exec(each);

            assertThat(result.stdoutText()).isEqualTo("65534\n65534\n/tmp nobody nobody b\n");
            assertThat(result.stderrText()).isEqualTo("told\n");
            assertThat(result.signal()).hasValue(9);
        }
        assertThatThrownBy(() -> agent.exec(command.withUser("no-such-user")))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("has no user no-such-user");
        assertThatThrownBy(() -> agent.exec(command.withUser("r..t")))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("has no user r..t");
    }

    @ParameterizedTest
    @ValueSource(strings = {"nope", "/no/such", "/root/forbidden", "/etc"})
    void exec_userWithProgramThatItCannotRun_saysSo(String program) throws IOException {
        Command command = Command.of(program).withUser("nobody");

        for (Map<String, String> environment : List.of(
                Map.<String, String>of(), Map.of("SHLVL", "7"), Map.of("SHLVL", "7", "PATH", "/usr/bin:/bin"))) {
            assertThatThrownBy(() -> agent.exec(command.withEnvironment(environment)))
                    .isInstanceOf(CommandStartException.class)
                    .hasMessageContaining("has no program " + program + ", or cannot run it");
            assertThatThrownBy(() -> agent.start(command.withEnvironment(environment), UnaryOperator.identity()))
                    .isInstanceOf(CommandStartException.class)
                    .hasMessageContaining("has no program " + program + ", or cannot run it");
        }
    }

    @Test
    void exec_missingWorkingDirectory_saysSo() {
        Command command = new Command.Builder()
                .addArgv("touch", temporary.resolve("run").toString())
                .workingDirectory("/no/such")
                .build();

        assertThatThrownBy(() -> agent.exec(command))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("working directory /no/such cannot be entered: ");
        assertThat(temporary.resolve("run")).doesNotExist();
    }

    @Test
    void exec_missingProgram_namesItAndThePath() {
        assertThatThrownBy(() -> agent.exec(Command.of("no-such-program")))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("no program no-such-program")
                .hasMessageContaining("its PATH is " + System.getenv("PATH"));
        assertThatThrownBy(() -> agent.exec(Command.of("nope").withEnvironment(Map.of("PATH", "/p"))))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("its PATH is /p;");
        assertThatThrownBy(() -> agent.exec(Command.of("/etc/passwd")))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("ermission denied");
        assertThatThrownBy(() -> agent.exec(Command.of("nope").withEnvironment(Map.of("UID", "1"))))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("no program nope");
    }

    @ParameterizedTest
    @ValueSource(ints = {126, 127})
    void exec_programThatReturnsWhatShellsReturnForMissingOnes_isAResult(int code) {
        assertThat(agent.exec(Command.shell("exit " + code)).exitCode()).hasValue(code);
        assertThat(agent.exec(Command.shell("exit " + code).withEnvironment(Map.of("UID", "1")))
                        .exitCode())
                .hasValue(code);
    }

    @Test
    void exec_everyExitCode_isExact() throws Exception {
        List<Integer> codes = inParallel(
                8,
                256,
                code -> agent.exec(Command.shell("exit " + code)).exitCode().getAsInt());

        for (int code = 0; code < 256; code++) {
            assertThat(codes.get(code)).isEqualTo(code);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 6, 9, 13, 15, 31})
    void exec_signal_isExact(int signal) {
        ExecResult result = agent.exec(Command.shell("ulimit -c 0; kill -" + signal + " $$"));

        assertThat(result.signal()).hasValue(signal);
        assertThat(result.exitCode()).isEmpty();
    }

    @Test
    void exec_binaryOutput_isExact() throws IOException {
        byte[] bytes = random(300_001);
        Path file = Files.write(temporary.resolve("bytes"), bytes);

        ExecResult result = agent.exec(Command.shell("cat \"$0\"; cat \"$0\" >&2".replace("$0", file.toString())));

        assertThat(result.stdout()).isEqualTo(bytes);
        assertThat(result.stderr()).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 5 * 1024 * 1024})
    void exec_output_isComplete(int size) throws IOException {
        byte[] bytes = random(size);
        Path file = Files.write(temporary.resolve("bytes"), bytes);

        assertThat(agent.exec(Command.of("cat", file.toString())).stdout()).isEqualTo(bytes);
    }

    @Test
    void exec_outputOverALongTime_isComplete() {
        String seen = sh("i=0; while [ $i -lt 15 ]; do i=$((i+1)); echo $i; sleep 0.1; done");

        assertThat(seen.lines()).hasSize(15).last().isEqualTo("15");
    }

    @Test
    void exec_moreOutputThanTheLimit_killsAndThrows() {
        assertThatThrownBy(() -> agent.exec(Command.shell("echo $$ >" + temporary + "/pid; exec yes")))
                .isInstanceOf(OutputLimitException.class)
                .hasMessageContaining("67108864 bytes")
                .hasMessageContaining("killed, with all its processes");
        assertThat(alive("pid")).isFalse();
    }

    @Test
    void exec_quickCommandWithMoreOutputThanTheLimit_throws() {
        assertThatThrownBy(() -> agent.exec(Command.of("head", "-c", "67108865", "/dev/zero")))
                .isInstanceOf(OutputLimitException.class);
    }

    @Test
    void exec_stdin_isReadToItsEnd() {
        assertThat(text(agent.exec(Command.of("cat").withStdinText("grüße\n")))).isEqualTo("grüße\n");
        assertThat(sh("cat")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {48 * 1024, 48 * 1024 + 1, 1024 * 1024})
    void exec_largeStdin_isExact(int size) {
        byte[] bytes = random(size);

        assertThat(agent.exec(Command.of("cat").withStdin(bytes)).stdout()).isEqualTo(bytes);
    }

    @Test
    void exec_stdinThatNobodyReads_isNoMatter() {
        assertThat(sh("exit 0")).isEmpty();
        assertThat(agent.exec(Command.of("true").withStdin(new byte[1024 * 1024]))
                        .success())
                .isTrue();
        assertThat(agent.exec(Command.of("true").withStdin(new byte[40_000])).success())
                .isTrue();
    }

    @Test
    void exec_timeout_killsChildrenAndGrandchildrenAndThoseWhoLeftTheGroup() {
        Command command = Command.shell("cd " + temporary
                        + "; echo started; echo warned >&2; trap '' TERM INT HUP"
                        + "; sh -c 'echo $$ >child; sh -c \"echo \\$\\$ >grandchild; exec sleep 1000\" & exec sleep 1000' &"
                        + " setsid sh -c 'echo $$ >apart; sleep 1000'")
                .withTimeout(Duration.ofMillis(700));

        assertThatThrownBy(() -> agent.exec(command))
                .isInstanceOf(CommandTimeoutException.class)
                .hasMessageContaining("timeout of PT0.7S; it was killed, with all its processes except daemons")
                .hasMessageContaining("its standard output ends: started")
                .hasMessageContaining("its standard error ends: warned");

        assertThat(alive("child")).isFalse();
        assertThat(alive("grandchild")).isFalse();
        assertThat(alive("apart")).isFalse();
    }

    @Test
    void exec_timeoutOfWhatMadeADaemon_leavesItAndSaysSo() throws IOException {
        Command command = Command.shell("cd " + temporary
                        + "; setsid sh -c 'sleep 1000 & echo $! >daemon'; until [ -s daemon ]; do :; done; sleep 1000")
                .withTimeout(Duration.ofMillis(700));

        assertThatThrownBy(() -> agent.exec(command))
                .isInstanceOf(CommandTimeoutException.class)
                .hasMessageContaining("it was killed, with all its processes except daemons");

        assertThat(alive("daemon")).isTrue();
        assertThat(process("daemon").destroyForcibly()).isTrue();
    }

    static Stream<Path> shells() {
        return Stream.of("/bin/dash", "/bin/bash", "/bin/busybox").map(Path::of).filter(Files::exists);
    }

    @ParameterizedTest
    @MethodSource("shells")
    void exec_whateverTheGuestsShellIs_worksAlike(Path shell) throws IOException {
        Path sh = Files.createSymbolicLink(
                Files.createDirectory(temporary.resolve("bin")).resolve("sh"), shell);
        fake.shell(sh);
        String odd = "it's \"$HOME\" `id`\n\u0001 ü *";
        Command all = new Command.Builder()
                .addArgv("sh", "-c", "pwd; printf '[%s]' \"$1\" \"$A\" \"$LC_ALL\"; cat", "sh", odd)
                .putEnvironment("A", odd)
                .putEnvironment("LC_ALL", "xx_YY")
                .workingDirectory(temporary.toString())
                .build()
                .withStdin(new byte[60_000]);

        assertThat(text(agent.exec(all)))
                .isEqualTo(temporary + "\n[" + odd + "][" + odd + "][xx_YY]" + "\0".repeat(60_000));
        assertThat(agent.exec(Command.shell("kill -9 $$")).signal()).hasValue(9);
        assertThat(agent.exec(Command.shell("kill -2 $$")).signal()).hasValue(2);
        assertThat(agent.exec(Command.shell("exit 137")).exitCode()).hasValue(137);
        assertThat(agent.exec(Command.shell("exit 126")).exitCode()).hasValue(126);
        assertThatThrownBy(() -> agent.exec(Command.of("nope")))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("no program nope");
        assertThatThrownBy(() -> agent.exec(Command.of("true").withWorkingDirectory("/no/such")))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("/no/such cannot be entered: ");
        assertThat(text(agent.exec(Command.of("env").withEnvironment(Map.of("UID", "77", "SHLVL", "9"))))
                        .lines())
                .contains("UID=77", "SHLVL=9");
        assertThatThrownBy(() -> agent.exec(Command.shell("cd " + temporary
                                + "; sh -c 'echo $$ >child; sleep 1000' & setsid sh -c 'echo $$ >apart; sleep 1000; :'")
                        .withTimeout(Duration.ofMillis(700))))
                .isInstanceOf(CommandTimeoutException.class)
                .hasMessageContaining("with all its processes");
        assertThat(alive("child")).isFalse();
        assertThat(alive("apart")).isFalse();
        Files.delete(sh);
    }

    @Test
    void exec_timeoutWithoutSetsid_killsDescendants() throws IOException {
        Path bin = Files.createDirectory(temporary.resolve("bin"));
        for (String program : List.of("mkdir", "rm", "sleep", "sh")) {
            Path file = Files.writeString(bin.resolve(program), "#!/bin/sh\nexec /bin/" + program + " \"$@\"\n");
            assertThat(file.toFile().setExecutable(true)).isTrue();
        }
        fake.environment().put("PATH", bin.toString());

        assertThatThrownBy(() -> agent.exec(Command.shell(
                                "cd " + temporary
                                        + "; sh -c 'echo $$ >child; sh -c \"echo \\$\\$ >grandchild; sleep 1000; :\" & sleep 1000; :'; :")
                        .withTimeout(Duration.ofMillis(700))))
                .isInstanceOf(CommandTimeoutException.class)
                .hasMessageContaining("with all its processes");

        assertThat(alive("child")).isFalse();
        assertThat(alive("grandchild")).isFalse();
    }

    @Test
    void exec_childThatOutlivesItsParentWithOutputOpen_doesNotHoldUp() throws Exception {
        long begin = System.nanoTime();

        String seen = sh("cd " + temporary + "; echo before; { echo $$; sleep 30; echo late; } & echo $! >survivor");

        assertThat(seen).contains("before\n").doesNotContain("late");
        assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(10));
        assertThat(alive("survivor")).isTrue();
        ProcessHandle survivor = process("survivor");
        survivor.descendants().forEach(ProcessHandle::destroyForcibly);
        assertThat(survivor.destroyForcibly()).isTrue();
    }

    @Test
    void exec_interrupted_killsAndRestoresTheStatus() throws Exception {
        CompletableFuture<Boolean> status = new CompletableFuture<>();
        CompletableFuture<Throwable> thrown = new CompletableFuture<>();
        Thread thread = new Thread(() -> {
            try {
                agent.exec(Command.shell("echo $$ >" + temporary + "/pid; sleep 1000"));
            } catch (AgentVMException e) {
                thrown.complete(e);
            }
            status.complete(Thread.currentThread().isInterrupted());
        });
        thread.start();
        Awaitility.await().until(() -> alive("pid"));

        thread.interrupt();

        assertThat(thrown.get(20, TimeUnit.SECONDS))
                .isInstanceOf(AgentVMException.class)
                .hasMessageContaining("interrupted; it was killed");
        assertThat(status.get(1, TimeUnit.SECONDS)).isTrue();
        assertThat(alive("pid")).isFalse();
    }

    @Test
    void exec_interruptedBefore_startsNothing() {
        Thread.currentThread().interrupt();

        assertThatThrownBy(() -> agent.exec(Command.of("true"))).hasMessageContaining("not started");
        assertThat(Thread.interrupted()).isTrue();
        assertThat(fake.calls()).isEmpty();
    }

    @Test
    void exec_manyAtOnce_allGetTheirOwn() throws Exception {
        List<String> seen = inParallel(50, 50, i -> sh("echo begin " + i + "; sleep 0." + i % 10 + "; echo end " + i));

        for (int i = 0; i < 50; i++) {
            assertThat(seen.get(i)).isEqualTo("begin " + i + "\nend " + i + "\n");
        }
    }

    @Test
    void exec_done_leavesNothingInTheGuest() throws Exception {
        inParallel(8, 40, i -> sh("echo " + i));
        agent.exec(Command.of("cat").withStdin(new byte[100_000]));
        assertThatThrownBy(() -> agent.exec(Command.of("nope"))).isInstanceOf(CommandStartException.class);
        Path workspace = workspace();

        Awaitility.await().untilAsserted(() -> {
            assertThat(workspace).isEmptyDirectory();
            assertThat(fake.openFiles()).isZero();
            assertThat(fake.processes()).isZero();
        });
        agent.release();
        assertThat(workspace).doesNotExist();
    }

    @Test
    void exec_workspace_isPrivate() throws IOException {
        sh("exit 0");

        assertThat(java.nio.file.attribute.PosixFilePermissions.toString(Files.getPosixFilePermissions(workspace())))
                .isEqualTo("rwx------");
    }

    @Test
    void exec_workspaceRemovedInTheGuest_isMadeAnew() throws IOException {
        sh("exit 0");
        Path old = workspace();
        Awaitility.await().untilAsserted(() -> assertThat(old).isEmptyDirectory());
        Files.delete(old);

        assertThat(sh("echo again")).isEqualTo("again\n");
        assertThat(agent.exec(Command.of("cat").withStdin(new byte[100_000])).stdout())
                .hasSize(100_000);
    }

    @Test
    void exec_trueRepeated_needsFewCalls() {
        agent.exec(Command.of("true"));
        Awaitility.await().untilAsserted(() -> assertThat(fake.workspace()).isEmptyDirectory());
        int before = fake.calls().size();

        ExecResult result = agent.exec(Command.of("sleep", "0.05"));

        assertThat(result.success()).isTrue();
        List<String> all = List.copyOf(fake.calls());
        List<String> calls = new ArrayList<>(all.subList(before, all.size()));
        calls.removeAll(List.of("guest-exec-status", "guest-file-close"));
        assertThat(calls)
                .startsWith("guest-exec", "guest-file-open", "guest-file-open", "guest-file-read", "guest-file-read");
        // Not before it has ended are its files removed.
        assertThat(calls.subList(5, calls.size())).allMatch("guest-exec"::equals);
    }

    @Test
    void exec_blockedCalls_areNamedWithTheSetting() {
        fake.block(Set.of("guest-exec", "guest-file-open", "guest-file-read"));

        assertThatThrownBy(() -> agent.exec(Command.of("true")))
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("does not permit guest-exec, guest-file-open, guest-file-read.")
                .hasMessageContaining("out of BLOCK_RPCS (older: BLACKLIST_RPC)")
                .hasMessageContaining("--allow-rpcs in FILTER_RPC_ARGS, in /etc/sysconfig/qemu-ga")
                .hasMessageContaining("out of block-rpcs, or to allow-rpcs, in /etc/qemu/qemu-ga.conf");
    }

    @Test
    void exec_fileSystemsFrozen_saysSoAndNotThatCallsAreBlocked() {
        fake.distort(
                "guest-exec",
                real -> "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"Command guest-exec has been"
                        + " disabled: the agent is in frozen state\"}}");

        assertThatThrownBy(() -> agent.exec(Command.of("true")))
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("holds the guest's file systems frozen; thaw them")
                .hasMessageNotContaining("permit");
    }

    @Test
    void execAndStart_onlyFileCallsBlocked_nameThem() {
        fake.block(Set.of("guest-file-open", "guest-file-read"));

        for (Runnable call : List.<Runnable>of(
                () -> agent.exec(Command.of("true")),
                () -> agent.start(Command.of("cat"), UnaryOperator.identity()).waitFor())) {
            assertThatThrownBy(call::run)
                    .isInstanceOf(GuestAgentException.class)
                    .hasMessageContaining("does not permit guest-file-open, guest-file-read.");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "garbage\u001b[2J\n",
                "{\"return\": {}}",
                "{\"return\": {\"pid\": 0}}",
                "{\"return\": {\"pid\": \"1\"}}",
                "{\"return\": {\"pid\": -5}}",
                "{\"return\": {\"pid\": 1e400}}",
                "{\"return\": {\"pid\": 99999999999999999999}}",
                "{\"return\": {\"pid\": 12}",
                "{\"return\": {\"pid\": 12}} {}",
                "{\"return\": {\"pid\": 12, \"pid\": 13}}",
                "{\"return\": 1001}",
                "{\"return\": null}",
                "[[[[[[[[[[[[[[[[[[[[",
                "null"
            })
    void exec_repliesThatMakeNoSense_areShown(String reply) {
        fake.distort("guest-exec", real -> reply);

        assertThatThrownBy(() -> agent.exec(Command.of("true")))
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("answered guest-exec with what cannot be understood")
                .satisfies(
                        e -> assertThat(e.getMessage()).doesNotContain("\u001b").doesNotContain("\n"));
    }

    @Test
    void exec_endlessReply_isCutInTheMessage() {
        fake.distort("guest-exec", real -> "{\"return\": [" + "[1],".repeat(500_000));

        GuestAgentException e = catchThrowableOfType(GuestAgentException.class, () -> agent.exec(Command.of("true")));

        assertThat(e.getMessage()).hasSizeLessThan(600).contains("more than 10000 values");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"return\": {\"exited\": true}}",
                "{\"return\": {\"exited\": true, \"exitcode\": 256}}",
                "{\"return\": {\"exited\": true, \"exitcode\": 1, \"signal\": 9}}",
                "{\"return\": {\"exited\": \"yes\", \"exitcode\": 1}}",
                "{\"return\": {\"exited\": true, \"exitcode\": 1, \"out-data\": \"?\"}}",
                "{\"return\": {\"pid\": 12}}"
            })
    void exec_statusThatMakesNoSense_isRefused(String reply) {
        sh("exit 0");
        fake.distort("guest-exec-status", real -> reply);

        assertThatThrownBy(() -> agent.exec(Command.of("true")))
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("answered guest-exec-status with what cannot be understood");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"return\": {\"count\": 5, \"buf-b64\": \"aGk=\", \"eof\": true}}",
                "{\"return\": {\"count\": -1, \"buf-b64\": \"\", \"eof\": true}}",
                "{\"return\": {\"count\": 99999999, \"buf-b64\": \"aGk=\", \"eof\": true}}"
            })
    void exec_outputThatMakesNoSense_isRefused(String reply) {
        sh("exit 0");
        fake.distort("guest-file-read", real -> reply);

        assertThatThrownBy(() -> agent.exec(Command.of("true")))
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("answered guest-file-read with what cannot be understood");
    }

    @Test
    void exec_agentThatForgetsTheProcess_saysThatItIsLostAndKillsIt() {
        sh("exit 0");
        fake.distort(
                "guest-exec-status",
                real -> real.contains("false")
                        ? "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Invalid parameter 'pid'\"}}"
                        : real);

        assertThatThrownBy(() -> agent.exec(Command.shell("echo $$ >" + temporary + "/pid; sleep 1000")))
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("was lost")
                .hasMessageContaining("Invalid parameter 'pid'");
        Awaitility.await().until(() -> !alive("pid"));
    }

    @Test
    void fail_wakesThoseWhoWaitAndAllWhoCome() throws Exception {
        ExecutorService threads = Executors.newCachedThreadPool();
        try {
            List<Future<ExecResult>> waiters = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                int n = i;
                waiters.add(threads.submit(
                        () -> agent.exec(Command.shell("echo $$ >" + temporary + "/pid" + n + "; exec sleep 1000"))));
            }
            for (int i = 0; i < 5; i++) {
                String name = "pid" + i;
                Awaitility.await().until(() -> alive(name));
            }

            long begin = System.nanoTime();
            agent.fail(new VMDestroyedException("taken by a restart", FailureContext.of("watch")));

            for (Future<ExecResult> waiter : waiters) {
                assertThatThrownBy(() -> waiter.get(5, TimeUnit.SECONDS))
                        .isInstanceOf(ExecutionException.class)
                        .cause()
                        .isInstanceOf(VMDestroyedException.class)
                        .hasMessage("taken by a restart");
            }
            assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(1));
            assertThatThrownBy(() -> agent.exec(Command.of("true"))).isInstanceOf(VMDestroyedException.class);
        } finally {
            for (int i = 0; i < 5; i++) {
                assertThat(process("pid" + i).destroyForcibly()).isTrue();
            }
            assertThat(threads.shutdownNow()).isEmpty();
        }
    }

    @Test
    void exec_domainIsNoMore_saysThatTheVMIsGone() {
        GuestAgent late = new GuestAgent("vm", (json, timeout) -> {
            throw new VMNotFoundException("no domain with matching uuid", FailureContext.of("agent"));
        });

        assertThatThrownBy(() -> late.exec(Command.of("true")))
                .isInstanceOf(VMDestroyedException.class)
                .hasMessageContaining("vm is gone");
    }

    @Test
    void fail_whileTheAgentIsSilent_wakesAtOnce() throws Exception {
        sh("exit 0");
        fake.silence(true);
        CompletableFuture<ExecResult> waiter = CompletableFuture.supplyAsync(() -> agent.exec(Command.of("true")));
        CompletableFuture<ExecResult> behind = CompletableFuture.supplyAsync(() -> agent.exec(Command.of("true")));
        Thread.sleep(100);

        agent.fail(new VMDestroyedException("gone", FailureContext.of("watch")));

        assertThatThrownBy(() -> waiter.get(1, TimeUnit.SECONDS)).hasCauseInstanceOf(VMDestroyedException.class);
        assertThatThrownBy(() -> behind.get(1, TimeUnit.SECONDS)).hasCauseInstanceOf(VMDestroyedException.class);
    }

    @Test
    void exec_silentAgent_saysSo() {
        GuestAgent impatient = impatient();
        fake.silence(true);

        assertThatThrownBy(() -> impatient.exec(Command.of("true")))
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("did not answer in time")
                .satisfies(e -> assertThat(((AgentVMException) e).retryable()).isTrue());
    }

    @Test
    void exec_channelThatHeedsNoTimeout_isGivenUp() {
        CompletableFuture<String> never = new CompletableFuture<>();
        GuestAgent stuck = new GuestAgent(
                "vm",
                (json, timeout) -> never.join(),
                GuestAgent.THREADS,
                Patience.usual().withCall(Duration.ofMillis(200)));
        try {
            assertThatThrownBy(() -> stuck.exec(Command.of("true")))
                    .isInstanceOf(GuestAgentException.class)
                    .hasMessageContaining("did not answer");
        } finally {
            never.complete("");
        }
    }

    @Test
    void exec_agentSilentForAWhile_waitsForIt() throws Exception {
        GuestAgent impatient = impatient();
        impatient.exec(Command.of("true"));
        CompletableFuture<ExecResult> command = CompletableFuture.supplyAsync(
                () -> impatient.exec(Command.shell("echo $$ >" + temporary + "/pid; sleep 1; echo done")));
        Awaitility.await().until(() -> alive("pid"));

        fake.silence(true);
        Thread.sleep(1500);
        fake.silence(false);

        assertThat(text(command.get(10, TimeUnit.SECONDS))).isEqualTo("done\n");
    }

    @Test
    void exec_guestStandsStillForLongerThanItMayBeSilent_waitsForIt() throws Exception {
        AtomicBoolean still = new AtomicBoolean();
        fake.standStillWhile(still, "guest-exec-status");
        GuestAgent quick =
                new GuestAgent("vm", fake, GuestAgent.THREADS, Patience.usual().withSilence(Duration.ofMillis(300)));
        quick.exec(Command.of("true"));
        CompletableFuture<ExecResult> command = CompletableFuture.supplyAsync(
                () -> quick.exec(Command.shell("echo $$ >" + temporary + "/pid; sleep 2; echo done")));
        Awaitility.await().until(() -> alive("pid"));

        still.set(true);
        Thread.sleep(1000);
        still.set(false);

        assertThat(text(command.get(10, TimeUnit.SECONDS))).isEqualTo("done\n");
    }

    @Test
    void exec_timeoutWhileTheAgentIsSilent_saysThatItWasNotKilled() throws Exception {
        GuestAgent impatient = impatient();
        impatient.exec(Command.of("true"));
        CompletableFuture<ExecResult> command = CompletableFuture.supplyAsync(() -> impatient.exec(
                Command.shell("echo $$ >" + temporary + "/pid; sleep 5").withTimeout(Duration.ofSeconds(1))));
        Awaitility.await().until(() -> alive("pid"));

        fake.silence(true);

        assertThatThrownBy(() -> command.get(10, TimeUnit.SECONDS))
                .cause()
                .isInstanceOf(CommandTimeoutException.class)
                .hasMessageContaining("killing it failed (")
                .hasMessageContaining("did not answer in time");
    }

    @Test
    void exec_startedTooLate_isKilled() {
        agent.exec(Command.of("true"));
        fake.delay("guest-exec");

        assertThatThrownBy(() -> agent.exec(Command.shell("echo $$ >" + temporary + "/pid; exec sleep 1000")))
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("did not answer in time");

        Awaitility.await().until(() -> fake.processes() == 0);
        assertThat(alive("pid")).isFalse();
    }

    @Test
    void exec_whileTheAgentIsToBeQuiet_waitsHoweverLongThatTakes() throws Exception {
        GuestAgent impatient = impatient();
        assertThat(text(impatient.exec(Command.of("echo", "before")))).isEqualTo("before\n");
        ExecutorService caller = Executors.newSingleThreadExecutor();
        try {
            List<Future<ExecResult>> calls = new ArrayList<>();
            impatient.whileQuiet(() -> {
                calls.add(caller.submit(() -> impatient.exec(Command.of("echo", "after"))));
                // Longer than an agent that is silent is waited for.
                Awaitility.await().pollDelay(Duration.ofSeconds(4)).until(() -> true);
                assertThat(calls.get(0)).isNotDone();
            });

            assertThat(text(calls.get(0).get())).isEqualTo("after\n");
        } finally {
            caller.shutdownNow();
        }
    }

    @Test
    void release_ofOne_leavesAloneWhatItsSiblingStarted() {
        GuestAgent sibling = agent.sibling();
        VMProcess own = agent.start(Command.of("sleep", "1000"), UnaryOperator.identity());
        VMProcess other = sibling.start(Command.of("sleep", "1000"), UnaryOperator.identity());

        sibling.release();

        assertThat(other.waitFor().failure()).isPresent();
        assertThat(own.isAlive()).isTrue();
        agent.release();
        assertThat(own.waitFor().failure()).isPresent();
    }

    private GuestAgent impatient() {
        return new GuestAgent("vm", fake, GuestAgent.THREADS, Patience.usual().withCall(Duration.ofMillis(500)));
    }

    private boolean alive(String pidFile) {
        return PidFile.isAlive(temporary.resolve(pidFile));
    }

    private ProcessHandle process(String pidFile) throws IOException {
        return PidFile.process(temporary.resolve(pidFile));
    }

    /** Where the commands of this test's agent have their files, as one of them sees it. */
    private Path workspace() {
        return Objects.requireNonNull(
                Path.of(sh("readlink /proc/self/fd/1").strip()).getParent());
    }

    private static byte[] random(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }

    private interface Task<T> {
        T run(int number) throws Exception;
    }

    private static <T> List<T> inParallel(int threads, int count, Task<T> task) throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            List<Future<T>> futures = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                int number = i;
                futures.add(executor.submit(() -> task.run(number)));
            }
            List<T> results = new ArrayList<>();
            for (Future<T> future : futures) {
                results.add(future.get());
            }
            return results;
        } finally {
            executor.shutdownNow();
        }
    }
}
