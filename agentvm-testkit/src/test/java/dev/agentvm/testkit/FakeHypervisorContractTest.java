package dev.agentvm.testkit;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.VMTemplate;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.network.Flow;
import java.time.Duration;
import java.util.List;

class FakeHypervisorContractTest extends HypervisorContract {
    private final FakeHypervisor host = FakeHypervisor.create();

    FakeHypervisorContractTest() {
        host.whenExec(CommandMatcher.program("attempt")).thenAnswer((command, guest) -> {
            guest.connect(Flow.tcp(
                    command.argv().get(1), Integer.parseInt(command.argv().get(2))));
            return Reply.exit(1);
        });
        answer(LEAVES_A_PROCESS, Reply.text("left\n"));
        answer(STARTS_A_PROCESS, Reply.hang().withChildren("sleep"));
        answer(KILLS_ITSELF, Reply.signal(9));
        answer(ERRS_AND_COPIES, Reply.echo().withStderr("aside\n"));
    }

    private void answer(Command command, Reply reply) {
        host.whenExec(command.argv().toArray(String[]::new)).thenReturn(reply);
    }

    FakeHypervisor host() {
        return host;
    }

    @Override
    protected Hypervisor connect(MetricsSink metrics) {
        return host.anotherProgram(metrics);
    }

    @Override
    protected VMTemplate template(String name) {
        return new VMTemplate.Builder().name(name).build();
    }

    @Override
    protected VMTemplate templateWithoutAgent(String name) {
        host.failNext(Fault.AGENT_NEVER_ANSWERS);
        return template(name);
    }

    @Override
    protected void launchInProgramThatDies(VMTemplate template, LaunchStep step) {
        FakeHypervisor program = host.anotherProgram();
        LaunchOptions options = new LaunchOptions.Builder()
                .listener((done, time) -> {
                    if (done == step) {
                        program.kill();
                    }
                })
                .build();
        assertThatExceptionOfType(AgentVMException.class).isThrownBy(() -> program.launch(template, options));
    }

    @Override
    protected Command attempt(String address, int port) {
        return Command.of("attempt", address, Integer.toString(port));
    }

    @Override
    protected List<String> leftovers() {
        return host.leftovers();
    }

    @Override
    protected void elapse(Duration time) {
        host.time().advance(time);
    }

    /** Nothing relies on it: who waits looks again in any case. */
    @Override
    @SuppressWarnings("ThreadPriorityCheck")
    protected void pause() {
        Thread.yield();
    }

    @Override
    protected void withTimeHeld(Runnable part) {
        VirtualTime.Hold hold = host.time().hold();
        try {
            part.run();
        } finally {
            hold.close();
        }
    }
}
