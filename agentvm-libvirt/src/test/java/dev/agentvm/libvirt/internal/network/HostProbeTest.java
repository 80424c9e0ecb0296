package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.libvirt.internal.connection.HostFacts;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtVersion;
import dev.agentvm.libvirt.internal.connection.NetworkFilters;
import dev.agentvm.libvirt.internal.connection.Networks;
import dev.agentvm.libvirt.internal.network.Finding.Severity;
import dev.agentvm.libvirt.internal.network.HostProbe.Needs;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.network.NetworkPolicy;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HostProbeTest {
    private static final String TABLES = "/proc/net/fib_trie";
    private static final String BRIDGE_NF = NwfilterEnforcer.BRIDGE_NF;
    private static final String CONNTRACK_ACCT = "/proc/sys/net/netfilter/nf_conntrack_acct";

    private final PretendHost host = new PretendHost();
    private final Map<String, String> files = host.files;
    private final Set<String> missing = host.missing;
    private String uri = "qemu:///system";
    private LibvirtVersion version = new LibvirtVersion(9, 0, 0);
    private String capabilities =
            "<capabilities><host><secmodel><model>apparmor</model><doi>0</doi></secmodel></host></capabilities>";
    private boolean nwfilter = true;
    private Optional<String> network = Optional.empty();
    private boolean active = true;

    private Libvirt libvirt() {
        HostFacts facts = Stub.of(HostFacts.class)
                .on("uri", arguments -> uri)
                .on("daemonVersion", arguments -> version)
                .on("capabilitiesXml", arguments -> capabilities)
                .get();
        NetworkFilters filters = Stub.of(NetworkFilters.class)
                .on("list", arguments -> {
                    if (!nwfilter) {
                        throw new AgentVMException("no nwfilter driver", FailureContext.of("list filters"));
                    }
                    return List.of("clean-traffic");
                })
                .get();
        Networks networks = Stub.of(Networks.class)
                .on("list", List.of())
                .on(
                        "lookup",
                        arguments -> network.map(xml -> new Networks.Info("agentvm", UUID.randomUUID(), active, true)))
                .on("inactiveXml", arguments -> network.orElseThrow())
                .get();
        return Stub.of(Libvirt.class)
                .on("host", facts)
                .on("filters", filters)
                .on("networks", networks)
                .get();
    }

    private Finding find(String id, Needs needs) {
        return new HostProbe(libvirt(), host)
                .check(needs).stream()
                        .filter(finding -> finding.id().equals(id))
                        .findFirst()
                        .orElseThrow(() -> new AssertionError(id + " was not looked at"));
    }

    private Severity severity(String id) {
        return find(id, Needs.standard()).severity();
    }

    private static Needs needs(NetworkMode mode, NetworkPolicy policy, BandwidthLimit bandwidth) {
        return new Needs(mode, policy, bandwidth, NetworkSettings.standard(), true, true);
    }

    private void networkRuns(boolean running) {
        network = Optional.of(LibvirtXml.write(NetworkRenderer.render(
                NetworkSettings.standard(), new Subnet(Cidr.of("192.168.101.0/24")), UUID.randomUUID())));
        active = running;
    }

    @Test
    void check_goodHost_findsNothing() {
        assertThat(new HostProbe(libvirt(), host).check(Needs.standard()))
                .allSatisfy(finding ->
                        assertThat(finding.severity()).as(finding.toString()).isEqualTo(Severity.OK))
                .extracting(Finding::id)
                .doesNotHaveDuplicates()
                .hasSize(14);
    }

    @Test
    void check_isolated_looksAtNothingOfTheNetwork() {
        missing.add("ebtables");
        nwfilter = false;
        files.clear();
        NetworkPolicy policy = NetworkPolicy.agentDefault();

        assertThat(new HostProbe(libvirt(), host).check(needs(NetworkMode.ISOLATED, policy, BandwidthLimit.standard())))
                .extracting(Finding::severity)
                .containsOnly(Severity.OK);
    }

    @Test
    void check_session_isFatal() {
        uri = "qemu:///session";
        assertThat(severity("system-uri")).isEqualTo(Severity.FATAL);
    }

    @Test
    void check_oldLibvirt_isFatal() {
        version = new LibvirtVersion(7, 10, 0);
        assertThat(severity("libvirt-version")).isEqualTo(Severity.FATAL);
        version = new LibvirtVersion(8, 0, 0);
        assertThat(severity("libvirt-version")).isEqualTo(Severity.OK);
    }

    @Test
    void check_noFilterDriver_isFatal() {
        nwfilter = false;
        assertThat(severity("nwfilter")).isEqualTo(Severity.FATAL);
    }

    @Test
    void check_filtersByNftables_isWarnedOf() {
        String conf = "/etc/libvirt/nwfilter.conf";
        files.put(conf, "firewall_backend = \"nftables\"");
        assertThat(find("nwfilter", Needs.standard())).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.WARNING);
            assertThat(found.evidence()).contains("has not been tried");
            assertThat(found.remedy())
                    .contains("firewall_backend = \"iptables\" in " + conf, "nft delete table bridge");
        });
        files.put(conf, "#firewall_backend = \"nftables\"");
        assertThat(severity("nwfilter")).isEqualTo(Severity.WARNING);
        missing.add("nft");
        assertThat(severity("nwfilter")).isEqualTo(Severity.OK);
        missing.clear();
        files.put(conf, "#firewall_backend = \"nftables\"\nfirewall_backend = \"iptables\"");
        assertThat(severity("nwfilter")).isEqualTo(Severity.OK);
    }

    @ParameterizedTest
    @ValueSource(strings = {"ebtables", "iptables", "ip6tables"})
    void check_noFirewallTool_isFatal(String tool) {
        missing.add(tool);
        assertThat(find("firewall-tools", Needs.standard()))
                .isEqualTo(Finding.fatal(
                        "firewall-tools",
                        "libvirt filters by programs that are not there: " + tool,
                        "Install them (Debian: apt-get install ebtables iptables; Fedora: dnf install iptables-nft)"));
    }

    @Test
    void check_bridgeNetfilterOff_dependsOnThePolicy() {
        files.put(BRIDGE_NF, "0");
        NetworkPolicy refusing = NetworkPolicy.agentDefault();
        NetworkPolicy dropping = refusing.toBuilder().denied(DenyAction.DROP).build();
        BandwidthLimit limit = BandwidthLimit.unlimited();

        assertThat(severity("bridge-netfilter")).isEqualTo(Severity.WARNING);
        assertThat(find("bridge-netfilter", needs(NetworkMode.NAT_FILTERED, dropping, limit))
                        .severity())
                .isEqualTo(Severity.OK);
        assertThat(find("bridge-netfilter", needs(NetworkMode.bridge("br0"), dropping, limit))
                        .severity())
                .isEqualTo(Severity.FATAL);
        files.remove(BRIDGE_NF);
        assertThat(find("bridge-netfilter", Needs.standard()).evidence()).contains("absent");
    }

    private Finding onBridge(String id, NetworkMode mode) {
        return find(id, needs(mode, NetworkPolicy.agentDefault(), BandwidthLimit.unlimited()));
    }

    private void bridgeIsThere() {
        files.put("/sys/class/net/br0/flags", "0x1003");
        files.put("/sys/class/net/br0/bridge/stp_state", "0");
        files.put("/run/libvirt/network/nwfilter.leases", "");
    }

    @Test
    void check_bridge_mustBeThereAndUp() {
        NetworkMode mode = NetworkMode.bridge("br0");
        assertThat(onBridge("bridge", mode).evidence()).contains("no interface 'br0'");
        files.put("/sys/class/net/br0/flags", "0x1003");
        assertThat(onBridge("bridge", mode).evidence()).contains("no bridge");
        bridgeIsThere();
        files.put("/sys/class/net/br0/flags", "0x1002");
        assertThat(onBridge("bridge", mode).remedy()).isEqualTo("ip link set br0 up");
        assertThat(onBridge("bridge", mode).severity()).isEqualTo(Severity.FATAL);
        bridgeIsThere();
        assertThat(new HostProbe(libvirt(), host)
                        .check(needs(mode, NetworkPolicy.agentDefault(), BandwidthLimit.unlimited())))
                .allSatisfy(finding ->
                        assertThat(finding.severity()).as(finding.toString()).isEqualTo(Severity.OK));
    }

    @Test
    void check_bridgeWithSpanningTreeOrRoutes_isWarnedOf() {
        NetworkMode mode = NetworkMode.bridge("br0");
        bridgeIsThere();
        files.put("/sys/class/net/br0/bridge/stp_state", "1");
        assertThat(onBridge("bridge-stp", mode).severity()).isEqualTo(Severity.WARNING);
        files.merge("/proc/net/route", "br0 00002C0A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n", String::concat);
        assertThat(onBridge("bridge-routing", mode).severity()).isEqualTo(Severity.WARNING);
        files.put("/proc/sys/net/ipv4/ip_forward", "0");
        assertThat(onBridge("bridge-routing", mode).severity()).isEqualTo(Severity.OK);
    }

    @Test
    void check_bridgeUnderAForwardThatDrops_isFatal() {
        bridgeIsThere();
        host.commands.put(
                "iptables -w 1 -S",
                "-P FORWARD DROP\n-A FORWARD -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n");
        assertThat(onBridge("forward-policy", NetworkMode.bridge("br0")).severity())
                .isEqualTo(Severity.FATAL);
        assertThat(onBridge("forward-policy", NetworkMode.bridge("br0").withAddress("10.0.0.9"))
                        .severity())
                .isEqualTo(Severity.OK);
    }

    /** Nothing of DROP depends on it but what only a caller's bridge lets in. */
    @Test
    void check_connectionsThatAreNotTracked_dependOnModeAndPolicy() {
        bridgeIsThere();
        NetworkPolicy refusing = NetworkPolicy.agentDefault();
        NetworkPolicy dropping = refusing.toBuilder().denied(DenyAction.DROP).build();
        BandwidthLimit limit = BandwidthLimit.unlimited();
        host.commands.put("iptables -w 1 -t raw -S", "-A PREROUTING -j NOTRACK\n");

        assertThat(severity("connection-tracking")).isEqualTo(Severity.WARNING);
        assertThat(find("connection-tracking", needs(NetworkMode.NAT_FILTERED, dropping, limit))
                        .severity())
                .isEqualTo(Severity.OK);
        for (NetworkPolicy policy : List.of(refusing, dropping)) {
            assertThat(find("connection-tracking", needs(NetworkMode.bridge("br0"), policy, limit))
                            .severity())
                    .isEqualTo(Severity.FATAL);
        }
    }

    @Test
    void check_leasesThatCannotBeRead_areFatalUnlessTheAddressIsFixed() {
        bridgeIsThere();
        files.remove("/run/libvirt/network/nwfilter.leases");
        assertThat(onBridge("bridge-address", NetworkMode.bridge("br0")).severity())
                .isEqualTo(Severity.FATAL);
        assertThat(onBridge("bridge-address", NetworkMode.bridge("br0").withAddress("10.0.0.9"))
                        .severity())
                .isEqualTo(Severity.OK);
    }

    @Test
    void connectionLog_whereNoBytesAreCounted_saysSo() {
        files.put(CONNTRACK_ACCT, "0");
        assertThat(find("connection-log", Needs.standard()).evidence())
                .contains("nf_conntrack_acct is not 1")
                .doesNotContain("CAP_NET_ADMIN");

        files.put(CONNTRACK_ACCT, "1");
        assertThat(find("connection-log", Needs.standard()).evidence()).doesNotContain("bytes");
    }

    @Test
    void connectionLog_whereTheKernelDoesNotTellTheProgramTheBytes_saysWhatThatTakes() {
        host.counting = false;
        files.put(CONNTRACK_ACCT, "1");
        assertThat(severity("connection-log")).isEqualTo(Severity.OK);
        assertThat(find("connection-log", Needs.standard()).evidence())
                .contains("bytes", "run it as root, or give it CAP_NET_ADMIN")
                .doesNotContain("nf_conntrack_acct");

        files.put(CONNTRACK_ACCT, "0");
        assertThat(find("connection-log", Needs.standard()).evidence())
                .contains("nf_conntrack_acct is not 1", "CAP_NET_ADMIN");
    }

    @Test
    void connectionLog_withoutTheRightToCapture_isAWarning() {
        assertThat(severity("connection-log")).isEqualTo(Severity.OK);

        host.capturing = false;

        assertThat(severity("connection-log")).isEqualTo(Severity.WARNING);
        assertThat(find("connection-log", Needs.standard()).remedy()).contains("CAP_NET_RAW");
    }

    @Test
    void check_kernelThatCannotShape_dependsOnTheLimit() {
        files.remove("/lib/modules/6.1.0/modules.dep");
        files.put("/sys/module/sch_htb/initstate", "live");
        NetworkPolicy policy = NetworkPolicy.agentDefault();

        assertThat(find("bandwidth", Needs.standard()).evidence())
                .contains("no sch_sfq, act_police,")
                .doesNotContain("htb");
        assertThat(severity("bandwidth")).isEqualTo(Severity.WARNING);
        assertThat(find(
                                "bandwidth",
                                needs(
                                        NetworkMode.NAT_FILTERED,
                                        policy,
                                        BandwidthLimit.standard().required()))
                        .severity())
                .isEqualTo(Severity.FATAL);
        assertThat(find("bandwidth", needs(NetworkMode.NAT_FILTERED, policy, BandwidthLimit.unlimited()))
                        .severity())
                .isEqualTo(Severity.OK);
    }

    @Test
    void check_forwardingOffUnderARunningNetwork_isFatal() {
        files.put("/proc/sys/net/ipv4/ip_forward", "0");
        assertThat(severity("ip-forward")).isEqualTo(Severity.OK);
        networkRuns(false);
        assertThat(severity("ip-forward")).isEqualTo(Severity.OK);
        networkRuns(true);
        assertThat(severity("ip-forward")).isEqualTo(Severity.FATAL);
    }

    @Test
    void check_foreignNetwork_isFatal() {
        network = Optional.of("<network><name>agentvm</name></network>");
        assertThat(severity("network")).isEqualTo(Severity.FATAL);
    }

    @Test
    void check_subnetTakenWhileTheNetworkIsDown_isFatal() {
        networkRuns(false);
        files.merge("/proc/net/route", "tun0 0065A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n", String::concat);

        assertThat(find("network", Needs.standard()).evidence()).contains("192.168.101.0/24", "tun0");
        network = Optional.empty();
        assertThat(severity("network")).isEqualTo(Severity.OK);
    }

    @Test
    void check_subnetThatAnotherTableOrTheHostHas_isFatal() {
        networkRuns(false);
        files.put(TABLES, "Id 52:\n |-- 192.168.0.0\n /16 universe UNICAST\n");
        assertThat(find("network", Needs.standard()).evidence())
                .contains("192.168.101.0/24", "a route of table 52 (192.168.0.0/16)");

        files.put(TABLES, "Local:\n |-- 192.168.101.0\n /25 host LOCAL\n");
        assertThat(find("network", Needs.standard()).evidence())
                .contains("a block that the host takes for its own (192.168.101.0/25)");

        files.put(TABLES, "Main:\n |-- 192.168.0.0\n /16 universe UNICAST\nId 100:\n |-- 0.0.0.0\n /0 host LOCAL\n");
        assertThat(severity("network")).isEqualTo(Severity.OK);
    }

    @Test
    void check_unconfined_isFatalOnlyWhereDemanded() {
        capabilities = "<capabilities><host><secmodel><model>dac</model></secmodel></host></capabilities>";
        assertThat(severity("confinement")).isEqualTo(Severity.WARNING);
        assertThat(find(
                                "confinement",
                                needs(NetworkMode.ISOLATED, NetworkPolicy.agentDefault(), BandwidthLimit.unlimited()))
                        .severity())
                .isEqualTo(Severity.FATAL);
    }

    @Test
    void check_noKvm_isFatalOnlyWhereDemanded() {
        missing.add("/dev/kvm");
        assertThat(severity("kvm")).isEqualTo(Severity.WARNING);
        assertThat(find("kvm", needs(NetworkMode.ISOLATED, NetworkPolicy.agentDefault(), BandwidthLimit.unlimited()))
                        .severity())
                .isEqualTo(Severity.FATAL);
    }
}
