package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.CopyListener;
import dev.agentvm.CopyOptions;
import dev.agentvm.Hypervisor;
import dev.agentvm.ReapReport;
import dev.agentvm.VM;
import dev.agentvm.VMProcess;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.pool.VMPool;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A program dies in the midst of its work, again and again; what it leaves is removed while another program works on. */
@Timeout(value = 10, unit = TimeUnit.HOURS)
class KilledProgramIT {
    private static final int ROUNDS = Lab.soak() ? 250 : 1;

    @Test
    void reap_afterKillInTheMidstOfWork_leavesNothingAndDisturbsNobody() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            List<String> before = Leftovers.all();
            VM neighbour = hypervisor.launch(Lab.tiny("neighbour"));
            List<String> own = Leftovers.all();
            List<Path> owners = Leftovers.owners();
            AtomicBoolean over = new AtomicBoolean();
            CompletableFuture<Integer> work = CompletableFuture.supplyAsync(() -> work(neighbour, over));
            for (int round = 0; round < ROUNDS; round++) {
                for (Work step : Work.values()) {
                    kill(step);
                    ReapReport report = hypervisor.reap();
                    assertThat(report.failed()).as("after %s", step).isEmpty();
                    assertThat(Leftovers.all()).as("after %s", step).isEqualTo(own);
                    assertThat(Leftovers.owners()).as("after %s", step).isEqualTo(owners);
                    Awaitility.await()
                            .untilAsserted(() -> assertThat(Leftovers.sockets())
                                    .isNotEmpty()
                                    .allMatch(socket -> socket.toString().endsWith("-neighbour")));
                    assertThat(work).as("the neighbour works").isNotDone();
                }
            }
            over.set(true);
            System.out.printf(
                    "killed %d times at each of %s; meanwhile the neighbour ran %d commands%n",
                    ROUNDS, List.of(Work.values()), work.get(1, TimeUnit.MINUTES));
            neighbour.close();
            assertThat(Leftovers.all()).isEqualTo(before).isEmpty();
        }
        assertThat(Leftovers.owners()).isEmpty();
    }

    private static int work(VM vm, AtomicBoolean over) {
        int commands = 0;
        while (!over.get()) {
            String word = "word-" + commands++;
            assertThat(Lab.output(vm, Command.of("echo", word))).isEqualTo(word);
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
        }
        return commands;
    }

    private static void kill(Work step) throws Exception {
        Process program = OtherJvm.start(List.of(), WorkingProgram.class, step.name());
        assertThat(program.inputReader().readLine()).isEqualTo("AT " + step);
        program.destroyForcibly();
        assertThat(program.waitFor()).as("killed by signal 9").isEqualTo(137);
    }

    /** What a program is doing when it dies. */
    private enum Work {
        EXEC {
            @Override
            void begin(Hypervisor hypervisor, Runnable reached) throws InterruptedException {
                VM vm = hypervisor.launch(Lab.tiny("dying"));
                try (VMProcess process = vm.start(Command.of("yes"))) {
                    CompletableFuture<?> unused =
                            CompletableFuture.runAsync(() -> vm.exec(Command.of("sleep", "1000")));
                    while (!vm.exec(Command.of("pidof", "sleep")).success() && process.isAlive()) {
                        TimeUnit.MILLISECONDS.sleep(50);
                    }
                    reached.run();
                }
            }
        },
        COPY {
            @Override
            void begin(Hypervisor hypervisor, Runnable reached) throws IOException {
                VM vm = hypervisor.launch(Lab.tiny("dying"));
                Path file = Files.createTempFile("agentvm-killed", "");
                try (RandomAccessFile big = new RandomAccessFile(file.toFile(), "rw")) {
                    big.setLength(64L << 20);
                }
                CopyListener listener = (entries, bytes) -> {
                    if (bytes > 0) {
                        // The copy has it open.
                        boolean unused = file.toFile().delete();
                        reached.run();
                    }
                };
                vm.files()
                        .copyIn(
                                file,
                                "/tmp",
                                new CopyOptions.Builder().listener(listener).build());
            }
        },
        POOL_REFILL {
            @Override
            void begin(Hypervisor hypervisor, Runnable reached) {
                VMPool pool = new VMPool.Builder(hypervisor, Lab.tiny("pooled"))
                        .min(1)
                        .max(2)
                        .open();
                pool.acquire(Duration.ofMinutes(2)).close();
                reached.run();
            }
        };

        /** Works, and never returns from {@code reached}. */
        abstract void begin(Hypervisor hypervisor, Runnable reached) throws Exception;
    }

    /** A program that works until it is killed. */
    static final class WorkingProgram {
        private WorkingProgram() {}

        /** Argument: what it does. */
        public static void main(String[] args) throws Exception {
            Work.valueOf(args[0]).begin(LibvirtHypervisor.connect(), () -> {
                System.out.println("AT " + args[0]);
                while (true) {
                    LockSupport.park();
                }
            });
        }
    }
}
