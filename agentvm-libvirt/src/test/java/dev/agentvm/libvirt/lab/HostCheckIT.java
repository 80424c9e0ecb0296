package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.HostNotReadyException;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.HostCheck;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.NetworkPolicy;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Hosts on which a promise cannot be kept refuse launches, or the VM says what is weaker. Beside these: a subnet that
 * is taken, and unconfined QEMU where confinement is demanded, are in {@link BadInputIT}; what bridges need is in
 * {@link BridgeIT}. A network on nftables under a dropping FORWARD cannot be had with libvirt before 10.4:
 * {@code ForwardProbeIT} shows the check such a host with another version of libvirt.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class HostCheckIT {
    private static final VMTemplate TEMPLATE = Lab.tiny("checked");

    @TempDir
    Path directory = Path.of("");

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    private static void assertRefused(String finding, String... words) {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            assertThatExceptionOfType(HostNotReadyException.class)
                    .isThrownBy(() -> hypervisor.launch(TEMPLATE))
                    .withMessageContainingAll("HOST_CHECKED", finding, "To mend it")
                    .withMessageContainingAll(words);
        }
        assertThat(HostCheck.run().findings())
                .filteredOn(found -> found.severity() == HostCheck.Severity.FATAL)
                .singleElement()
                .satisfies(found -> {
                    assertThat(found.id()).isEqualTo(finding);
                    assertThat(found.evidence()).isNotBlank();
                    assertThat(found.remedy()).isNotBlank();
                });
    }

    @Test
    void launch_libvirtWithoutFilters_isRefused() throws IOException {
        try (Stream<Path> drivers = Files.list(Path.of("/usr/lib/x86_64-linux-gnu/libvirt/connection-driver"))) {
            for (Path driver : drivers.filter(file -> !file.endsWith("libvirt_driver_nwfilter.so"))
                    .toList()) {
                Files.createSymbolicLink(directory.resolve(driver.getFileName()), driver);
            }
        }
        Daemon.restart(Map.of("LIBVIRT_DRIVER_DIR", directory.toString()));
        try {
            assertRefused("nwfilter", "Install libvirt's nwfilter driver");
        } finally {
            Daemon.restart(Map.of("LIBVIRT_DRIVER_DIR", ""));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ebtables", "iptables", "ip6tables"})
    void launch_hostWithoutFirewallTool_isRefused(String tool) {
        String file = "/etc/alternatives/" + tool;
        Lab.host("mv", file, file + ".away");
        try {
            assertRefused("firewall-tools", "not there: " + tool, "apt-get install ebtables");
        } finally {
            Lab.host("mv", file + ".away", file);
        }
    }

    /** Whatever libvirt makes its own rules with. */
    @Test
    void launch_tableOfNftablesThatDrops_isRefused() {
        Lab.host(
                "nft",
                "add table inet guard; add chain inet guard forward"
                        + " { type filter hook forward priority 0; policy drop; }");
        try {
            assertRefused(
                    "forward-policy", "'inet guard forward'", "nft insert rule inet guard forward iifname agentvm0");
        } finally {
            Lab.host("nft", "delete table inet guard");
        }
    }

    @Test
    void launch_ruleThatRefusesAllBeforeThoseOfTheNetwork_isRefused() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("before"))) {
            assertThat(vm.attachment()).isPresent();
            Lab.host("iptables", "-I", "FORWARD", "-j", "DROP");
            try {
                assertRefused("forward-policy", "'-A FORWARD -j DROP' stands before", "iptables -D FORWARD -j DROP");
            } finally {
                Lab.host("iptables", "-D", "FORWARD", "-j", "DROP");
            }
        }
    }

    @Test
    void hostCheck_ofABuilder_findsWhatItsLaunchesWouldBeRefusedFor() {
        LibvirtHypervisor.Builder confined = new LibvirtHypervisor.Builder().requireConfinement();

        assertThat(HostCheck.run(confined, TEMPLATE).findings())
                .filteredOn(found -> found.severity() == HostCheck.Severity.FATAL)
                .extracting(HostCheck.Finding::id)
                .containsExactly("confinement");
        assertThat(HostCheck.run().isReady()).isTrue();
    }

    @Test
    void hostCheck_ofAProgramThatMayOnlyCapture_saysThatBytesAreNotTold() throws Exception {
        Lab.withSysctl("net.netfilter.nf_conntrack_acct", "1", () -> {
            assertThat(HostCheck.run().findings())
                    .filteredOn(found -> found.id().equals("connection-log"))
                    .singleElement()
                    .satisfies(found -> assertThat(found.evidence()).doesNotContain("bytes"));

            Process program = OtherJvm.start(
                    List.of("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"), Checking.class);
            String said = new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(program.waitFor()).as(said).isZero();
            assertThat(said)
                    .containsPattern("OK +connection-log: what passes the taps of VMs can be read;"
                            + " how many bytes .* is not known, .* CAP_NET_ADMIN");
        });
    }

    /** Such as a container's: which addresses are the host's it would look up in the wrong place. */
    @Test
    void hostCheck_ofAProgramInAnotherNetworkNamespace_isFatal() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(TEMPLATE)) {
            assertThat(vm.attachment()).isPresent();
        }
        List<String> elsewhere = List.of("unshare", "--net", "sh", "-ec", "ip link set lo up; exec \"$@\"", "sh");
        Process program = OtherJvm.start(elsewhere, Checking.class);
        String said = new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(program.waitFor()).as(said).isZero();
        assertThat(said).containsPattern("FATAL +network: .*another network namespace");
    }

    /** Prints what the host check finds. */
    static final class Checking {
        private Checking() {}

        /** No arguments. */
        public static void main(String[] args) {
            System.out.println(HostCheck.run());
        }
    }

    @Test
    void launch_withoutBridgeNetfilter_dropsInsteadOfRefusingAndSaysSo() {
        NetworkPolicy dropping =
                NetworkPolicy.agentDefault().toBuilder().denied(DenyAction.DROP).build();
        Lab.host("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0");
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM weaker = hypervisor.launch(TEMPLATE);
                VM same = hypervisor.launch(Lab.tiny("dropping").withNetworkPolicy(dropping))) {
            assertThat(weaker.warnings())
                    .anySatisfy(warning ->
                            assertThat(warning).contains("bridge-nf-call-iptables is 0", "dropped instead of refused"));
            assertThat(same.warnings())
                    .noneSatisfy(warning -> assertThat(warning).contains("bridge-nf-call-iptables"))
                    .anySatisfy(warning -> assertThat(warning)
                            .startsWith("confinement: QEMU is not confined")
                            .contains("To mend it"));
            Lab.awaitNetwork(weaker);
            String www = Lab.fact("WWW_ADDRESS");
            assertThat(Lab.probe(weaker, "tcp", www, "443")).startsWith("open");
            assertThat(Lab.probe(weaker, "tcp", www, "8080", "700")).isEqualTo("timeout");
        } finally {
            Lab.host("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1");
        }
    }

    @Test
    void launch_forwardingTurnedOffUnderTheNetwork_isRefused() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("first"))) {
            assertThat(vm.attachment()).isPresent();
        }
        Lab.host("sysctl", "-qw", "net.ipv4.ip_forward=0");
        try {
            assertRefused("ip-forward", "net.ipv4.ip_forward is 0", "sysctl -w");
        } finally {
            Lab.host("sysctl", "-qw", "net.ipv4.ip_forward=1");
        }
    }
}
