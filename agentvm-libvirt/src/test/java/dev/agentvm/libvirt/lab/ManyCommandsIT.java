package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.Resources;
import dev.agentvm.VM;
import dev.agentvm.VMProcess;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Many commands of one VM at the same time. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class ManyCommandsIT {
    private static final int COMMANDS = 200;

    private static final Resources ROOMY =
            new Resources.Builder().vcpus(1).memoryMiB(768).diskGiB(1).build();

    @Test
    void start_200AtOnce_allMakeProgress() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(COMMANDS);
        CyclicBarrier allRun = new CyclicBarrier(COMMANDS);
        List<Future<Duration>> answers = new ArrayList<>();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("busy").withResources(ROOMY))) {
            long begin = System.nanoTime();
            for (int i = 0; i < COMMANDS; i++) {
                String word = "word " + i;
                answers.add(threads.submit(() -> {
                    try (VMProcess process = vm.start(Command.of("cat"));
                            BufferedReader reader = process.stdoutReader()) {
                        ask(process, reader, "the first " + word);
                        allRun.await(150, TimeUnit.SECONDS);
                        Duration answer = ask(process, reader, word);
                        process.stdin().close();
                        assertThat(process.waitFor().success()).isTrue();
                        return answer;
                    }
                }));
            }

            List<Duration> sorted = new ArrayList<>();
            for (Future<Duration> answer : answers) {
                sorted.add(answer.get(300, TimeUnit.SECONDS));
            }
            sorted.sort(null);

            System.out.printf(
                    "%d started, spoken with and ended: %.1f s; answers while all run: p50 %d ms, the last %d ms%n",
                    COMMANDS,
                    (System.nanoTime() - begin) / 1e9,
                    sorted.get(COMMANDS / 2).toMillis(),
                    sorted.get(COMMANDS - 1).toMillis());
            assertThat(sorted.get(COMMANDS - 1)).isLessThan(Duration.ofSeconds(30));
        } finally {
            assertThat(threads.shutdownNow()).isEmpty();
        }
        Leftovers.assertNone();
    }

    /** How long the answer takes, which is what was said. */
    private static Duration ask(VMProcess process, BufferedReader reader, String words) throws IOException {
        long begin = System.nanoTime();
        process.stdin().write((words + "\n").getBytes(StandardCharsets.UTF_8));
        process.stdin().flush();
        assertThat(reader.readLine()).isEqualTo(words);
        return Duration.ofNanos(System.nanoTime() - begin);
    }
}
