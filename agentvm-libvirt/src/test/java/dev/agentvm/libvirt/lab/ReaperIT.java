package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.libvirt.ReaperCommand;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@code agentvm-reaper}, a process of its own, removes what programs that hang or died leave, and nothing else. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class ReaperIT {
    private final List<Process> programs = new ArrayList<>();

    @AfterEach
    void nothingIsLeft() throws InterruptedException {
        for (Process program : programs) {
            program.destroyForcibly().waitFor();
        }
        Leftovers.assertNone();
    }

    /** Detached VMs: attached ones libvirt itself ends half a minute after their program has ceased to answer it. */
    @Test
    void programsThatHang_theirVMsPastTheirTimes_areRemovedAndTheProgramsHearWhy() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM neighbour = hypervisor.launch(Lab.tiny("neighbour")
                        .withTimeToLive(Duration.ofHours(1))
                        .withIdleTimeout(Duration.ofHours(1)))) {
            Process mortal = program("mortal", "PT15S", "PT1H");
            Process idle = program("idle", "PT1H", "PT8S");
            stopWhenReady(mortal);
            stopWhenReady(idle);
            TimeUnit.SECONDS.sleep(16);
            assertThat(hypervisor.list()).extracting(VM::name).contains("mortal", "idle");

            List<String> wouldGo = reaper("--dry-run");
            assertThat(wouldGo).hasSize(2).allMatch(line -> line.startsWith("would remove "));
            assertThat(hypervisor.list()).extracting(VM::name).contains("mortal", "idle");
            assertThat(reaper())
                    .hasSize(2)
                    .anyMatch(line -> line.startsWith("removed mortal") && line.contains("time to live"))
                    .anyMatch(line -> line.startsWith("removed idle") && line.contains("idle for more than PT8S"));
            assertThat(hypervisor.list()).extracting(VM::name).containsExactly("neighbour");
            assertThat(reaper()).isEmpty();

            signal("-CONT", mortal);
            signal("-CONT", idle);
            assertThat(mortal.inputReader().readLine()).contains("time to live");
            assertThat(idle.inputReader().readLine()).contains("idle");
            assertThat(mortal.waitFor()).isZero();
            assertThat(idle.waitFor()).isZero();
            assertThat(Lab.output(neighbour, Command.of("echo", "untouched"))).isEqualTo("untouched");
        }
    }

    @Test
    void programKilled_whatItLeft_isRemoved() throws Exception {
        DyingProgram.kill(Moment.RESUMED, "dying");
        assertThat(Leftovers.all()).isNotEmpty();

        assertThat(reaper("--dry-run")).singleElement().asString().startsWith("would remove dying");
        assertThat(Leftovers.all()).isNotEmpty();
        assertThat(reaper("--uri", "qemu:///system", "--state-directory", "/var/lib/agentvm"))
                .singleElement()
                .asString()
                .startsWith("removed dying")
                .contains("its program is gone");
    }

    @Test
    void interval_goesOnAndFindsWhatComesLater() throws Exception {
        Process reaper = OtherJvm.start(List.of(), ReaperCommand.class, "--interval", "1s");
        DyingProgram.kill(Moment.DISK_MADE, "later");

        assertThat(reaper.inputReader().readLine()).startsWith("removed later");
        reaper.destroy();
        assertThat(reaper.waitFor()).as("ended by signal 15").isEqualTo(143);
        assertThat(Leftovers.owners()).isEmpty();
    }

    private static List<String> reaper(String... arguments) throws Exception {
        Process reaper = OtherJvm.start(List.of(), ReaperCommand.class, arguments);
        List<String> lines = reaper.inputReader().lines().toList();
        assertThat(reaper.waitFor()).isZero();
        return lines;
    }

    private Process program(String name, String timeToLive, String idleTimeout) throws IOException {
        Process program = OtherJvm.start(List.of(), Program.class, name, timeToLive, idleTimeout);
        programs.add(program);
        return program;
    }

    private static void stopWhenReady(Process program) throws IOException {
        assertThat(program.inputReader().readLine()).isEqualTo("READY");
        signal("-STOP", program);
    }

    private static void signal(String signal, Process process) {
        Lab.host("kill", signal, Long.toString(process.pid()));
    }

    /** A program that waits for the end of its VM, and says why that came. */
    static final class Program {
        private Program() {}

        /** Arguments: the VM's name, its time to live and its idle timeout. */
        public static void main(String[] args) {
            VMTemplate template =
                    Lab.tiny(args[0]).withTimeToLive(Duration.parse(args[1])).withIdleTimeout(Duration.parse(args[2]));
            // Else the second of two would reap the first.
            LibvirtHypervisor.Builder builder = new LibvirtHypervisor.Builder().withoutReaping();
            try (Hypervisor hypervisor = builder.connect();
                    VM vm = hypervisor.launch(template, LaunchOptions.standard().withDetached(true))) {
                System.out.println("READY");
                boolean unused = vm.awaitEnd(Duration.ofMinutes(3));
                System.out.println(vm.endReason().orElse("it lives"));
            }
        }
    }
}
