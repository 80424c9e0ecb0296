package dev.agentvm.testkit.assertions;

import static dev.agentvm.network.Flow.ping;
import static dev.agentvm.network.Flow.tcp;
import static dev.agentvm.network.Flow.tcpToVM;
import static dev.agentvm.network.Flow.udp;
import static dev.agentvm.testkit.assertions.AgentVMAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.testkit.FakeHypervisor;
import dev.agentvm.testkit.FakeVM;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.assertj.core.api.ThrowableAssertAlternative;
import org.junit.jupiter.api.Test;

class AgentVMAssertionsTest {
    private static final NetworkPolicy POLICY = NetworkPolicy.agentDefault().toBuilder()
            .addRule(FilterRule.allow().tcp(5432).to("10.20.0.7").because("the test database"))
            .build();

    private static ThrowableAssertAlternative<AssertionError> failure(ThrowingCallable assertion) {
        return assertThatExceptionOfType(AssertionError.class).isThrownBy(assertion);
    }

    @Test
    void policy_asItIs_passes() {
        assertThat(POLICY)
                .allows(tcp("93.184.216.34", 443), tcp("example.com", 443), tcp("10.20.0.7", 5432), ping("1.1.1.1"))
                .denies(tcp("10.0.0.1", 443), udp("8.8.8.8", 53), tcpToVM("93.184.216.34", 22))
                .refuses(tcp("93.184.216.34", 8080))
                .drops(tcp("169.254.169.254", 80));
        assertThat(NetworkPolicy.agentDefault()).opensNothingPrivate();
    }

    @Test
    void policy_thatAllows_namesTheRule() {
        failure(() -> assertThat(POLICY).denies(tcp("93.184.216.34", 8080), tcp("10.20.0.7", 5432)))
                .withMessageContainingAll(
                        "tcp to 10.20.0.7:5432",
                        "to be denied",
                        "ALLOWED by the rule 'tcp 5432 to 10.20.0.7/32 because the test database'");
    }

    @Test
    void policy_thatDenies_namesTheClauseOrThatThereIsNoRule() {
        failure(() -> assertThat(POLICY).allows(tcp("169.254.169.254", 80)))
                .withMessageContainingAll("tcp to 169.254.169.254:80", "DROPPED by the floor (LINK_LOCAL)");
        failure(() -> assertThat(POLICY).allows(tcp("example.com", 8080)))
                .withMessageContainingAll("tcp to example.com:8080", "REFUSED: no rule allows it");
        failure(() -> assertThat(POLICY).drops(tcp("example.com", 8080))).withMessageContaining("to be dropped");
        failure(() -> assertThat(POLICY).refuses(udp("8.8.8.8", 1))).withMessageContaining("to be refused");
        failure(() -> assertThat(POLICY).allows(tcpToVM("8.8.8.8", 22)))
                .withMessageContaining("tcp from 8.8.8.8 to the VM:22");
    }

    @Test
    void policy_thatOpensTheFloor_namesTheRulesThatDo() {
        failure(() -> assertThat(POLICY).opensNothingPrivate()).withMessageContaining("the test database");
    }

    @Test
    void policy_ofAnotherAttachment_isJudgedThere() {
        IPv4Address host = IPv4Address.of("93.184.216.34");
        NetworkAttachment place =
                NetworkAttachment.example().toBuilder().addHostAddress(host).build();
        assertThat(POLICY).allows(tcp(host.toString(), 443)).attachedAs(place).drops(tcp(host.toString(), 443));
    }

    @Test
    void vm_asItIs_passes() {
        try (FakeHypervisor hypervisor = FakeHypervisor.create()) {
            hypervisor.whenExec("git", "status").thenReturn("On branch main\nnothing to commit\n");
            hypervisor.whenExec("make").thenFail(2, "no rule to make target\n");
            VM vm = hypervisor.launch(new VMTemplate.Builder().name("vm").build());
            assertThat(vm)
                    .isRunning()
                    .hasNetwork()
                    .hasNoWarnings()
                    .exec("git", "status")
                    .succeeds()
                    .printsLine("nothing to commit")
                    .stdout()
                    .startsWith("On branch");
            assertThat(vm).exec("make").fails().exitsWith(2).stderr().contains("no rule");
            vm.close();
            assertThat(vm).isGone();
        }
    }

    @Test
    void vm_thatIsGone_saysWhyWithItsConsole() {
        try (FakeHypervisor hypervisor = FakeHypervisor.create()) {
            FakeVM vm = hypervisor.launch(new VMTemplate.Builder().name("vm").build());
            vm.print("Kernel panic - not syncing\n");
            vm.powerOff();
            failure(() -> assertThat(vm).isRunning())
                    .withMessageContainingAll(
                            "'vm' to be RUNNING", "DESTROYED: its domain stopped (shutdown)", "Kernel panic");
        }
    }

    @Test
    void vm_withOrWithoutANetwork_isToldApart() {
        try (FakeHypervisor hypervisor = FakeHypervisor.create()) {
            VMTemplate template = new VMTemplate.Builder().name("vm").build();
            VM open = hypervisor.launch(template);
            VM isolated = hypervisor.launch(template.withName("isolated").withNetworkMode(NetworkMode.ISOLATED));
            assertThat(isolated).hasNoNetwork();
            failure(() -> assertThat(open).hasNoNetwork()).withMessageContaining("192.168.101.10");
            failure(() -> assertThat(isolated).hasNetwork()).withMessageContaining("has none");
        }
    }

    @Test
    void result_thatIsNotAsExpected_isShownWithItsOutput() {
        try (FakeHypervisor hypervisor = FakeHypervisor.create()) {
            hypervisor.whenExec("make").thenFail(2, "no rule to make target\n");
            VM vm = hypervisor.launch(new VMTemplate.Builder().name("vm").build());
            failure(() -> assertThat(vm).exec("make").succeeds())
                    .withMessageContainingAll("'make' in VM 'vm'", "returned 2", "no rule to make target");
            failure(() -> assertThat(vm).exec("true").fails()).withMessageContaining("returned 0");
            failure(() -> assertThat(vm).exec("echo", "a").printsLine("b")).withMessageContaining("the line 'b'");
            failure(() -> assertThat(vm).exec("true").endsBySignal(9)).withMessageContaining("ended by signal 9");
        }
    }

    @Test
    void assertThat_besideAssertJsOwn_isChosenByType() {
        assertThat("text").startsWith("te");
        assertThat(POLICY).isNotNull();
    }
}
