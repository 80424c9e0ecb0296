package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.ReapReport;
import dev.agentvm.VM;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A program dies while it takes a snapshot or puts a VM back; what it leaves is removed, its neighbour's is not. */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class KilledRestoreIT {
    private static final int ROUNDS = Lab.soak() ? 30 : 1;
    private static final Path VOLUMES = Path.of("/var/lib/libvirt/agentvm");
    private static final Path QEMU = Path.of("/run/libvirt/qemu/dying.pid");

    /** When it dies: what it said last, and what is then seen on the host. */
    enum Moment {
        FIRST_MEMORY_ANNOUNCED("launch") {
            @Override
            boolean hasCome() {
                return savedBytes(1) >= 0;
            }
        },
        FIRST_MEMORY_WRITTEN("launch") {
            @Override
            boolean hasCome() {
                return savedBytes(1) > 4 << 20;
            }
        },
        SNAPSHOT_BEGUN("snapshot"),
        MEMORY_ANNOUNCED("snapshot") {
            @Override
            boolean hasCome() {
                return savedBytes(2) >= 0;
            }
        },
        MEMORY_WRITTEN("snapshot") {
            @Override
            boolean hasCome() {
                return savedBytes(2) > 4 << 20;
            }
        },
        RESTORE_BEGUN("restore"),
        DOMAIN_DESTROYED("restore") {
            @Override
            boolean hasCome() {
                return !Files.exists(QEMU);
            }
        },
        RESTORED("restored"),
        RESET("reset-done");

        private final String word;

        Moment(String word) {
            this.word = word;
        }

        boolean hasCome() {
            return true;
        }
    }

    @ParameterizedTest
    @EnumSource(Moment.class)
    void reap_afterKillAtMoment_leavesNothing(Moment moment) throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM neighbour = hypervisor.launch(Lab.tiny("neighbour"))) {
            long daemon = Long.parseLong(Lab.host("pidof", "libvirtd"));
            for (int round = 0; round < ROUNDS; round++) {
                killAt(moment);

                Awaitility.await().atMost(Duration.ofSeconds(30)).untilAsserted(() -> {
                    ReapReport report = hypervisor.reap();
                    assertThat(report.failed()).isEmpty();
                    assertThat(ProcessHandle.of(daemon).map(ProcessHandle::isAlive))
                            .as("libvirtd lives")
                            .contains(true);
                    assertThat(Leftovers.all()).noneMatch(thing -> !isOf(neighbour, thing));
                });
                assertThat(Lab.output(neighbour, Command.of("echo", "untouched")))
                        .isEqualTo("untouched");
            }
        }
        Leftovers.assertNone();
        System.out.printf("killed at %s: %d times, nothing left%n", moment, ROUNDS);
    }

    /** libvirt ends no domain with its program that was created from a saved memory; the guard does. */
    @Test
    void killOfAProgramWithARestoredVM_guardEndsTheVM() throws Exception {
        killAt(Moment.RESTORED);

        Awaitility.await().atMost(Duration.ofSeconds(20)).untilAsserted(Leftovers::assertNone);
    }

    private static boolean isOf(VM vm, String thing) {
        return thing.equals("domain " + vm.name())
                || thing.contains(vm.id().toString())
                || thing.equals("tap " + Lab.tap(vm))
                || thing.endsWith("-" + vm.attachment().orElseThrow().address());
    }

    private static void killAt(Moment moment) throws Exception {
        Process program = OtherJvm.start(List.of(), RestoringProgram.class);
        BufferedReader said = program.inputReader();
        String line;
        do {
            line = said.readLine();
            assertThat(line).as("its words").isNotNull();
        } while (!line.equals(moment.word));
        long begin = System.nanoTime();
        while (!moment.hasCome()) {
            assertThat(System.nanoTime() - begin).isLessThan(TimeUnit.MINUTES.toNanos(1));
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
        }
        program.destroyForcibly().waitFor();
        assertThat(program.exitValue()).as("killed by signal 9").isEqualTo(137);
    }

    /** The size of that saved memory; less than 0 while there is no file. */
    private static long savedBytes(int number) {
        try (Stream<Path> files = Files.list(VOLUMES)) {
            return files.filter(file -> file.toString().endsWith("-" + number + ".save"))
                    .mapToLong(file -> file.toFile().length())
                    .findFirst()
                    .orElse(-1);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A program that says what it is about to do to its VM, and what it has done. */
    static final class RestoringProgram {
        private RestoringProgram() {}

        /** No arguments. */
        public static void main(String[] args) {
            Hypervisor hypervisor = LibvirtHypervisor.connect();
            System.out.println("launch");
            LaunchOptions options = new LaunchOptions.Builder().resettable(true).build();
            VM vm = hypervisor.launch(Lab.tiny("dying"), options);
            System.out.println("snapshot");
            vm.snapshot("base");
            System.out.println("restore");
            vm.restore("base");
            System.out.println("restored");
            pause();
            vm.reset();
            System.out.println("reset-done");
            pause();
            pause();
        }

        private static void pause() {
            LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(3));
        }
    }
}
