package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.ReapReport;
import dev.agentvm.VM;
import dev.agentvm.cloudinit.CloudInit;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A program dies at each step of a launch; what it leaves is removed, and a program beside it is not touched. */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class KilledLaunchIT {
    private static final int ROUNDS = Lab.soak() ? 30 : 3;

    /** Three programs at a time die at the same step, so that what they leave is mixed. */
    @ParameterizedTest
    @EnumSource(LaunchStep.class)
    void reap_afterKillAtStep_leavesNothing(LaunchStep step) throws Exception {
        List<Process> programs = new ArrayList<>();
        for (int round = 0; round < ROUNDS; round++) {
            programs.add(program("vm-" + step.ordinal() + "-" + round, step.name()));
            if (programs.size() % 3 == 0) {
                awaitDeaths(programs.subList(programs.size() - 3, programs.size()));
            }
        }
        awaitDeaths(programs);

        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            ReapReport report = hypervisor.reap();
            assertThat(report.failed()).isEmpty();
            Leftovers.assertNone();
        }
        assertThat(Leftovers.owners()).isEmpty();
        System.out.printf("killed at %s: %d times, nothing left%n", step, ROUNDS);
    }

    @Test
    void reap_whileAnotherProgramLaunches_leavesItAlone() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM neighbour = hypervisor.launch(Lab.tiny("neighbour"))) {
            Process other = program("other", "NEVER");
            Process dying = program("dying", LaunchStep.RESUMED.name());
            while (other.isAlive() && hypervisor.find("other").isEmpty()) {
                assertThat(hypervisor.reap().failed()).isEmpty();
            }
            awaitDeaths(List.of(dying));
            hypervisor.reap();

            assertThat(other.isAlive()).isTrue();
            assertThat(other.inputReader().readLine()).isEqualTo("READY");
            hypervisor.reap();
            assertThat(Lab.output(neighbour, Command.of("echo", "untouched"))).isEqualTo("untouched");
            assertThat(hypervisor.list()).extracting(VM::name).containsExactlyInAnyOrder("neighbour", "other");

            other.destroyForcibly().waitFor();
            Awaitility.await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
                hypervisor.reap();
                assertThat(hypervisor.list()).extracting(VM::name).containsExactly("neighbour");
            });
        }
        Leftovers.assertNone();
    }

    static Process program(String vmName, String step) throws IOException {
        return OtherJvm.start(List.of(), LaunchingProgram.class, vmName, step);
    }

    private static void awaitDeaths(List<Process> programs) throws InterruptedException {
        for (Process program : programs) {
            assertThat(program.waitFor(3, TimeUnit.MINUTES)).isTrue();
            assertThat(program.exitValue()).as("killed by signal 9").isEqualTo(137);
        }
    }

    /** A program that kills itself at a step of a launch, or holds on to its VM. */
    static final class LaunchingProgram {
        private LaunchingProgram() {}

        /** Arguments: the VM's name, and the step. */
        public static void main(String[] args) {
            LaunchOptions options = new LaunchOptions.Builder()
                    .listener((step, time) -> {
                        if (step.name().equals(args[1])) {
                            killSelf();
                        }
                    })
                    .build();
            Hypervisor hypervisor = LibvirtHypervisor.connect();
            // A seed, so that a launch makes all that one can.
            CloudInit seed = new CloudInit.Builder().build();
            hypervisor.launch(Lab.tiny(args[0]).withCloudInit(seed), options);
            System.out.println("READY");
            sleepForEver();
        }

        private static void killSelf() {
            try {
                new ProcessBuilder(
                                "kill",
                                "-9",
                                Long.toString(ProcessHandle.current().pid()))
                        .start();
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
            sleepForEver();
        }

        private static void sleepForEver() {
            while (true) {
                LockSupport.park();
            }
        }
    }
}
