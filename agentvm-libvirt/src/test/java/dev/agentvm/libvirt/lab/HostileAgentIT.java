package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.GuestAgentException;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.VMProcess;
import dev.agentvm.VMState;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A guest whose programs turn against the host, and against their guest, harms neither the host nor other VMs. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class HostileAgentIT {
    private static final int MIB = 1024 * 1024;
    private static final Duration TIMEOUT = Duration.ofSeconds(3);
    /** Of the guest's own time, which stands still with it; longer than what is done meanwhile. */
    private static final int MUTE_SECONDS = 10;

    private static final Command TRUE = Command.of("true").withTimeout(TIMEOUT);

    private static Hypervisor hypervisor;
    private static VM vm;
    private static VM neighbour;

    /** Calls that have no time of their own wait for an agent that is silent for as long as that. */
    private static final Duration PATIENCE = Duration.ofSeconds(75);

    @BeforeAll
    static void launch() {
        hypervisor = LibvirtHypervisor.connect();
        CompletableFuture<VM> other = CompletableFuture.supplyAsync(() -> hypervisor.launch(Lab.tiny("neighbour")));
        vm = hypervisor.launch(Lab.tiny("hostile"));
        neighbour = other.join();
    }

    @AfterAll
    static void close() {
        hypervisor.close();
        Leftovers.assertNone();
    }

    /**
     * Puts a program in the agent's place for six seconds: its standard input is what libvirt says, its standard output
     * what libvirt hears. A line in a file of the guest tells of each request that it read, and of each answer.
     */
    private static void answerInsteadOfTheAgent(String program) {
        String script = """
                keeper=$(ps -o pid,args | while read -r pid args; do
                  case $args in
                    */sbin/agent) echo "$pid" ;;
                  esac
                done)
                for file in /sys/class/virtio-ports/*/name; do
                  read -r name <"$file"
                  [ "$name" != org.qemu.guest_agent.0 ] || port=${file%/name}
                done
                port=/dev/${port##*/}
                sleep 0.5
                kill -STOP $keeper
                kill -9 $(pidof qemu-ga)
                until (: 3<>"$port"); do sleep 0.1; done
                rm -f /run/read /run/answered
                # While nobody is connected, there is an end in each read.
                hear() { until read -r line; do sleep 0.1; done; echo >>/run/read; }
                answer() { while hear; do echo "$*" && echo >>/run/answered; done; }
                (PROGRAM) <>"$port" >&0 &
                sleep 6
                kill -9 $!
                kill -CONT $keeper
                """.replace("PROGRAM", program);
        Lab.output(vm, Command.of("sh", "-c", "setsid sh -c \"$0\" </dev/null >/dev/null 2>&1 &", script));
    }

    @ParameterizedTest
    @CsvSource(
            delimiterString = " | ",
            value = {
                "garbage      | cannot parse json|due to an error"
                        + " | answer '}}{ \"return' $(head -c 300 /dev/urandom)",
                "endless JSON | did not answer|due to an error"
                        + " | hear; printf '{\"return\": \"' && echo >>/run/answered;"
                        + " while :; do printf %65536s x; done",
                "another's id | did not answer | answer '{\"return\": 4711}'"
            })
    void calls_answersOfAnotherProgram_failInTimeAndHarmNobodyElse(String kind, String words, String program)
            throws Exception {
        awaitAgent();
        long heap = heap();
        long daemon = libvirtdKiB();
        answerInsteadOfTheAgent(program);

        CompletableFuture<Outcome> exec =
                CompletableFuture.supplyAsync(() -> repeat(HostileAgentIT::exec, Outcome::hasFailed));
        CompletableFuture<Outcome> start =
                CompletableFuture.supplyAsync(() -> repeat(HostileAgentIT::start, outcome -> exec.isDone()));
        CompletableFuture<Outcome> stat =
                CompletableFuture.supplyAsync(() -> repeat(HostileAgentIT::stat, outcome -> exec.isDone()));
        CompletableFuture<Void> all = CompletableFuture.allOf(exec, start, stat);
        long slowest = 0;
        while (!all.isDone()) {
            long begin = System.nanoTime();
            assertThat(neighbour.exec(Command.of("true")).success()).isTrue();
            slowest = Math.max(slowest, System.nanoTime() - begin);
        }

        List<Outcome> outcomes = List.of(exec.join(), start.join(), stat.join());
        List<AgentVMException> failures = outcomes.stream()
                .flatMap(outcome -> outcome.failures().stream())
                .toList();
        System.out.printf("%s: neighbour at most %d ms%n", kind, TimeUnit.NANOSECONDS.toMillis(slowest));
        Set<String> messages = failures.stream()
                .map(failure -> String.valueOf(failure.getMessage()))
                .collect(Collectors.toSet());
        messages.forEach(System.out::println);
        // One that was under way when the program came may find its time over first.
        assertThat(failures).hasOnlyElementsOfTypes(GuestAgentException.class, CommandTimeoutException.class);
        // Some met the program, and not only the absence of an agent; it heard libvirt, and libvirt heard it.
        assertThat(lines("/run/read")).isPositive();
        assertThat(lines("/run/answered")).isPositive();
        assertThat(messages).anyMatch(Pattern.compile(words).asPredicate());
        assertThat(exec.join().slowest()).isLessThan(TIMEOUT.plusSeconds(7));
        for (Outcome outcome : outcomes) {
            // It was under way while the program answered, and is over in time.
            assertThat(outcome.hasFailed() || outcome.slowest().compareTo(Duration.ofSeconds(1)) > 0)
                    .isTrue();
            assertThat(outcome.slowest()).isLessThan(PATIENCE);
        }
        assertThat(heap() - heap).isLessThan(64L * MIB);
        assertThat(libvirtdKiB() - daemon).isLessThan(128L * 1024);
    }

    private static int lines(String file) {
        return Integer.parseInt(Lab.output(vm, Command.shell("wc -l <" + file)));
    }

    @Test
    void pauseAndResume_agentThatIsMute_happenInTimeAndSayWhatIsBehind() throws Exception {
        awaitAgent();
        String mute = "mute-" + UUID.randomUUID();
        String script = "sleep 0.5; kill -STOP $(pidof qemu-ga); echo " + mute + " >/dev/ttyS0; sleep " + MUTE_SECONDS
                + "; kill -9 $(pidof qemu-ga)";
        Lab.output(vm, Command.of("sh", "-c", "setsid sh -c \"$0\" </dev/null >/dev/null 2>&1 &", script));
        Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(() -> vm.serialLog().contains(mute));
        CompletableFuture<AgentVMException> underWay = CompletableFuture.supplyAsync(HostileAgentIT::failure);
        Thread.sleep(300);

        long begin = System.nanoTime();
        vm.pause();
        long paused = System.nanoTime();

        assertThat(underWay).isNotDone();
        assertThat(domainState()).isEqualTo("paused");
        assertThat(vm.state()).isEqualTo(VMState.PAUSED);
        AgentVMException behind = catchThrowableOfType(AgentVMException.class, vm::resume);
        Duration resuming = Duration.ofNanos(System.nanoTime() - paused);
        System.out.printf(
                "mute agent: paused in %d ms; %s, %d ms after%n",
                TimeUnit.NANOSECONDS.toMillis(paused - begin), behind.getMessage(), resuming.toMillis());
        assertThat(behind).isInstanceOf(GuestAgentException.class).hasMessageContaining("its clock may be behind");
        assertThat(domainState()).isEqualTo("running");
        assertThat(vm.state()).isEqualTo(VMState.RUNNING);
        assertThat(Duration.ofNanos(paused - begin)).isLessThan(Duration.ofSeconds(5));
        assertThat(resuming).isLessThan(Duration.ofSeconds(40));
        assertThat(underWay.get(1, TimeUnit.MINUTES)).isNotNull();
        awaitAgent();
    }

    private static AgentVMException failure() {
        return catchThrowableOfType(AgentVMException.class, () -> vm.exec(TRUE));
    }

    private static String domainState() {
        return Lab.host("virsh", "domstate", vm.id().toString());
    }

    private static void awaitAgent() {
        Awaitility.await()
                .atMost(Duration.ofMinutes(1))
                .ignoreExceptions()
                .until(() -> vm.exec(TRUE).success());
    }

    private static void exec() {
        assertThat(vm.exec(TRUE).success()).isTrue();
    }

    private static void start() {
        try (VMProcess process = vm.start(TRUE)) {
            process.waitFor().failure().ifPresent(failure -> {
                throw failure;
            });
        }
    }

    private static void stat() {
        assertThat(vm.files().stat("/tmp").name()).isEqualTo("tmp");
    }

    /** What became of calls of one kind. */
    private record Outcome(List<AgentVMException> failures, Duration slowest) {
        boolean hasFailed() {
            return !failures.isEmpty();
        }
    }

    private static void pause() {
        try {
            Thread.sleep(20);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Makes that call until it succeeds and {@code enough} says so. */
    private static Outcome repeat(Runnable call, Predicate<Outcome> enough) {
        List<AgentVMException> failures = new ArrayList<>();
        Duration slowest = Duration.ZERO;
        while (true) {
            long begin = System.nanoTime();
            boolean succeeded = false;
            try {
                call.run();
                succeeded = true;
            } catch (AgentVMException e) {
                failures.add(e);
                pause();
            }
            Duration took = Duration.ofNanos(System.nanoTime() - begin);
            slowest = took.compareTo(slowest) > 0 ? took : slowest;
            Outcome outcome = new Outcome(List.copyOf(failures), slowest);
            if (succeeded && enough.test(outcome)) {
                return outcome;
            }
        }
    }

    private static long heap() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    private static long libvirtdKiB() {
        return Long.parseLong(Lab.host(
                "sh",
                "-c",
                "sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\) kB$/\\1/p' /proc/"
                        + Daemon.process().pid() + "/status"));
    }

    @Test
    void exec_forkBombWithinItsLimit_isKilledWhenItsTimeIsOver() {
        awaitAgent();
        Command bomb = Command.shell("ulimit -p 40 2>/dev/null || ulimit -u 40\n"
                        + "bomb() { while :; do bomb & done; }\nbomb 2>/dev/null & while :; do sleep 1; done")
                .withUser("agent")
                .withTimeout(TIMEOUT);

        assertThatThrownBy(() -> vm.exec(bomb))
                .isInstanceOf(CommandTimeoutException.class)
                .hasMessageContaining("with all its processes");

        assertThat(vm.exec(TRUE).success()).isTrue();
        assertThat(Lab.output(vm, Command.shell("ps -o user | grep -c '^agent' || :")))
                .isEqualTo("0");
    }
}
