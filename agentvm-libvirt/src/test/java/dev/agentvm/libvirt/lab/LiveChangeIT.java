package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.InvalidValueException;
import dev.agentvm.VM;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.network.NetworkPolicy;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Policies that change, and hosts that change, while VMs run. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class LiveChangeIT {
    private static final String WWW = Lab.fact("WWW_ADDRESS");
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final NetworkPolicy TWO_MORE = NetworkPolicy.agentDefault().toBuilder()
            .addRule(FilterRule.allow().tcp(8080).because("a connection that is withdrawn"))
            .addRule(FilterRule.allow().tcp(5432).because("a connection that stays"))
            .build();
    private static final NetworkPolicy ONE_MORE = TWO_MORE.toBuilder()
            .removeRules(rule -> rule.reason().endsWith("withdrawn"))
            .build();

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @Test
    void setNetworkPolicy_withdrawnRight_cutsItsConnectionAndNoOther() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("withdrawn").withNetworkPolicy(TWO_MORE))) {
            Lab.awaitNetwork(vm);
            String cut = talk(vm, 8080);
            String stays = talk(vm, 5432);
            awaitMore(cut, 3);
            awaitMore(stays, 3);

            vm.setNetworkPolicy(ONE_MORE);

            assertThat(vm.networkPolicy()).contains(ONE_MORE);
            // What was under way when the right was withdrawn has arrived by then.
            awaitMore(stays, 5);
            int atTheCut = Lab.arrived(cut).size();
            awaitMore(stays, 20);
            assertThat(Lab.arrived(cut)).hasSize(atTheCut);
            assertThat(Lab.probe(vm, "tcp", WWW, "8080")).isEqualTo("refused icmp");
            vm.setNetworkPolicy(TWO_MORE);
            assertThat(Lab.probe(vm, "tcp", WWW, "8080")).startsWith("open");
        }
    }

    @Test
    void setNetworkPolicy_manyTimes_letsNothingPassBetween() {
        String never = UUID.randomUUID().toString();
        String allowed = UUID.randomUUID().toString();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("swapped"))) {
            Lab.awaitNetwork(vm);
            Lab.output(
                    vm, Command.shell("(while :; do probe udp " + WWW + " 8080 " + never + " 1; done) >/dev/null &"));
            NetworkPolicy other = NetworkPolicy.none();
            for (int i = 0; i < (Lab.soak() ? 100 : 6); i++) {
                vm.setNetworkPolicy(i % 2 == 0 ? other : NetworkPolicy.agentDefault());
            }
            assertThat(Lab.arrived(never)).isEmpty();

            vm.setNetworkPolicy(NetworkPolicy.agentDefault().toBuilder()
                    .addRule(FilterRule.allow().udp(8080).because("to show that it would arrive"))
                    .build());
            assertThat(Lab.probe(vm, "udp", WWW, "8080", allowed)).isEqualTo("reply " + allowed);
            Awaitility.await().atMost(SOON).until(() -> !Lab.arrived(never).isEmpty());
        }
    }

    @Test
    void setNetworkPolicy_foundVM_isInForceForAllHandles() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                Hypervisor other = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("found"))) {
            Lab.awaitNetwork(vm);
            VM found = other.find("found").orElseThrow();
            assertThat(found.networkPolicy()).isEmpty();

            found.setNetworkPolicy(TWO_MORE);

            assertThat(found.networkPolicy()).contains(TWO_MORE);
            assertThat(other.find("found").orElseThrow().networkPolicy()).contains(TWO_MORE);
            assertThat(Lab.probe(vm, "tcp", WWW, "8080")).startsWith("open");
        }
    }

    @Test
    void setNetworkPolicy_noNetworkOrNoVM_isRefused() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            VM isolated = hypervisor.launch(Lab.tiny("isolated").withNetworkMode(NetworkMode.ISOLATED));
            assertThat(isolated.networkPolicy()).isEmpty();
            assertThatThrownBy(() -> isolated.setNetworkPolicy(NetworkPolicy.none()))
                    .isInstanceOf(InvalidValueException.class)
                    .hasMessageContaining("isolated")
                    .hasMessageContaining("no network");
            isolated.close();
            assertThatThrownBy(() -> isolated.setNetworkPolicy(NetworkPolicy.none()))
                    .isInstanceOf(VMDestroyedException.class);
        }
    }

    @Test
    void bridgeSwitch_turnedOffAndOn_changesTheFormOfThePolicy() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("switched"))) {
            Lab.awaitNetwork(vm);
            assertThat(Lab.probe(vm, "tcp", WWW, "8080")).isEqualTo("refused icmp");
            Lab.withSysctl("net.bridge.bridge-nf-call-iptables", "0", () -> {
                Awaitility.await().atMost(SOON).until(() -> isWeaker(vm));
                assertThat(Lab.probe(vm, "tcp", WWW, "8080", "700")).isEqualTo("timeout");
                assertThat(Lab.probe(vm, "tcp", WWW, "443")).startsWith("open");
            });
            Awaitility.await().atMost(SOON).until(() -> !isWeaker(vm));
            assertThat(Lab.probe(vm, "tcp", WWW, "8080")).isEqualTo("refused icmp");
        }
    }

    @Test
    void hostAddress_addedWhileTheVMRuns_isClosed() throws Exception {
        String address = "81.2.70.5";
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("watchful"));
                VM unfiltered = hypervisor.launch(Lab.tiny("unfiltered"))) {
            Lab.awaitNetwork(vm);
            Lab.awaitNetwork(unfiltered);
            Lab.unfilter(unfiltered);
            Lab.host("ip", "addr", "add", address + "/32", "dev", "lo");
            try (ServerSocket server = new ServerSocket(443, 5, InetAddress.getByName(address))) {
                assertThat(server.isBound()).isTrue();
                assertThat(Lab.probe(unfiltered, "tcp", address, "443")).startsWith("open");
                Awaitility.await()
                        .atMost(SOON)
                        .until(() ->
                                vm.attachment().orElseThrow().hostAddresses().contains(IPv4Address.of(address)));
                assertThat(Lab.probe(vm, "tcp", address, "443", "700")).isEqualTo("timeout");
            } finally {
                Lab.host("ip", "addr", "del", address + "/32", "dev", "lo");
            }
            Awaitility.await()
                    .atMost(SOON)
                    .until(() -> !vm.attachment().orElseThrow().hostAddresses().contains(IPv4Address.of(address)));
        }
    }

    private static boolean isWeaker(VM vm) {
        return vm.warnings().stream().anyMatch(warning -> warning.contains("dropped instead of refused"));
    }

    /** Lets the guest say a word again and again on one connection. */
    private static String talk(VM vm, int port) {
        String word = "word-" + UUID.randomUUID();
        Lab.output(
                vm,
                Command.shell("(while echo " + word + "; do sleep 0.1; done) | nc " + WWW + " " + port
                        + " >/dev/null 2>&1 &"));
        return word;
    }

    private static void awaitMore(String word, int more) {
        int before = Lab.arrived(word).size();
        Awaitility.await().atMost(SOON).until(() -> Lab.arrived(word).size() >= before + more);
    }
}
