package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.VM;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMState;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** libvirtd ends while VMs run: by a clean restart, by a crash. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class RestartIT {
    /** libvirtd exits without having destroyed what is to end with its clients in one of about twenty. */
    private static final int RESTARTS = 5;

    private static final LaunchOptions DETACHED =
            new LaunchOptions.Builder().detached(true).build();

    @AfterEach
    void nothingIsLeft() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            hypervisor.reap();
        }
        Leftovers.assertNone();
    }

    @Test
    void cleanRestart_attachedVM_isReportedDestroyedToEveryWaiter() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            boolean taken = false;
            for (int i = 0; i < RESTARTS && !taken; i++) {
                try (VM vm = hypervisor.launch(Lab.tiny("attached"))) {
                    CompletableFuture<ExecResult> waiter =
                            CompletableFuture.supplyAsync(() -> vm.exec(Command.of("sleep", "60")));
                    Awaitility.await().until(() -> Lab.output(vm, Command.of("pidof", "sleep")), pid -> !pid.isEmpty());

                    Daemon.restart();

                    taken = !Lab.host("virsh", "--quiet", "list", "--name").contains("attached");
                    if (taken) {
                        assertToldToEveryWaiter(vm, waiter);
                    } else {
                        awaitUsable(vm);
                    }
                }
            }
            assertThat(taken)
                    .as("one of %d restarts took the VM along", RESTARTS)
                    .isTrue();
        }
    }

    private static void assertToldToEveryWaiter(VM vm, CompletableFuture<ExecResult> waiter) {
        assertThat(vm.awaitEnd(Duration.ofSeconds(30))).isTrue();
        assertThat(vm.endReason().orElseThrow()).containsAnyOf("libvirt was restarted", "stopped (destroyed)");
        assertThatExceptionOfType(CompletionException.class)
                .isThrownBy(waiter::join)
                .withCauseInstanceOf(VMDestroyedException.class);
        assertThatExceptionOfType(VMDestroyedException.class).isThrownBy(() -> vm.exec(Command.of("true")));
        // Without another program: what the VM had is removed by this one.
        Awaitility.await().atMost(Duration.ofSeconds(30)).untilAsserted(Leftovers::assertNone);
    }

    private static void awaitUsable(VM vm) {
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .ignoreExceptions()
                .untilAsserted(() ->
                        assertThat(Lab.output(vm, Command.of("echo", "still"))).isEqualTo("still"));
    }

    @Test
    void cleanRestart_detachedVM_staysUsableThroughTheNewConnection() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("detached"), DETACHED)) {
            Daemon.restart();

            awaitUsable(vm);
            assertThat(vm.state()).isEqualTo(VMState.RUNNING);
            vm.destroy();
        }
    }

    @Test
    void crash_attachedVM_livesOnAndIsStillItsPrograms() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("crashed"))) {
            Daemon.crash();

            awaitUsable(vm);
        }
        Leftovers.assertNone();
    }

    @Test
    void crashAndDeathOfTheProgram_orphanedVM_isFoundByReap() throws Exception {
        DyingProgram program = DyingProgram.start(Moment.LAUNCHED, "orphan");
        program.awaitMoment();

        Daemon.crash();
        program.kill();

        assertThat(Lab.host("virsh", "--quiet", "list", "--name")).contains("orphan");
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            hypervisor.reap();
            assertThat(hypervisor.list()).isEmpty();
        }
    }
}
