package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.Resources;
import dev.agentvm.VM;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMProcess;
import dev.agentvm.VMState;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.NetworkPolicy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a guest that was put back knows, and what it does not. */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class ResetIT {
    private static final LaunchOptions RESETTABLE =
            new LaunchOptions.Builder().resettable(true).build();
    private static final int ROUNDS = Lab.soak() ? 100 : 4;
    private static final Path VOLUMES = Path.of("/var/lib/libvirt/agentvm");

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @Test
    void reset_manyInARow_noneSeesWhatTheOneBeforeDid() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("vm"), RESETTABLE)) {
            for (int round = 0; round < ROUNDS; round++) {
                Lab.awaitNetwork(vm);
                assertThat(Lab.output(
                                vm,
                                Command.shell("ls /tmp/canary /dev/shm/canary 2>/dev/null; pidof sleep; hostname;"
                                        + " ip -4 -o addr show lo | grep -o 127.9.9.9;"
                                        + " dd if=/dev/vda bs=6 count=1 2>/dev/null | grep -o canary; true")))
                        .as("round %d", round)
                        .isEqualTo("tiny");
                assertThat(seconds(vm)).as("clock").isBetween(now() - 3, now() + 3);
                assertThat(flows(vm, 443)).isEmpty();

                Lab.output(
                        vm,
                        Command.shell(
                                "touch /tmp/canary /dev/shm/canary; hostname canary; ip addr add 127.9.9.9 dev lo;"
                                        + " printf canary >/dev/vda; sync; date -s 2001-02-03"));
                VMProcess process = vm.start(Command.of("sleep", "1000"));
                VMProcess connection = vm.start(Command.of("nc", Lab.fact("WWW_ADDRESS"), "443"));
                Awaitility.await().until(() -> !flows(vm, 443).isEmpty());

                vm.reset();

                assertThat(process.waitFor().failure()).isPresent();
                assertThat(connection.waitFor().failure()).isPresent();
                assertThat(vm.state()).isEqualTo(VMState.RUNNING);
            }
            try (Stream<Path> files = Files.list(VOLUMES)) {
                assertThat(files)
                        .as("the first disk, the memory, and the present disk")
                        .hasSize(3);
            }
        }
    }

    /** There is one VM, however many handles this program has on it. */
    @Test
    void restore_handleThatWasFound_goesOnWithTheVM() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("vm"), RESETTABLE)) {
            VM found = hypervisor.find("vm").orElseThrow();
            VMProcess before = found.start(Command.of("sleep", "1000"));
            vm.snapshot("early");
            assertThat(before.isAlive()).isTrue();

            vm.restore("early");

            assertThat(before.waitFor().failure()).isPresent();
            assertThat(Lab.output(found, Command.of("echo", "on"))).isEqualTo("on");
            assertThat(found.snapshots()).isEqualTo(vm.snapshots());
            VMProcess own = vm.start(Command.of("sleep", "1000"));
            VMProcess other = found.start(Command.of("sleep", "1000"));
            found.close();
            assertThat(other.waitFor().failure()).isPresent();
            assertThat(own.isAlive()).isTrue();
            hypervisor.find("vm").orElseThrow().destroy();
            assertThat(vm.state()).isEqualTo(VMState.DESTROYED);
        }
    }

    /** What arrives from before would be answered by who listens there now. */
    @Test
    void restore_connectionThatWasOpen_isForgottenByTheHost() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("vm"), RESETTABLE)) {
            Lab.awaitNetwork(vm);
            VMProcess connection = vm.start(Command.of("nc", Lab.fact("WWW_ADDRESS"), "443"));
            Awaitility.await().until(() -> !flows(vm, 443).isEmpty());
            vm.snapshot("connected");

            vm.restore("connected");

            assertThat(connection.waitFor().failure()).isPresent();
            assertThat(flows(vm, 443)).isEmpty();
            assertThat(Lab.probe(vm, "tcp", Lab.fact("WWW_ADDRESS"), "443")).startsWith("open");
        }
    }

    /** The guest tries all the time; not one attempt that the policy of now denies gets through. */
    @Test
    void restore_guestThatTriesAtOnce_findsThePolicyInForce() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("vm"), RESETTABLE)) {
            Lab.awaitNetwork(vm);
            String address = Lab.fact("WWW_ADDRESS");
            Lab.output(
                    vm,
                    Command.shell("(while :; do probe tcp " + address + " 80 200; done) >/dev/null 2>&1 </dev/null &"));
            Awaitility.await().until(() -> !flows(vm, 80).isEmpty());
            vm.snapshot("trying");
            vm.setNetworkPolicy(NetworkPolicy.none());

            vm.restore("trying");

            Awaitility.await().until(() -> vm.connectionLog().attempts().size() > 10);
            assertThat(vm.connectionLog().limitation()).isEmpty();
            assertThat(vm.connectionLog().attempts())
                    .filteredOn(
                            attempt -> attempt.flow().destination().toString().contains(address))
                    .isNotEmpty()
                    .noneMatch(attempt -> attempt.verdict().orElseThrow().allowed());
            assertThat(flows(vm, 80)).noneMatch(flow -> flow.contains("ESTABLISHED"));
        }
    }

    @Test
    void reset_guestWithPerl_drawsOtherRandomNumbersEachTime() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(
                        Lab.tiny("vm")
                                .withImage(GuestImage.named("debian"))
                                .withResources(new Resources.Builder()
                                        .vcpus(1)
                                        .memoryMiB(512)
                                        .diskGiB(4)
                                        .build()),
                        RESETTABLE)) {
            Command draw = Command.shell("od -An -N16 -tx1 /dev/urandom");

            vm.reset();
            String first = Lab.output(vm, draw);
            vm.reset();
            String second = Lab.output(vm, draw);

            assertThat(second).isNotEqualTo(first);
            assertThat(vm.warnings()).noneMatch(warning -> warning.contains("random"));
            assertThat(seconds(vm)).isBetween(now() - 3, now() + 3);
        }
    }

    @Test
    void reset_guestThatCannotBeToldOfIt_warnsOfItsRandomNumbers() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("vm"), RESETTABLE)) {
            vm.reset();
            vm.reset();

            assertThat(vm.warnings())
                    .filteredOn(warning -> warning.contains("random numbers"))
                    .hasSize(1);
            assertThat(vm.warnings()).noneMatch(warning -> warning.contains("CAP_NET_ADMIN"));
        }
    }

    @Test
    void restore_bandwidthChangedSince_isKept() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("vm"), RESETTABLE)) {
            vm.snapshot("base");
            vm.setBandwidth(BandwidthLimit.unlimited());

            vm.restore("base");

            assertThat(vm.state()).isEqualTo(VMState.RUNNING);
            assertThat(Lab.host("virsh", "-q", "domiftune", vm.id().toString(), Lab.tap(vm)))
                    .contains("inbound.average: 0");
        }
    }

    @Test
    void restore_memoryDamaged_endsTheVMAndLeavesNothing() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            VM vm = hypervisor.launch(Lab.tiny("vm"), RESETTABLE);
            vm.snapshot("base");
            try (Stream<Path> files = Files.list(VOLUMES)) {
                Path memory = files.filter(file -> file.toString().endsWith("-2.save"))
                        .findFirst()
                        .orElseThrow();
                Files.write(memory, new byte[4096]);
            }

            assertThatExceptionOfType(AgentVMException.class)
                    .isThrownBy(() -> vm.restore("base"))
                    .withMessageContaining("which was destroyed");

            assertThat(vm.state()).isEqualTo(VMState.DESTROYED);
            assertThat(vm.endReason())
                    .hasValueSatisfying(reason -> assertThat(reason).contains("restore failed"));
            Leftovers.assertNone();
        }
    }

    @Test
    void restored_guestPowersOff_isKnownAtOnceAndLeavesNothing() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            VM vm = hypervisor.launch(Lab.tiny("vm"), RESETTABLE);
            vm.snapshot("base");
            vm.restore("base");

            assertThatExceptionOfType(VMDestroyedException.class)
                    .isThrownBy(() -> vm.exec(Command.of("poweroff", "-f")));

            assertThat(vm.awaitEnd(Duration.ofSeconds(20))).isTrue();
            Awaitility.await().untilAsserted(Leftovers::assertNone);
        }
    }

    @Test
    void snapshot_commandsUnderWay_goOnAsIfNothingHadHappened() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("vm"), RESETTABLE)) {
            CompletableFuture<String> counting = CompletableFuture.supplyAsync(
                    () -> Lab.output(vm, Command.shell("for i in 1 2 3 4 5 6; do sleep 1; echo $i; done")));
            for (String name : List.of("first", "second", "third")) {
                vm.snapshot(name);
            }

            assertThat(counting.get(2, TimeUnit.MINUTES)).isEqualTo("1\n2\n3\n4\n5\n6");
            assertThat(hypervisor.find("vm").orElseThrow().snapshots()).hasSize(3);
        }
    }

    private static long seconds(VM vm) {
        return Long.parseLong(Lab.output(vm, Command.of("date", "+%s")));
    }

    private static long now() {
        return Instant.now().getEpochSecond();
    }

    /** What the host's kernel tracks of the VM's connections to a port. */
    private static List<String> flows(VM vm, int port) {
        return Lab.host(
                        "conntrack",
                        "-L",
                        "-s",
                        vm.attachment().orElseThrow().address().toString())
                .lines()
                .filter(line -> line.contains("dport=" + port + " "))
                .toList();
    }
}
