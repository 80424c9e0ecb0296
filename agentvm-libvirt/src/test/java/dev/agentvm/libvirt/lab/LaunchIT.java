package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.VM;
import dev.agentvm.VMState;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkMode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The main story: a VM from a template with nothing but a name boots, works on the filtered network, and is gone. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class LaunchIT {
    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @Test
    void launch_templateWithNothingButAName_worksOnTheFilteredNetworkAndIsGone() {
        VMTemplate template = new VMTemplate.Builder().name("vm").build();
        List<LaunchStep> steps = new ArrayList<>();
        LaunchOptions options = new LaunchOptions.Builder()
                .listener((step, time) -> steps.add(step))
                .build();

        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            VM vm = hypervisor.launch(template, options);
            try (vm) {
                assertThat(steps).containsExactly(LaunchStep.values());
                assertThat(vm.state()).isEqualTo(VMState.RUNNING);
                assertThat(hypervisor.list()).extracting(VM::name).containsExactly("vm");

                ExecResult result = vm.exec(Command.shell("echo out; echo err >&2; exit 3"));
                assertThat(result.exitCode()).isEqualTo(OptionalInt.of(3));
                assertThat(result.stdoutText()).isEqualTo("out\n");
                assertThat(result.stderrText()).isEqualTo("err\n");

                assertFilteredNetwork(vm);
                assertThat(vm.serialLog()).isNotBlank();
            }
            assertThat(vm.state()).isEqualTo(VMState.DESTROYED);
            assertThat(vm.endReason()).contains("closed by its program");
            assertThat(hypervisor.list()).isEmpty();
        }
    }

    private static void assertFilteredNetwork(VM vm) {
        NetworkAttachment network = vm.attachment().orElseThrow();
        Lab.awaitNetwork(vm);
        String www = Lab.fact("WWW_ADDRESS");
        for (String port : List.of("22", "80", "443", "9418")) {
            assertThat(Lab.probe(vm, "tcp", www, port))
                    .as("Internet, port %s", port)
                    .startsWith("open");
        }
        assertThat(Lab.probe(vm, "ping", www)).startsWith("reply");
        String resolver = network.resolvers().get(0).toString();
        assertThat(Lab.probe(vm, "dns", resolver, Lab.fact("WWW_NAME"))).contains(www);
        assertThat(Lab.probe(vm, "dns", resolver, Lab.fact("WWW_NAME"), "tcp")).contains(www);

        assertThat(Lab.probe(vm, "tcp", www, "8080", "1000")).startsWith("refused");
        assertThat(Lab.probe(vm, "dns", Lab.fact("DNS_ADDRESS"), Lab.fact("WWW_NAME")))
                .isEqualTo("timeout");
        List<String> closed = new ArrayList<>(Lab.facts("PRIVATE_ADDRESSES"));
        closed.add(network.gateway().orElseThrow().toString());
        closed.add(Lab.fact("LAB_OUTSIDE_ADDRESS"));
        for (String address : closed) {
            assertThat(Lab.probe(vm, "tcp", address, "80", "700")).as(address).isEqualTo("timeout");
            assertThat(Lab.probe(vm, "ping", address, "300")).as(address).isEqualTo("timeout");
        }
    }

    @Test
    void launch_isolated_hasNoNetworkAtAll() {
        VMTemplate template = Lab.tiny("isolated").withNetworkMode(NetworkMode.ISOLATED);

        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(template)) {
            assertThat(vm.attachment()).isEmpty();
            assertThat(Lab.output(vm, Command.of("ls", "/sys/class/net"))).isEqualTo("lo");
            assertThat(vm.isolation().filter()).isEmpty();
        }
    }

    @Test
    void close_hypervisor_closesAttachedVMs() {
        Hypervisor hypervisor = LibvirtHypervisor.connect();
        VM vm = hypervisor.launch(Lab.tiny("attached"));

        hypervisor.close();
        hypervisor.close();
        vm.close();

        assertThat(vm.state()).isEqualTo(VMState.DESTROYED);
    }

    @Test
    void launch_detached_outlivesItsHypervisorAndIsFoundAgain() {
        LaunchOptions detached = new LaunchOptions.Builder().detached(true).build();
        VMTemplate template = Lab.tiny("detached").withLabels(Map.of("task", "t-1"));
        try (Hypervisor first = LibvirtHypervisor.connect()) {
            first.launch(template, detached).close();
        }

        try (Hypervisor second = LibvirtHypervisor.connect()) {
            assertThat(second.reap().isEmpty()).isTrue();
            VM found = second.find("detached").orElseThrow();
            assertThat(found.labels()).containsExactly(Map.entry("task", "t-1"));
            assertThat(found.attachment()).isPresent();
            assertThat(Lab.output(found, Command.of("hostname"))).isNotEmpty();
            found.destroy();
            assertThat(second.find("detached")).isEmpty();
        }
    }

    @Test
    void guest_powersOff_isGoneWithAllItHad() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("off"))) {
            vm.exec(Command.shell("(sleep 0.2; poweroff -f) >/dev/null 2>&1 &"));

            assertThat(vm.awaitEnd(Duration.ofSeconds(20))).isTrue();
            assertThat(vm.endReason().orElseThrow()).contains("stopped");
            Awaitility.await().atMost(Duration.ofSeconds(10)).untilAsserted(Leftovers::assertNone);
        }
    }

    @Test
    void timeToLive_over_destroysTheVM() {
        VMTemplate template = Lab.tiny("mortal").withTimeToLive(Duration.ofSeconds(2));

        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(template)) {
            assertThat(vm.awaitEnd(Duration.ofSeconds(20))).isTrue();
            assertThat(vm.endReason().orElseThrow()).contains("time to live");
        }
    }

    @Test
    void idleTimeout_destroysTheVMOnlyWhenNoCommandRuns() {
        VMTemplate template = Lab.tiny("idle").withIdleTimeout(Duration.ofSeconds(3));

        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(template)) {
            Lab.output(vm, Command.of("sleep", "5"));
            assertThat(vm.state()).isEqualTo(VMState.RUNNING);
            assertThat(vm.awaitEnd(Duration.ofSeconds(20))).isTrue();
            assertThat(vm.endReason().orElseThrow()).contains("idle");
        }
    }

    @Test
    void reap_detachedVMPastItsTimeToLive_isRemovedByAnyProgram() {
        VMTemplate template = Lab.tiny("forgotten").withTimeToLive(Duration.ofSeconds(1));
        Hypervisor first = LibvirtHypervisor.connect();
        first.launch(template, new LaunchOptions.Builder().detached(true).build());
        first.close();

        Awaitility.await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
            try (Hypervisor second = LibvirtHypervisor.connect()) {
                second.reap();
                assertThat(second.list()).isEmpty();
            }
        });
    }
}
