package dev.agentvm.examples.testing;

import static dev.agentvm.testkit.assertions.AgentVMAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.examples.testing.BuildHarness.Report;
import dev.agentvm.testkit.junit.AgentVMTest;
import dev.agentvm.testkit.junit.Template;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

@AgentVMTest
class BuildHarnessTest {
    @Template
    VMTemplate builder() {
        return BuildHarness.template();
    }

    @Test
    void run_stepThatFails_stopsThereAndLeavesNoVM(Hypervisor hypervisor) {
        Report report = new BuildHarness(hypervisor)
                .run(List.of(Command.of("echo", "compiling"), Command.of("false"), Command.of("echo", "never")));

        assertThat(report).isEqualTo(new Report("compiling\n", "false failed"));
        assertThat(hypervisor.list()).isEmpty();
    }

    @Test
    void run_stepThatHangs_isStoppedInTime(Hypervisor hypervisor) {
        Command hanging = Command.of("sleep", "1000").withTimeout(Duration.ofSeconds(2));

        assertThat(new BuildHarness(hypervisor).run(List.of(hanging)).failure()).isEqualTo("sleep 1000 took too long");
    }

    @Test
    void template_ofBuilds_boots(VM vm) {
        assertThat(vm).isRunning().hasNetwork().exec("echo", "ready").succeeds().printsLine("ready");
    }
}
