package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.agentvm.Command;
import dev.agentvm.CopyOptions;
import dev.agentvm.FailureContext;
import dev.agentvm.Hypervisor;
import dev.agentvm.OutputLimit;
import dev.agentvm.Resources;
import dev.agentvm.VM;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMProcess;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** However a VM ends, whoever waits for something of it knows within a second. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class WaitersIT {
    private static final Duration LONG = Duration.ofMinutes(10);
    /** Other labs share the machine in a run of all tests, and libvirt takes most of a second to tell of QEMU's end. */
    static final Duration SOON = Duration.ofSeconds(Boolean.getBoolean("agentvm.soak") ? 1 : 2);

    private static Hypervisor hypervisor;

    @TempDir
    private Path temporary;

    /** When each of them was told, and what. */
    private final Map<String, Told> told = new ConcurrentHashMap<>();

    private record Told(long nanos, Optional<Throwable> failure) {}

    /** A way for a VM to end; each returns the moment from which the VM is gone. */
    enum Ending {
        DESTROY {
            @Override
            long bringAbout(VM vm) {
                long begin = System.nanoTime();
                vm.destroy();
                return begin;
            }
        },
        KILL_OF_QEMU {
            @Override
            long bringAbout(VM vm) throws IOException {
                long begin = System.nanoTime();
                assertThat(qemu(vm).destroyForcibly()).isTrue();
                return begin;
            }
        },
        POWER_OFF {
            @Override
            long bringAbout(VM vm) throws Exception {
                ProcessHandle qemu = qemu(vm);
                Lab.output(vm, Command.shell("(sleep 0.5; poweroff -f) >/dev/null 2>&1 &"));
                while (qemu.isAlive()) {
                    Thread.sleep(1);
                }
                return System.nanoTime();
            }
        };

        abstract long bringAbout(VM vm) throws Exception;

        private static ProcessHandle qemu(VM vm) throws IOException {
            String pid = Files.readString(Path.of("/run/libvirt/qemu", vm.name() + ".pid"));
            return ProcessHandle.of(Long.parseLong(pid.strip())).orElseThrow();
        }
    }

    @BeforeAll
    static void connect() {
        hypervisor = LibvirtHypervisor.connect();
    }

    @AfterAll
    static void close() {
        hypervisor.close();
        Leftovers.assertNone();
    }

    @ParameterizedTest
    @EnumSource(Ending.class)
    void waiters_ofAllKinds_knowTheEndOfTheirVMSoon(Ending ending) throws Exception {
        VMTemplate template = Lab.tiny("ending")
                .withResources(new Resources.Builder()
                        .vcpus(1)
                        .memoryMiB(512)
                        .diskGiB(1)
                        .build());
        try (VM vm = hypervisor.launch(template)) {
            int waiters = begin(vm);
            assertThat(told).isEmpty();

            long end = ending.bringAbout(vm);

            Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> told.size() == waiters);
            Map.Entry<String, Told> last = Collections.max(
                    told.entrySet(),
                    Comparator.comparingLong(entry -> entry.getValue().nanos()));
            System.out.printf(
                    "%s: %d waiters, the last, '%s', after %d ms%n",
                    ending, waiters, last.getKey(), (last.getValue().nanos() - end) / 1_000_000);
            told.forEach((waiter, what) -> {
                assertThat(Duration.ofNanos(what.nanos() - end)).as(waiter).isLessThan(SOON);
                assertThat(what.failure())
                        .as(waiter)
                        .hasValueSatisfying(failure -> isTheEndOfTheVM(failure, waiter.startsWith("copy")));
            });
        }
    }

    private static void isTheEndOfTheVM(Throwable failure, boolean ofACopy) {
        Throwable end = failure instanceof IOException ? failure.getCause() : failure;
        assertThat(end).isInstanceOf(VMDestroyedException.class);
        assertThat(String.valueOf(end.getMessage()).contains("copying")).isEqualTo(ofACopy);
    }

    /** @return how many begin to wait */
    private int begin(VM vm) throws Exception {
        Command sleep = Command.of("sleep", "1000");
        for (int i = 0; i < 6; i++) {
            waiter("exec " + i, () -> vm.exec(sleep));
        }
        for (int i = 0; i < 2; i++) {
            Command chatter = Command.shell("while echo chatter; do sleep 0.5; done");
            waiter("exec with its ends kept " + i, () -> vm.exec(chatter.withOutputLimit(OutputLimit.keepEnds(100))));
        }
        VMProcess awaited = vm.start(sleep);
        for (int i = 0; i < 8; i++) {
            waiter("waitFor " + i, () -> {
                throw awaited.waitFor(LONG).orElseThrow().failure().orElseThrow();
            });
            waiter("waitFor without a limit " + i, () -> {
                throw awaited.waitFor().failure().orElseThrow();
            });
            String callback = "onExit " + i;
            CompletableFuture<Void> unused = awaited.onExit().thenAccept(status -> note(callback, status.failure()));
        }
        for (int i = 0; i < 4; i++) {
            VMProcess silent = vm.start(sleep);
            waiter("reader " + i, () -> silent.stdout().readAllBytes());
            waiter("reader of errors " + i, () -> silent.stderr().read());
            waiter("writer " + i, () -> silent.stdin().write(new byte[4 << 20]));
            waiter("awaitEnd " + i, () -> {
                assertThat(vm.awaitEnd(LONG)).isTrue();
                throw new VMDestroyedException(vm.endReason().orElseThrow(), FailureContext.of("wait"));
            });
        }
        copies(vm);
        // Until each of them stands where it waits.
        Thread.sleep(1000);
        return 6 + 2 + 3 * 8 + 4 * 4 + 2;
    }

    /** Copies each way, which take long. */
    private void copies(VM vm) throws Exception {
        Path in = Files.createDirectory(temporary.resolve("in"));
        try (RandomAccessFile file = new RandomAccessFile(in.resolve("zeros").toFile(), "rw")) {
            file.setLength(200 << 20);
        }
        Lab.output(vm, Command.shell("mkdir /tmp/out && truncate -s 4G /tmp/out/zeros"));
        CountDownLatch begun = new CountDownLatch(2);
        waiter("copyIn", () -> vm.files().copyIn(in, "/tmp/in", telling(begun)));
        waiter("copyOut", () -> vm.files().copyOut("/tmp/out", temporary.resolve("out"), telling(begun)));
        assertThat(begun.await(1, TimeUnit.MINUTES)).isTrue();
    }

    private static CopyOptions telling(CountDownLatch begun) {
        boolean[] first = {true};
        return CopyOptions.standard().toBuilder()
                .listener((entries, bytes) -> {
                    if (first[0]) {
                        first[0] = false;
                        begun.countDown();
                    }
                })
                .build();
    }

    private void waiter(String name, ThrowingCallable call) {
        Thread thread = new Thread(() -> note(name, Optional.ofNullable(catchThrowable(call))), name);
        thread.setDaemon(true);
        thread.start();
    }

    private void note(String waiter, Optional<? extends Throwable> failure) {
        told.put(waiter, new Told(System.nanoTime(), failure.map(Throwable.class::cast)));
    }
}
