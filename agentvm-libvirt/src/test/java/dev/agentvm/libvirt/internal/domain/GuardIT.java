package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.VM;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.libvirt.lab.Lab;
import dev.agentvm.libvirt.lab.Leftovers;
import dev.agentvm.libvirt.lab.OtherJvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** VMs that libvirt does not tie to their program end with it all the same, once the guard was told. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class GuardIT {
    private static final LaunchOptions DETACHED = LaunchOptions.standard().withDetached(true);

    @AfterEach
    void nothingIsLeft() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            hypervisor.list().forEach(VM::destroy);
        }
        Leftovers.assertNone();
    }

    /** The whole process group is killed, and the guard was told of a VM that is not its program's. */
    @Test
    void programKilledWithItsGroup_vmsItToldOf_areGoneInAMomentAndNoOthers() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM neighbour = hypervisor.launch(Lab.tiny("neighbour"))) {
            Process program = program(neighbour.id());
            VM guarded = hypervisor.find("guarded").orElseThrow();
            VM kept = hypervisor.find("kept").orElseThrow();

            Lab.host("kill", "-9", "--", "-" + program.pid());
            long killed = System.nanoTime();
            assertThat(program.waitFor()).isEqualTo(137);
            assertThat(guarded.awaitEnd(Duration.ofSeconds(20))).isTrue();
            Duration took = Duration.ofNanos(System.nanoTime() - killed);

            System.out.printf("guarded VM gone %d ms after its program%n", took.toMillis());
            assertThat(took).isLessThan(Duration.ofSeconds(2));
            Awaitility.await()
                    .atMost(Duration.ofSeconds(10))
                    .untilAsserted(() -> assertThat(Leftovers.all())
                            .as("of the guarded VM")
                            .noneMatch(line -> line.contains(guarded.id().toString())));
            assertThat(Lab.output(kept, Command.of("echo", "alive"))).isEqualTo("alive");
            assertThat(Lab.output(neighbour, Command.of("echo", "alive"))).isEqualTo("alive");
            kept.destroy();
        }
    }

    @Test
    void guardTerminated_programAlive_staysAtItsPost() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            Process program = program(UUID.randomUUID());
            VM guarded = hypervisor.find("guarded").orElseThrow();
            ProcessHandle guard = guard(program);
            for (String signal : List.of("-INT", "-TERM", "-HUP")) {
                Lab.host("kill", signal, Long.toString(guard.pid()));
            }
            assertThat(guarded.awaitEnd(Duration.ofSeconds(1))).isFalse();
            assertThat(guard.isAlive()).isTrue();

            program.destroyForcibly();

            assertThat(guarded.awaitEnd(Duration.ofSeconds(20))).isTrue();
            Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> !guard.isAlive());
        }
    }

    @Test
    void guardKilled_programAlive_isReplaced() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            Process program = program(UUID.randomUUID());
            VM guarded = hypervisor.find("guarded").orElseThrow();
            ProcessHandle first = guard(program);

            first.destroyForcibly();
            Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> guards(program) == 1 && !first.isAlive());
            assertThat(guarded.endReason()).isEmpty();
            program.destroyForcibly();

            assertThat(guarded.awaitEnd(Duration.ofSeconds(40))).isTrue();
        }
    }

    /** libvirt may have been asked for a domain just before the program died, and have other things to do first. */
    @Test
    void programKilled_domainThatLibvirtCreatesOnlyThen_goesToo() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            Process program = program(UUID.randomUUID());
            VM guarded = hypervisor.find("guarded").orElseThrow();
            hypervisor.find("kept").orElseThrow().destroy();
            String xml = Lab.host("virsh", "dumpxml", guarded.id().toString());
            String late = "<domain type='qemu'><name>guarded</name><uuid>" + guarded.id() + "</uuid>"
                    + xml.substring(xml.indexOf("<metadata>"), xml.indexOf("</metadata>"))
                    + "</metadata><memory unit='MiB'>64</memory><os><type machine='q35'>hvm</type></os></domain>";
            Path file = Files.writeString(Files.createTempFile("late", ".xml"), late);
            List<Path> locks = Leftovers.owners();

            ProcessHandle guard = guard(program);
            program.destroyForcibly();
            Awaitility.await().untilAsserted(() -> {
                assertThat(Leftovers.all()).isEmpty();
                assertThat(Leftovers.owners().containsAll(locks))
                        .as("the program's lock is there")
                        .isFalse();
            });
            assertThat(guard.isAlive()).isTrue();
            // It may be gone before its creation is over.
            assertThat(Lab.host("sh", "-c", "virsh create " + file + " 2>&1; true"))
                    .containsAnyOf("created from", "terminating on signal 15");

            Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> !guard.isAlive());
            assertThat(Lab.host("virsh", "--quiet", "list", "--name")).isEmpty();
            Files.delete(file);
        }
    }

    @Test
    void programEndsInGoodOrder_guardGoesWithIt() {
        LibvirtHost host = host();
        VM vm = host.launch(Lab.tiny("orderly"), DETACHED);
        host.guard().watch(vm.id());
        assertThat(guards(ProcessHandle.current())).isEqualTo(1);
        vm.destroy();

        host.close();

        assertThat(guards(ProcessHandle.current())).isZero();
    }

    private static Process program(UUID notItsOwn) throws Exception {
        Process program = OtherJvm.start(List.of("setsid"), Program.class, notItsOwn.toString());
        assertThat(program.inputReader().readLine()).isEqualTo("READY");
        return program;
    }

    private static ProcessHandle guard(Process program) {
        return program.toHandle()
                .children()
                .filter(GuardIT::isGuard)
                .findFirst()
                .orElseThrow();
    }

    private static long guards(Process program) {
        return guards(program.toHandle());
    }

    private static long guards(ProcessHandle program) {
        return program.children().filter(GuardIT::isGuard).count();
    }

    private static boolean isGuard(ProcessHandle process) {
        return process.info().commandLine().orElse("").contains(GuardProgram.class.getName());
    }

    private static LibvirtHost host() {
        return LibvirtHost.open(LabSettings.standard());
    }

    /** A program with a VM that its guard knows, and one that it does not. */
    static final class Program {
        private Program() {}

        /** Argument: a VM of another program, of which the guard is told too. */
        public static void main(String[] args) {
            LibvirtHost host = host();
            VM guarded = host.launch(Lab.tiny("guarded"), DETACHED);
            host.launch(Lab.tiny("kept"), DETACHED);
            host.guard().watch(guarded.id());
            host.guard().watch(UUID.fromString(args[0]));
            System.out.println("READY");
            while (true) {
                LockSupport.park();
            }
        }
    }
}
