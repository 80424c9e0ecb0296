package dev.agentvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExecResult;
import dev.agentvm.ExitStatus;
import dev.agentvm.GuestAgentException;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.ImageNotFoundException;
import dev.agentvm.InvalidValueException;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.OutputLimitException;
import dev.agentvm.VM;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMProcess;
import dev.agentvm.VMRestoredException;
import dev.agentvm.VMState;
import dev.agentvm.VMTemplate;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FakeHypervisorTest {
    private final FakeHypervisor hypervisor = FakeHypervisor.create();

    private static VMTemplate template(String name) {
        return new VMTemplate.Builder().name(name).build();
    }

    @Test
    void launch_defaults_takesTheBootTimeAndNoOther() {
        Instant before = hypervisor.time().now();

        FakeVM vm = hypervisor.launch(template("vm"));

        assertThat(hypervisor.time().now()).isEqualTo(before.plusSeconds(2));
        assertThat(vm.attachment().orElseThrow().address()).hasToString("192.168.101.10");
        assertThat(vm.attachment().orElseThrow().mac()).hasToString("52:54:c0:a8:65:0a");
        assertThat(vm.serialLog()).contains("boots 'default'", "agent answers");
    }

    @Test
    void launch_bootSlowerThanItsTimeout_timesOutThen() {
        FakeHypervisor slow =
                new FakeHypervisor.Builder().bootTime(Duration.ofMinutes(3)).build();
        Instant before = slow.time().now();

        assertThatExceptionOfType(OperationTimeoutException.class)
                .isThrownBy(() -> slow.launch(template("vm")))
                .withMessageContainingAll("AGENT_READY", "120 s", "boots");

        assertThat(slow.time().now()).isEqualTo(before.plusSeconds(120));
        assertThat(slow.leftovers()).isEmpty();
    }

    @Test
    void launch_imageThatTheHostLacks_namesThoseItHas() {
        FakeHypervisor other = new FakeHypervisor.Builder().addImage("debian").build();

        assertThatExceptionOfType(ImageNotFoundException.class)
                .isThrownBy(() -> other.launch(template("vm").withImage(dev.agentvm.GuestImage.named("nosuch"))))
                .withMessageContainingAll("nosuch", "debian, default", "addImage(");
    }

    @Test
    void launch_whileAVMOfThatNameIsLaunched_failsAtTheDomain() {
        LaunchOptions options = new LaunchOptions.Builder()
                .listener((step, time) -> {
                    if (step == LaunchStep.POLICY_DEFINED) {
                        hypervisor.launch(template("twin"));
                    }
                })
                .build();

        assertThatExceptionOfType(dev.agentvm.VMAlreadyExistsException.class)
                .isThrownBy(() -> hypervisor.launch(template("twin"), options))
                .withMessageContaining("DOMAIN_CREATED");
        assertThat(hypervisor.list()).hasSize(1);
    }

    @Test
    void launch_allAddressesTaken_isRefusedUntilOneIsFree() {
        FakeHypervisor small =
                new FakeHypervisor.Builder().subnet(Cidr.of("10.0.0.0/28")).build();
        List<FakeVM> all = IntStream.range(10, 15)
                .mapToObj(i -> small.launch(template("vm-" + i)))
                .toList();

        assertThatExceptionOfType(HostNotReadyException.class)
                .isThrownBy(() -> small.launch(template("one-more")))
                .satisfies(e -> assertThat(e.retryable()).isTrue());
        all.get(2).close();
        assertThat(small.launch(template("one-more")).attachment().orElseThrow().address())
                .hasToString("10.0.0.12");
    }

    @Test
    void launch_hostThatCannotShape_warnsOrRefuses() {
        FakeHypervisor plain =
                new FakeHypervisor.Builder().withoutTrafficShaping().build();

        FakeVM vm = plain.launch(template("vm"));
        assertThat(vm.warnings()).singleElement().asString().contains("bandwidth");
        assertThat(vm.bandwidth()).isEqualTo(BandwidthLimit.unlimited());
        vm.setBandwidth(BandwidthLimit.standard());
        assertThat(vm.bandwidth()).isEqualTo(BandwidthLimit.unlimited());
        assertThatExceptionOfType(HostNotReadyException.class)
                .isThrownBy(() -> plain.launch(template("strict")
                        .withBandwidth(BandwidthLimit.standard().required())));
    }

    @Test
    void whenExec_scripted_answersInTurnAndThenTheLast() {
        FakeVM vm = hypervisor.launch(template("vm"));
        hypervisor.whenExec("git", "status").thenReturn("dirty\n").thenFail(128, "fatal\n");

        assertThat(vm.exec(Command.of("git", "status")).stdoutText()).isEqualTo("dirty\n");
        ExecResult second = vm.exec(Command.of("git", "status"));
        assertThat(second.exitCode()).isEqualTo(OptionalInt.of(128));
        assertThat(second.stderrText()).isEqualTo("fatal\n");
        assertThat(vm.exec(Command.of("git", "status")).exitCode()).isEqualTo(OptionalInt.of(128));
        assertThatExceptionOfType(CommandStartException.class).isThrownBy(() -> vm.exec(Command.of("git", "log")));
    }

    @Test
    void whenExec_ofAVM_comesBeforeItsHypervisorsAndTheNewestFirst() {
        FakeVM vm = hypervisor.launch(template("vm"));
        FakeVM other = hypervisor.launch(template("other"));
        vm.whenExec(CommandMatcher.program("git")).thenReturn("old");
        vm.whenExec(CommandMatcher.startsWith("git", "log")).thenReturn("new");
        hypervisor.whenExec(CommandMatcher.any()).thenReturn("any");

        assertThat(vm.exec(Command.of("/usr/bin/git", "log")).stdoutText()).isEqualTo("old");
        assertThat(vm.exec(Command.of("git", "log", "-1")).stdoutText()).isEqualTo("new");
        assertThat(vm.exec(Command.of("true")).stdoutText()).isEqualTo("any");
        assertThat(other.exec(Command.of("git", "log")).stdoutText()).isEqualTo("any");
    }

    @Test
    void whenExec_answerUsesTheGuest_itsFilesAndNetworkAreThere() {
        FakeVM vm = hypervisor.launch(template("vm"));
        vm.whenExec(CommandMatcher.shell("curl http://10.0.0.1 > /tmp/out")).thenAnswer((command, guest) -> {
            boolean open = guest.connect(Flow.tcp("10.0.0.1", 80)).allowed();
            guest.putFile("/tmp/out", "page");
            return Reply.exit(open ? 0 : 7).after(Duration.ofSeconds(3));
        });

        ExecResult result = vm.exec(Command.shell("curl http://10.0.0.1 > /tmp/out"));

        assertThat(result.exitCode()).isEqualTo(OptionalInt.of(7));
        assertThat(result.duration()).isEqualTo(Duration.ofSeconds(3));
        assertThat(vm.exec(Command.of("cat", "/tmp/out")).stdoutText()).isEqualTo("page");
        assertThat(vm.connectionLog().attempts()).singleElement().satisfies(attempt -> {
            assertThat(attempt.flow()).isEqualTo(Flow.tcp("10.0.0.1", 80));
            assertThat(attempt.verdict().orElseThrow().outcome()).isEqualTo(Verdict.Outcome.DROPPED);
        });
        assertThat(vm.commands()).hasSize(2);
    }

    @Test
    void whenExec_vmIsResetBeforeTheAnswer_theCommandIsTold() {
        FakeVM vm = hypervisor.launch(template("vm"));
        vm.whenExec("build").thenAnswer((command, guest) -> {
            vm.reset();
            return Reply.hang();
        });

        assertThatExceptionOfType(VMRestoredException.class).isThrownBy(() -> vm.exec(Command.of("build")));
        try (VMProcess process = vm.start(Command.of("build"))) {
            assertThat(process.waitFor().failure()).containsInstanceOf(VMRestoredException.class);
        }
    }

    @Test
    void whenExec_throwsSignalsAndHangs_asAsked() {
        FakeVM vm = hypervisor.launch(template("vm"));
        vm.whenExec("boom").thenThrow(() -> new IllegalStateException("boom"));
        vm.whenExec("killed").thenReturn(Reply.signal(9));
        vm.whenExec("hung").thenHang();
        vm.whenExec("loud").thenReturn(Reply.endlessOutput());

        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> vm.exec(Command.of("boom")));
        assertThat(vm.exec(Command.of("killed")).signal()).isEqualTo(OptionalInt.of(9));
        Instant before = hypervisor.time().now();
        assertThatExceptionOfType(CommandTimeoutException.class).isThrownBy(() -> vm.exec(Command.of("hung")));
        assertThat(hypervisor.time().now()).isEqualTo(before.plusSeconds(600));
        assertThatExceptionOfType(OutputLimitException.class).isThrownBy(() -> vm.exec(Command.of("loud")));
    }

    @Test
    void exec_ownPrograms_workOnFilesInMemory() {
        FakeVM vm = hypervisor.launch(template("vm"));

        assertThat(vm.exec(Command.of("mkdir", "/work")).success()).isTrue();
        assertThat(vm.exec(Command.of("mkdir", "/work")).success()).isFalse();
        Command write = new Command.Builder()
                .addArgv("tee", "notes")
                .workingDirectory("/work")
                .build()
                .withStdinText("remember");
        assertThat(vm.exec(write).stdoutText()).isEqualTo("remember");
        assertThat(vm.file("/work/notes"))
                .hasValueSatisfying(bytes -> assertThat(bytes).asString().isEqualTo("remember"));
        assertThat(vm.exec(Command.of("rm", "/work")).success()).isFalse();
        assertThat(vm.exec(Command.of("rm", "-r", "/work")).success()).isTrue();
        assertThat(vm.file("/work/notes")).isEmpty();
        assertThatExceptionOfType(CommandStartException.class).isThrownBy(() -> vm.exec(write));
        assertThat(vm.exec(Command.of("env").withEnvironment(Map.of("A", "1"))).stdoutText())
                .contains("A=1\n", "PATH=");
        assertThat(vm.exec(Command.of("sleep", "many")).success()).isFalse();
    }

    @Test
    void connect_policyChanges_isJudgedByTheOneInForce() {
        FakeVM vm = hypervisor.launch(template("vm"));

        assertThat(vm.connect(Flow.tcp("140.82.112.3", 443)).allowed()).isTrue();
        vm.setNetworkPolicy(NetworkPolicy.none());
        assertThat(vm.connect(Flow.tcp("140.82.112.3", 443)).outcome()).isEqualTo(Verdict.Outcome.REFUSED);

        assertThat(vm.networkPolicy()).contains(NetworkPolicy.none());
        assertThat(vm.connectionLog().attempts())
                .extracting(attempt -> attempt.verdict().orElseThrow().allowed())
                .containsExactly(true, false);
    }

    @Test
    void connect_isolated_saysThatThereIsNoNetwork() {
        FakeVM vm = hypervisor.launch(template("vm").withNetworkMode(NetworkMode.ISOLATED));

        assertThat(vm.networkPolicy()).isEmpty();
        assertThatExceptionOfType(InvalidValueException.class)
                .isThrownBy(() -> vm.connect(Flow.tcp("140.82.112.3", 443)))
                .withMessageContaining("ISOLATED");
    }

    @Test
    void idleTimeout_commandsMeanwhile_countFromTheLastOne() {
        FakeVM vm = hypervisor.launch(template("vm").withIdleTimeout(Duration.ofSeconds(10)));

        hypervisor.time().advance(Duration.ofSeconds(8));
        vm.exec(Command.of("sleep", "30"));
        hypervisor.time().advance(Duration.ofSeconds(9));
        assertThat(vm.state()).isEqualTo(VMState.RUNNING);
        hypervisor.time().advance(Duration.ofSeconds(1));

        assertThat(vm.endReason())
                .hasValueSatisfying(reason -> assertThat(reason).contains("idle"));
        assertThat(hypervisor.leftovers()).isEmpty();
    }

    @Test
    void suspend_commandsFindTheAgentSilent() {
        FakeVM vm = hypervisor.launch(template("vm"));

        vm.suspend();
        assertThat(vm.state()).isEqualTo(VMState.PAUSED);
        assertThatExceptionOfType(GuestAgentException.class)
                .isThrownBy(() -> vm.exec(Command.of("true")))
                .satisfies(e -> assertThat(e.retryable()).isTrue());
        vm.resume();
        assertThat(vm.exec(Command.of("true")).success()).isTrue();
    }

    @ParameterizedTest
    @EnumSource(Fault.class)
    void failNext_eachFault_happensOnceAndLeavesNothing(Fault fault) {
        hypervisor.failNext(fault);

        AgentVMException failure = org.assertj.core.api.Assertions.catchThrowableOfType(AgentVMException.class, () -> {
            try (VM vm = hypervisor.launch(template("vm"))) {
                vm.exec(Command.of("true"));
                vm.reset();
            }
        });

        assertThat(failure).isExactlyInstanceOf(expected(fault));
        fault.step().ifPresent(step -> assertThat(failure).hasMessageContaining(step.name()));
        assertThat(hypervisor.leftovers()).isEmpty();
        try (VM vm = hypervisor.launch(template("vm"))) {
            assertThat(vm.exec(Command.of("true")).success()).isTrue();
        }
    }

    private static Class<? extends AgentVMException> expected(Fault fault) {
        return switch (fault) {
            case HOST_UNREACHABLE, CONNECTION_LOST, CONNECTION_LOST_DURING_COMMAND ->
                HypervisorUnavailableException.class;
            case HOST_NOT_READY, SUBNET_TAKEN, ADDRESSES_USED_UP, POLICY_NOT_IN_FORCE -> HostNotReadyException.class;
            case IMAGE_MISSING -> ImageNotFoundException.class;
            case DISK_FULL, FILTER_REFUSED, DOMAIN_REFUSED -> AgentVMException.class;
            case AGENT_NEVER_ANSWERS -> OperationTimeoutException.class;
            case GUEST_PANICS, GUEST_DIES -> VMDestroyedException.class;
            case COMMAND_HANGS -> CommandTimeoutException.class;
            case AGENT_FALLS_SILENT, GUEST_DISK_FULL, RESTORE_FAILS -> GuestAgentException.class;
        };
    }

    @Test
    void failEvery_untilHealed_happensEachTime() {
        hypervisor.failEvery(Fault.DISK_FULL);

        for (int i = 0; i < 3; i++) {
            assertThatExceptionOfType(AgentVMException.class).isThrownBy(() -> hypervisor.launch(template("vm")));
        }
        hypervisor.heal();
        hypervisor.launch(template("vm"));
    }

    @Test
    void randomFaults_sameSeed_sameFaults() {
        List<String> first = storm(7);

        assertThat(storm(7)).isEqualTo(first);
        assertThat(storm(8)).isNotEqualTo(first);
        assertThat(first).contains("").anyMatch(message -> message.contains("DISK_MADE"));
    }

    private static List<String> storm(long seed) {
        FakeHypervisor stormy =
                new FakeHypervisor.Builder().randomFaults(seed, 0.3).build();
        List<String> messages = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            try (VM vm = stormy.launch(template("vm"))) {
                vm.exec(Command.of("true"));
                messages.add("");
            } catch (AgentVMException e) {
                messages.add(String.valueOf(e.getMessage()));
            }
            assertThat(stormy.leftovers()).isEmpty();
        }
        return messages;
    }

    @Test
    void kill_attachedVMs_areGoneAndTheirRemainsReaped() {
        FakeHypervisor dying = hypervisor.anotherProgram();
        FakeVM attached = dying.launch(template("attached"));
        dying.launch(
                template("detached"), new LaunchOptions.Builder().detached(true).build());

        dying.kill();

        assertThat(attached.state()).isEqualTo(VMState.DESTROYED);
        assertThat(hypervisor.list()).extracting(VM::name).containsExactly("detached");
        assertThat(hypervisor.leftovers()).hasSize(3 + 4);
        assertThat(hypervisor.reap().removed()).hasSize(3).allMatch(line -> line.contains("program is gone"));
        assertThat(hypervisor.leftovers()).hasSize(4);
        assertThat(hypervisor.reap().isEmpty()).isTrue();
    }

    @ParameterizedTest
    @EnumSource(LaunchStep.class)
    void kill_duringADetachedLaunch_isReapedUnlessItWasComplete(LaunchStep step) {
        FakeHypervisor dying = hypervisor.anotherProgram();
        LaunchOptions options = new LaunchOptions.Builder()
                .detached(true)
                .listener((done, time) -> {
                    if (done == step) {
                        dying.kill();
                    }
                })
                .build();
        boolean complete = step == LaunchStep.AGENT_READY;
        if (complete) {
            dying.launch(template("vm"), options);
        } else {
            assertThatExceptionOfType(HypervisorUnavailableException.class)
                    .isThrownBy(() -> dying.launch(template("vm"), options));
        }

        hypervisor.reap();

        assertThat(hypervisor.list()).hasSize(complete ? 1 : 0);
        assertThat(hypervisor.leftovers()).hasSize(complete ? 4 : 0);
    }

    @Test
    void start_scripted_hasWrittenItsReplyAndEndsWhenItsTimeIsOver() throws Exception {
        FakeVM vm = hypervisor.launch(template("vm"));
        vm.whenExec("make").thenReturn(Reply.exit(2).withStdout("compiling\n").after(Duration.ofMinutes(3)));
        Instant before = hypervisor.time().now();

        VMProcess process = vm.start(Command.of("make"));

        assertThat(process.stdoutReader().readLine()).isEqualTo("compiling");
        assertThat(hypervisor.time().now()).isEqualTo(before);
        assertThat(process.onExit().thenApply(ExitStatus::exitCode).join()).hasValue(2);
        assertThat(hypervisor.time().now()).isEqualTo(before.plusSeconds(180));
        assertThat(vm.commands()).containsExactly(Command.of("make"));
    }

    @Test
    void start_scriptThatHangs_runsIntoItsTimeout() {
        FakeVM vm = hypervisor.launch(template("vm"));
        vm.whenExec("make").thenHang();

        ExitStatus status = vm.start(Command.of("make")).waitFor();

        assertThat(status.failure()).containsInstanceOf(CommandTimeoutException.class);
    }

    @Test
    void start_scriptThatEchoes_isLive() throws Exception {
        FakeVM vm = hypervisor.launch(template("vm"));
        vm.whenExec("repl").thenEcho();

        try (VMProcess process = vm.start(Command.of("repl"))) {
            process.stdin().write('x');
            assertThat(process.stdout().read()).isEqualTo('x');
            process.stdin().close();
            assertThat(process.waitFor().success()).isTrue();
        }
        assertThat(vm.exec(Command.of("repl").withStdinText("y")).stdoutText()).isEqualTo("y");
    }

    @Test
    void start_faults_areThoseOfCommands() {
        FakeVM vm = hypervisor.launch(template("vm"));

        hypervisor.failNext(Fault.AGENT_FALLS_SILENT);
        assertThatExceptionOfType(GuestAgentException.class).isThrownBy(() -> vm.start(Command.of("true")));
        hypervisor.failNext(Fault.GUEST_DIES);
        assertThatExceptionOfType(VMDestroyedException.class).isThrownBy(() -> vm.start(Command.of("true")));
    }
}
