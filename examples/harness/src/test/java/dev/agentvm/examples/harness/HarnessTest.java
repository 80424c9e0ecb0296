package dev.agentvm.examples.harness;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.testkit.ExecScript;
import dev.agentvm.testkit.FakeHypervisor;
import dev.agentvm.testkit.Fault;
import dev.agentvm.testkit.Reply;
import dev.agentvm.testkit.junit.AgentVMTest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The harness with a fake guest, whose git says what it is told to. */
@AgentVMTest
class HarnessTest {
    private static final Task TASK = new Task("https://git.example.com/hello.git", "make fix\nmake test\n");
    private static final byte[] PATCH = {'d', 'i', 'f', 'f', ' ', (byte) 0xff, 0, '\n'};

    @TempDir
    Path home;

    private final StringBuilder console = new StringBuilder();

    @BeforeEach
    void guestHasGit(FakeHypervisor hypervisor) {
        clone(hypervisor).thenAnswer((command, vm) -> {
            vm.exec(Command.of("mkdir", "-p", Harness.WORK));
            return Reply.exit(0);
        });
        hypervisor.whenExec("git", "rev-parse", "HEAD").thenReturn("c0ffee\n");
        hypervisor
                .whenExec(command -> command.argv().get(2).contains("git diff")
                        && command.argv().get(3).equals("c0ffee"))
                .thenReturn(Reply.exit(0).withStdout(PATCH));
    }

    private static ExecScript clone(FakeHypervisor hypervisor) {
        return hypervisor.whenExec(command -> command.argv().contains(TASK.repository()));
    }

    private static ExecScript whenAgentRuns(FakeHypervisor hypervisor, String line) {
        return hypervisor.whenExec(Harness.shell(line).argv().toArray(String[]::new));
    }

    private List<Step> run(FakeHypervisor hypervisor) throws IOException {
        return new Harness(hypervisor, Harness.template("default"), console).run(TASK, new ScriptedAgent(), patch());
    }

    private Path patch() {
        return home.resolve("work.patch");
    }

    @AfterEach
    void nothingIsLeft(FakeHypervisor hypervisor) {
        assertThat(hypervisor.leftovers()).isEmpty();
        assertThat(home.toFile().list()).isSubsetOf("work.patch");
    }

    @Test
    void run_allGoesWell_bringsThePatchHomeByteForByte(FakeHypervisor hypervisor) throws IOException {
        whenAgentRuns(hypervisor, "make fix").thenReturn("fixed\n");
        whenAgentRuns(hypervisor, "make test").thenReturn("12 tests passed\n");

        List<Step> done = run(hypervisor);

        assertThat(done).extracting(Step::command).containsExactly("make fix", "make test");
        assertThat(done).extracting(Step::output).containsExactly("fixed\n", "12 tests passed\n");
        assertThat(console).hasToString("$ make fix\nfixed\n$ make test\n12 tests passed\n");
        assertThat(patch()).hasBinaryContent(PATCH);
    }

    @Test
    void run_commandFails_agentSeesItAndItsWorkIsKept(FakeHypervisor hypervisor) throws IOException {
        whenAgentRuns(hypervisor, "make fix").thenFail(2, "");

        List<Step> done = run(hypervisor);

        assertThat(done)
                .singleElement()
                .satisfies(step -> assertThat(step.status().exitCode()).hasValue(2));
        assertThat(patch()).hasBinaryContent(PATCH);
    }

    @Test
    void run_commandHangs_agentIsToldThatItTookTooLong(FakeHypervisor hypervisor) throws IOException {
        whenAgentRuns(hypervisor, "make fix").thenHang();

        assertThat(run(hypervisor))
                .singleElement()
                .satisfies(
                        step -> assertThat(step.status().failure()).containsInstanceOf(CommandTimeoutException.class));
    }

    @Test
    void run_muchOutput_agentSeesBothEnds(FakeHypervisor hypervisor) throws IOException {
        whenAgentRuns(hypervisor, "make fix").thenReturn("first" + "x".repeat(100_000) + "last");
        whenAgentRuns(hypervisor, "make test").thenReturn("");

        assertThat(run(hypervisor).get(0).output())
                .startsWith("firstx")
                .contains("[80009 characters left out]")
                .endsWith("xlast")
                .hasSizeLessThan(20_100);
        assertThat(console).hasSizeGreaterThan(100_000);
    }

    @Test
    void run_repositoryCannotBeCloned_gitSaysWhyAndNoPatchIsWritten(FakeHypervisor hypervisor) {
        clone(hypervisor).thenFail(1, "fatal: repository not found");

        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> run(hypervisor))
                .withMessage("The VM cannot clone " + TASK.repository() + ": fatal: repository not found");
        assertThat(Files.exists(patch())).isFalse();
    }

    @Test
    void run_vmIsLost_noPatchIsWritten(FakeHypervisor hypervisor) {
        whenAgentRuns(hypervisor, "make fix").thenAnswer((command, vm) -> {
            vm.destroy();
            return Reply.exit(0);
        });

        assertThatExceptionOfType(VMDestroyedException.class).isThrownBy(() -> run(hypervisor));
        assertThat(Files.exists(patch())).isFalse();
    }

    @Test
    void run_whileAnotherTaskIsAtWork_hasAVMOfItsOwn(FakeHypervisor hypervisor) throws IOException {
        whenAgentRuns(hypervisor, "make fix").thenAnswer((command, vm) -> {
            try {
                return Reply.text(
                        hypervisor.list().size() == 1 ? run(hypervisor).get(0).output() : "two at work");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        whenAgentRuns(hypervisor, "make test").thenReturn("");

        assertThat(run(hypervisor).get(0).output()).isEqualTo("two at work");
    }

    @Test
    void run_launchFails_saysSo(FakeHypervisor hypervisor) {
        hypervisor.failNext(Fault.DISK_FULL);

        assertThatExceptionOfType(AgentVMException.class).isThrownBy(() -> run(hypervisor));
    }
}
