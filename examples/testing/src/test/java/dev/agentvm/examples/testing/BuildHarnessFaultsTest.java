package dev.agentvm.examples.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.Command;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.testkit.FakeHypervisor;
import dev.agentvm.testkit.Fault;
import dev.agentvm.testkit.junit.AgentVMTest;
import java.util.List;
import org.junit.jupiter.api.Test;

@AgentVMTest
class BuildHarnessFaultsTest {
    private static final List<Command> STEPS = List.of(Command.of("make", "test"));

    @Test
    void run_connectionLostDuringTheLaunch_isTriedAgain(FakeHypervisor hypervisor) {
        hypervisor.whenExec("make", "test").thenReturn("12 tests passed\n");
        hypervisor.failNext(Fault.CONNECTION_LOST);

        assertThat(new BuildHarness(hypervisor).run(STEPS).log()).isEqualTo("12 tests passed\n");
    }

    @Test
    void run_hostThatIsNotReady_isSaidAtOnce(FakeHypervisor hypervisor) {
        hypervisor.failNext(Fault.HOST_NOT_READY);

        assertThatExceptionOfType(HostNotReadyException.class)
                .isThrownBy(() -> new BuildHarness(hypervisor).run(STEPS));
        assertThat(hypervisor.leftovers()).isEmpty();
    }
}
