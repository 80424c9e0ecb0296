package dev.agentvm.libvirt.internal.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExecResult;
import dev.agentvm.GuestAgentException;
import dev.agentvm.OutputLimitException;
import dev.agentvm.VMDestroyedException;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Commands in a real guest, through its real agent. */
@Timeout(180)
class GuestExecIT {
    private static LabGuest guest;

    @BeforeAll
    static void boot() throws Exception {
        guest = new LabGuest();
    }

    @AfterAll
    static void destroy() {
        guest.close();
    }

    private static ExecResult exec(Command command) {
        return guest.agent().exec(command);
    }

    private static String sh(String script) {
        ExecResult result = exec(Command.shell(script));
        assertThat(result.stderrText()).isEmpty();
        assertThat(result.exitCode()).hasValue(0);
        return result.stdoutText();
    }

    private static String processes() {
        return sh("ps -o pid,stat,args");
    }

    private static byte[] random(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }

    @Test
    void exec_everythingAtOnce_arrivesAsItIs() {
        String odd = "it's \"$HOME\" `id`\n$(id) \\ ü日本\uD83D\uDE00 *\u0001\u007f";
        Command command = new Command.Builder()
                .addArgv(
                        "sh",
                        "-c",
                        "pwd; printf '[%s]' \"$@\" \"$ODD\"; cat; echo err >&2; exit 129",
                        "sh",
                        odd,
                        "",
                        " ")
                .putEnvironment("ODD", odd)
                .workingDirectory("/usr/bin")
                .build()
                .withStdinText("input\n");

        ExecResult result = exec(command);

        assertThat(result.stdoutText()).isEqualTo("/usr/bin\n[" + odd + "][][ ][" + odd + "]input\n");
        assertThat(result.stderrText()).isEqualTo("err\n");
        assertThat(result.exitCode()).hasValue(129);
    }

    @Test
    void exec_signal_isNotTakenForAnExitCode() {
        assertThat(exec(Command.shell("kill -9 $$")).signal()).hasValue(9);
        assertThat(exec(Command.shell("exit 137")).exitCode()).hasValue(137);
        assertThat(exec(Command.shell("kill -2 $$")).signal()).hasValue(2);
    }

    @Test
    void exec_longestArguments_arrive() {
        String argument = "\u0001".repeat(Command.MAX_ARGUMENT_BYTES - 100);

        assertThat(exec(Command.of("printf", "%s", argument)).stdoutText()).isEqualTo(argument);
    }

    @Test
    void exec_5MiBOut_areExact() throws Exception {
        ExecResult result = exec(
                Command.shell(
                        "head -c 5242880 /dev/urandom >/tmp/bytes; sha256sum /tmp/bytes | cut -c1-64 >&2; cat /tmp/bytes; rm /tmp/bytes"));

        assertThat(result.stdout()).hasSize(5 * 1024 * 1024);
        assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(result.stdout())))
                .isEqualTo(result.stderrText().strip());
    }

    @Test
    void exec_1MiBIn_isExact() throws Exception {
        byte[] bytes = random(Command.MAX_STDIN_BYTES);

        ExecResult result = exec(Command.of("sha256sum").withStdin(bytes));

        assertThat(result.stdoutText())
                .startsWith(HexFormat.of()
                        .formatHex(MessageDigest.getInstance("SHA-256").digest(bytes)));
    }

    @Test
    void exec_stdinThatTheAgentPassesOn_ends() {
        assertThat(exec(Command.of("wc", "-c").withStdin(random(Execution.INLINE_STDIN)))
                        .stdoutText()
                        .strip())
                .isEqualTo(Integer.toString(Execution.INLINE_STDIN));
    }

    @Test
    void exec_nothingToRun_saysWhat() {
        assertThatThrownBy(() -> exec(Command.of("no-such")))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("no program no-such")
                .hasMessageContaining("PATH is /usr/local/sbin:");
        assertThatThrownBy(() -> exec(Command.of("true").withWorkingDirectory("/no/such")))
                .isInstanceOf(CommandStartException.class)
                .hasMessageContaining("/no/such cannot be entered");
        assertThatThrownBy(() -> exec(Command.of("no-such").withEnvironment(Map.of("UID", "1"))))
                .isInstanceOf(CommandStartException.class);
    }

    @Test
    void exec_timeout_killsEveryProcessOfIt() {
        Command command = Command.shell("echo begun; trap '' TERM; sh -c 'sleep 4711 & sleep 4711' &"
                        + " setsid sh -c 'sleep 4711; :' & sleep 4711")
                .withTimeout(Duration.ofSeconds(2));

        assertThatThrownBy(() -> exec(command))
                .isInstanceOf(CommandTimeoutException.class)
                .hasMessageContaining("killed, with all its processes")
                .hasMessageContaining("its standard output ends: begun");

        assertThat(processes()).doesNotContain("4711");
    }

    @Test
    void exec_timeoutOfManyProcesses_killsThemAll() {
        Command command = Command.shell(
                        "f() { [ $1 = 0 ] || { f $(($1 - 1)) & f $(($1 - 1)) & }; exec sleep 4712; }; f 6")
                .withTimeout(Duration.ofSeconds(8));

        assertThatThrownBy(() -> exec(command))
                .isInstanceOf(CommandTimeoutException.class)
                .hasMessageContaining("killed, with all its processes");

        assertThat(processes()).doesNotContain("4712");
    }

    @Test
    void exec_survivor_doesNotHoldUp() {
        ExecResult result = exec(Command.shell("sleep 4713 & echo $!"));

        assertThat(result.duration()).isLessThan(Duration.ofSeconds(10));
        assertThat(processes()).contains("sleep 4713");
        sh("kill " + result.stdoutText());
    }

    @Test
    void exec_endlessOutput_isStopped() {
        assertThatThrownBy(() -> exec(Command.of("yes")))
                .isInstanceOf(OutputLimitException.class)
                .hasMessageContaining("killed, with all its processes");

        Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(() -> Integer.parseInt(
                                sh("df -m /dev/shm | awk 'NR==2 {print $3}'").strip())
                        < 16);
    }

    @Test
    void exec_fullGuest_saysSo() {
        sh("exit 0");
        sh("dd if=/dev/zero of=/dev/shm/filler bs=1M 2>/dev/null; true");
        try {
            assertThatThrownBy(() -> exec(Command.of("seq", "100000")))
                    .isInstanceOf(GuestAgentException.class)
                    .hasMessageContaining("No space left on device");
        } finally {
            sh("rm -f /dev/shm/filler");
        }
        assertThat(sh("echo again")).isEqualTo("again\n");
    }

    @Test
    void exec_200AtOnce_allEnd() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(200);
        try {
            List<Future<ExecResult>> results = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                int n = i;
                results.add(threads.submit(() -> exec(Command.shell("echo " + n + "; sleep 1; echo " + n))));
            }
            Duration slowest = Duration.ZERO;
            for (int i = 0; i < 200; i++) {
                ExecResult result = results.get(i).get(150, TimeUnit.SECONDS);
                assertThat(result.stdoutText()).isEqualTo(i + "\n" + i + "\n");
                slowest = Collections.max(List.of(slowest, result.duration()));
            }
            System.out.printf("200 at once, the slowest: %d ms%n", slowest.toMillis());
            assertThat(slowest).isLessThan(Duration.ofMinutes(1));
        } finally {
            assertThat(threads.shutdownNow()).isEmpty();
        }
    }

    @Test
    void exec_agentKilledMeanwhile_saysThatTheCommandIsLostAndKillsIt() {
        CompletableFuture<ExecResult> command =
                CompletableFuture.supplyAsync(() -> exec(Command.shell("sleep 4714; :")));
        Awaitility.await().until(() -> processes().contains("sleep 4714"));

        exec(Command.shell("(sleep 0.3; killall -9 qemu-ga) >/dev/null 2>&1 &"));

        assertThatThrownBy(() -> command.get(100, TimeUnit.SECONDS))
                .cause()
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("was lost");
        assertThat(processes()).doesNotContain("4714");
    }

    @Test
    void exec_vmDestroyedMeanwhile_isKnownWithinASecond() throws Exception {
        try (LabGuest doomed = new LabGuest()) {
            CompletableFuture<ExecResult> command =
                    CompletableFuture.supplyAsync(() -> doomed.agent().exec(Command.of("sleep", "1000")));
            CompletableFuture<ExecResult> busy =
                    CompletableFuture.supplyAsync(() -> doomed.agent().exec(Command.shell("while :; do echo x; done")));
            doomed.agent().exec(Command.of("sleep", "1"));

            long begin = System.nanoTime();
            doomed.destroy();

            for (CompletableFuture<ExecResult> waiter : List.of(command, busy)) {
                assertThatThrownBy(() -> waiter.get(10, TimeUnit.SECONDS))
                        .isInstanceOf(ExecutionException.class)
                        .cause()
                        .isInstanceOf(VMDestroyedException.class)
                        .hasMessageContaining("is gone: ");
            }
            assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(1));
        }
    }

    @Test
    void exec_manyInARow_leaveNoMoreThanShellsThatWait() {
        for (int i = 0; i < 20; i++) {
            exec(Command.of("true"));
        }

        Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(sh("ls /dev/shm/agentvm-*")
                                .lines()
                                .map(file -> file.split("\\.")[0])
                                .distinct())
                        .as("those that wait, and the command that says so")
                        .hasSizeLessThanOrEqualTo(WaitingShells.USUAL + 1));
        // One is the directory of the tests that ran; the other, of the agent's state, is its own.
        assertThat(sh("ls -d /proc/$(pidof qemu-ga)/fd/* | wc -l").strip())
                .satisfies(count -> assertThat(Integer.parseInt(count)).isLessThan(30));
    }

    @Test
    void exec_true_isNotMuchSlowerThanTheBareCalls() throws Exception {
        double[] bare = new double[40];
        double[] ours = new double[40];
        for (int i = 0; i < bare.length; i++) {
            bare[i] = millis(GuestExecIT::bareTrue);
            ours[i] = millis(() -> exec(Command.of("true")));
        }
        Arrays.sort(bare);
        Arrays.sort(ours);
        System.out.printf(
                "exec of true: bare calls %.1f ms, ours %.1f ms (medians), ratio %.2f%n",
                bare[20], ours[20], ours[20] / bare[20]);
        assertThat(ours[20]).isLessThan(10 * bare[20]);
    }

    private static double millis(Runnable task) {
        long begin = System.nanoTime();
        task.run();
        return (System.nanoTime() - begin) / 1e6;
    }

    private static void bareTrue() {
        try {
            String started = guest.channel()
                    .call(
                            "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"true\",\"capture-output\":true}}",
                            Duration.ofSeconds(10));
            long pid = AgentJson.reply(started).object("return").number("pid", 1, Integer.MAX_VALUE);
            String ask = "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":" + pid + "}}";
            while (!AgentJson.reply(guest.channel().call(ask, Duration.ofSeconds(10)))
                    .object("return")
                    .flag("exited")) {
                Thread.sleep(1);
            }
        } catch (MalformedReplyException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
