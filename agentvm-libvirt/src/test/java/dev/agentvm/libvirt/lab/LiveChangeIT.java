package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.Hypervisor;
import dev.agentvm.InvalidValueException;
import dev.agentvm.LaunchListener;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.VM;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.network.NetworkPolicy;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Policies that change, and hosts that change, while VMs run; and VMs that stand still. */
@FirstFailureCounts
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class LiveChangeIT {
    private static final String WWW = Lab.fact("WWW_ADDRESS");
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final Duration SHORT = Duration.ofSeconds(3);
    private static final long MANY = 1000;
    private static final String EBTABLES = "/etc/alternatives/ebtables";
    private static final NetworkPolicy THREE_MORE = NetworkPolicy.agentDefault().toBuilder()
            .addRule(FilterRule.allow().tcp(8080).because("a connection that is withdrawn"))
            .addRule(FilterRule.allow().udp(8080).because("a flow that is withdrawn"))
            .addRule(FilterRule.allow().tcp(5432).because("a connection that stays"))
            .build();
    private static final NetworkPolicy ONE_MORE = THREE_MORE.toBuilder()
            .removeRules(rule -> rule.reason().endsWith("withdrawn"))
            .build();

    @TempDir
    Path directory = Path.of("");

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @ParameterizedTest
    @EnumSource
    void setNetworkPolicy_withdrawnRights_cutTheirFlowsAndNoOther(DenyAction denied) {
        NetworkPolicy with = THREE_MORE.toBuilder().denied(denied).build();
        NetworkPolicy without = ONE_MORE.toBuilder().denied(denied).build();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("withdrawn").withNetworkPolicy(with))) {
            Lab.awaitNetwork(vm);
            String cut = talk(vm, 8080);
            String cutToo = talkByUdp(vm, 8080);
            String stays = talk(vm, 5432);
            for (String word : List.of(cut, cutToo, stays)) {
                awaitMore(word, 3);
            }

            vm.setNetworkPolicy(without);

            assertThat(vm.networkPolicy()).contains(without);
            // What was under way when the rights were withdrawn has arrived by then.
            awaitMore(stays, 5);
            int atTheCut = Lab.arrived(cut).size();
            int atTheCutToo = Lab.arrived(cutToo).size();
            awaitMore(stays, 20);
            assertThat(Lab.arrived(cut)).hasSize(atTheCut);
            assertThat(Lab.arrived(cutToo)).hasSize(atTheCutToo);
            assertThat(Lab.probe(vm, "tcp", WWW, "8080", "700"))
                    .isEqualTo(denied == DenyAction.REJECT ? "refused icmp" : "timeout");
            // They were cut by the policy, not by an end of their own.
            vm.setNetworkPolicy(with);
            awaitMore(cutToo, 3);
            assertThat(Lab.probe(vm, "tcp", WWW, "8080")).startsWith("open");
        }
    }

    @ParameterizedTest
    @EnumSource
    void setNetworkPolicy_manyTimes_interruptsNothingAndLetsNothingPassBetween(DenyAction denied) throws IOException {
        String never = word();
        NetworkPolicy one = ONE_MORE.toBuilder().denied(denied).build();
        NetworkPolicy other = one.toBuilder()
                .removeRules(rule -> !rule.reason().endsWith("stays"))
                .build();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("swapped").withNetworkPolicy(one))) {
            Lab.awaitNetwork(vm);
            String stays = talk(vm, 5432);
            awaitMore(stays, 3);
            IPv4Address own = vm.attachment().orElseThrow().address();
            FloodIT.flood(vm, Frames.udp(own, IPv4Address.of(WWW), 8080, never));
            repeat(vm, "echo " + never + " | nc -w 1 " + WWW + " 8080");
            Awaitility.await().until(() -> sent(vm), frames -> frames > MANY);
            long before = sent(vm);
            for (int i = 0; i < (Lab.soak() ? 100 : 10); i++) {
                vm.setNetworkPolicy(i % 2 == 0 ? other : one);
            }
            assertThat(sent(vm) - before).as("frames sent meanwhile").isGreaterThan(MANY);
            awaitMore(stays, 3);

            assertThat(Lab.arrived(never)).isEmpty();
            assertThat(Lab.arrived(stays))
                    .extracting(LiveChangeIT::source)
                    .containsOnly(source(Lab.arrived(stays).get(0)));
            assertThat(longestSilence(Lab.arrived(stays))).isLessThan(SHORT);

            takeTheFilterOffAndPutItOn(vm);
            awaitArrival(never, " udp ");
            vm.setNetworkPolicy(THREE_MORE);
            awaitArrival(never, " tcp ");
        }
    }

    /** As whoever changed the filter of a card would: shorter than that there is no gap to be looked for. */
    private void takeTheFilterOffAndPutItOn(VM vm) throws IOException {
        Path binding = saveBinding(vm);
        Lab.host("virsh", "-q", "nwfilter-binding-delete " + Lab.tap(vm) + "; nwfilter-binding-create " + binding);
    }

    private Path saveBinding(VM vm) throws IOException {
        String xml = Lab.host("virsh", "nwfilter-binding-dumpxml", Lab.tap(vm));
        return Files.writeString(directory.resolve("binding"), xml);
    }

    private static void awaitArrival(String word, String protocol) {
        Awaitility.await()
                .atMost(SOON)
                .until(() -> Lab.arrived(word).stream().anyMatch(line -> line.contains(protocol)));
    }

    /** How many frames the VM has sent, before its filter. */
    private static long sent(VM vm) throws IOException {
        Path counter = Path.of("/sys/class/net", Lab.tap(vm), "statistics", "rx_packets");
        return Long.parseLong(Files.readString(counter).strip());
    }

    @Test
    void pause_guestThatTalks_isSilentUntilItGoesOnInTheSameConnectionAtTheRightTime() throws InterruptedException {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("still").withNetworkPolicy(ONE_MORE))) {
            Lab.awaitNetwork(vm);
            String talk = talk(vm, 5432);
            awaitMore(talk, 3);

            vm.pause();

            // What was under way has arrived by then.
            Thread.sleep(1000);
            int said = Lab.arrived(talk).size();
            Thread.sleep(5000);
            assertThat(Lab.arrived(talk)).hasSize(said);
            vm.resume();
            long before = Instant.now().getEpochSecond();
            assertThat(Long.parseLong(Lab.output(vm, Command.of("date", "+%s"))))
                    .isBetween(before - 2, Instant.now().getEpochSecond() + 1);
            awaitMore(talk, 5);
            assertThat(Lab.arrived(talk))
                    .extracting(LiveChangeIT::source)
                    .containsOnly(source(Lab.arrived(talk).get(0)));
        }
    }

    @Test
    void setNetworkPolicy_thatLibvirtCannotApply_leavesTheOneBefore() throws IOException {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("unlucky"))) {
            Lab.awaitNetwork(vm);
            String before = filter(vm);
            Lab.host("mv", EBTABLES, EBTABLES + ".away");
            Files.writeString(
                    Path.of(EBTABLES),
                    "#!/bin/sh\ncase \"$*\" in *8080*) exit 1 ;; esac\nexec " + EBTABLES + ".away \"$@\"\n");
            Lab.host("chmod", "755", EBTABLES);
            try {
                assertThatThrownBy(() -> vm.setNetworkPolicy(THREE_MORE)).isInstanceOf(AgentVMException.class);
            } finally {
                Lab.host("mv", EBTABLES + ".away", EBTABLES);
            }

            assertThat(vm.networkPolicy()).contains(NetworkPolicy.agentDefault());
            assertThat(filter(vm)).isEqualTo(before);
            assertThat(Lab.probe(vm, "tcp", WWW, "443")).startsWith("open");
            assertThat(Lab.probe(vm, "tcp", WWW, "8080")).isEqualTo("refused icmp");
            assertThat(Lab.probe(vm, "udp", WWW, "8080", "closed", "700")).isEqualTo("timeout");
            vm.setNetworkPolicy(THREE_MORE);
            assertThat(Lab.probe(vm, "udp", WWW, "8080", "open")).isEqualTo("reply open");
        }
    }

    /** Here libvirt does as it is told, so it is the library that takes the change back. */
    @Test
    void setNetworkPolicy_thatIsNotFoundInForce_leavesTheOneBefore() throws IOException {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("unbound"))) {
            Lab.awaitNetwork(vm);
            String before = filter(vm);
            Path binding = saveBinding(vm);
            Lab.unfilter(vm);

            assertThatThrownBy(() -> vm.setNetworkPolicy(THREE_MORE))
                    .isInstanceOf(HostNotReadyException.class)
                    .hasMessageContaining("no filter is bound");

            assertThat(vm.networkPolicy()).contains(NetworkPolicy.agentDefault());
            assertThat(filter(vm)).isEqualTo(before);
            Lab.host("virsh", "-q", "nwfilter-binding-create", binding.toString());
            assertThat(Lab.probe(vm, "tcp", WWW, "8080")).isEqualTo("refused icmp");
            vm.setNetworkPolicy(THREE_MORE);
            assertThat(Lab.probe(vm, "tcp", WWW, "8080")).startsWith("open");
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

            found.setNetworkPolicy(THREE_MORE);

            assertThat(found.networkPolicy()).contains(THREE_MORE);
            assertThat(other.find("found").orElseThrow().networkPolicy()).contains(THREE_MORE);
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
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("watchful"));
                VM unfiltered = hypervisor.launch(Lab.tiny("unfiltered"))) {
            Lab.awaitNetwork(vm);
            Lab.awaitNetwork(unfiltered);
            Lab.unfilter(unfiltered);
            assertClosedWhileTheHostHas("81.2.70.5", vm, unfiltered, "addr", "81.2.70.5/32");
            assertClosedWhileTheHostHas("81.2.80.7", vm, unfiltered, "route", "local", "81.2.80.0/24");
        }
    }

    /** The listener holds up the launch, so nothing has heard of an agent yet. */
    @Test
    void hostAddress_addedWhileTheGuestBoots_isClosedBeforeItsAgentIsWaitedFor() {
        String address = "81.2.70.5";
        LaunchListener host = (step, sinceStart) -> {
            if (step == LaunchStep.RESUMED) {
                ip("addr", "add", address + "/32");
                Awaitility.await().atMost(SOON).until(() -> filter("booting").contains("'" + address + "'"));
            }
        };
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(
                        Lab.tiny("booting"), LaunchOptions.standard().withListener(host))) {
            assertThat(isHost(vm, address)).isTrue();
        } finally {
            ip("addr", "del", address + "/32");
        }
    }

    private static void assertClosedWhileTheHostHas(String address, VM vm, VM unfiltered, String what, String... words)
            throws IOException {
        ip(what, "add", words);
        try (ServerSocket server = new ServerSocket(443, 5, InetAddress.getByName(address))) {
            assertThat(server.isBound()).isTrue();
            assertThat(Lab.probe(unfiltered, "tcp", address, "443")).startsWith("open");
            Awaitility.await().atMost(SOON).until(() -> isHost(vm, address));
            assertThat(Lab.probe(vm, "tcp", address, "443", "700")).isEqualTo("timeout");
        } finally {
            ip(what, "del", words);
        }
        Awaitility.await().atMost(SOON).until(() -> !isHost(vm, address));
    }

    private static void ip(String what, String action, String... words) {
        Lab.host(Stream.of(Stream.of("ip", what, action), Stream.of(words), Stream.of("dev", "lo"))
                .flatMap(part -> part)
                .toArray(String[]::new));
    }

    private static boolean isHost(VM vm, String address) {
        return vm.attachment().orElseThrow().isHost(IPv4Address.of(address));
    }

    private static boolean isWeaker(VM vm) {
        return vm.warnings().stream().anyMatch(warning -> warning.contains("dropped instead of refused"));
    }

    private static String filter(VM vm) {
        return filter(vm.name());
    }

    private static String filter(String name) {
        return Lab.host("virsh", "nwfilter-dumpxml", "agentvm-" + Lab.host("virsh", "domuuid", name));
    }

    private static String talk(VM vm, int port) {
        return Talk.onOneConnection(vm, WWW, port).word();
    }

    /** Lets it say one in datagrams between the same two ports. */
    private static String talkByUdp(VM vm, int port) {
        String word = word();
        NetworkAttachment own = vm.attachment().orElseThrow();
        byte[] frame = Frames.ethernet(
                Lab.gatewayMac(vm), own.mac(), Frames.IPV4, Frames.udp(own.address(), IPv4Address.of(WWW), port, word));
        repeat(vm, "probe frame eth0 " + HexFormat.of().formatHex(frame));
        return word;
    }

    private static String word() {
        return Talk.ofAFreshWord().word();
    }

    private static void repeat(VM vm, String command) {
        Lab.output(vm, Command.shell("(while :; do " + command + "; sleep 0.05; done) >/dev/null 2>&1 &"));
    }

    private static void awaitMore(String word, int more) {
        new Talk(word).awaitMore(more);
    }

    /** Whose port tells one flow from another. */
    private static String source(String line) {
        return line.split(" ")[2];
    }

    private static Duration longestSilence(List<String> lines) {
        long[] times = lines.stream()
                .mapToLong(line -> Long.parseLong(line.split(" ")[0]))
                .toArray();
        return Duration.ofMillis(IntStream.range(1, times.length)
                .mapToLong(i -> times[i] - times[i - 1])
                .max()
                .orElseThrow());
    }
}
