package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.HostNotReadyException;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import dev.agentvm.libvirt.internal.xml.FilterXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import java.io.IOException;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Filters on a real tap, without a guest behind it. */
class NwfilterEnforcerIT {
    private static final String TAP = "avtap0";
    private static final NetworkAttachment VM = NetworkAttachment.example();
    private static final Attached ATTACHED = FilterCompilerTest.attached(VM);
    private static final NetworkPolicy POLICY = NetworkPolicy.agentDefault();

    private final UUID vm = UUID.randomUUID();
    private final Libvirt libvirt = Libvirt.open(LibvirtOptions.of("qemu:///system"));
    private final PolicyEnforcer enforcer = new NwfilterEnforcer(libvirt, HostView.local());

    @TempDir
    Path directory = Path.of("");

    @BeforeEach
    void addTap() {
        Shell.sh("ip link add avbr0 type bridge; ip link set avbr0 up; ip tuntap add " + TAP + " mode tap; ip link set "
                + TAP + " master avbr0 up");
    }

    @AfterEach
    void removeAll() {
        Shell.sh("virsh -q nwfilter-binding-delete " + TAP + " 2>&1 || true; ip link del " + TAP
                + "; ip link del avbr0; sysctl -qw net.bridge.bridge-nf-call-iptables=1");
        enforcer.remove(vm);
        libvirt.close();
    }

    private void bind(String filter) throws IOException {
        FilterBindings.create(directory, vm, TAP, VM.mac(), filter);
    }

    private static String layer2() {
        return Shell.run("ebtables", "-t", "nat", "-L");
    }

    private static String layer3() {
        return Shell.run("iptables", "-S");
    }

    @Test
    void prepare_bound_isVerifiedAndInForce() throws IOException {
        PolicyEnforcer.Prepared prepared = enforcer.prepare(vm, POLICY, ATTACHED);
        assertThat(prepared.denied()).isEqualTo(DenyAction.REJECT);
        assertThat(prepared.warnings()).isEmpty();
        assertThatThrownBy(() -> enforcer.verify(vm, TAP, POLICY, ATTACHED))
                .isInstanceOf(HostNotReadyException.class)
                .hasMessageContaining("no filter is bound");

        bind(prepared.filter());

        enforcer.verify(vm, TAP, POLICY, ATTACHED);
        assertThat(layer2()).contains("--ip-dst 169.254.0.0/16 -j DROP").doesNotContain("--ip-dport 443 -j ACCEPT");
        assertThat(layer3()).containsPattern("FI-" + TAP + " -p tcp .*--dport 443 .*-j RETURN");
        assertThat(layer3()).containsPattern("FI-" + TAP + " -p tcp -m conntrack .*-j REJECT");
    }

    @Test
    void verify_anotherFilterOnTheTap_isRefused() throws IOException {
        enforcer.prepare(vm, POLICY, ATTACHED);
        bind("allow-arp");

        assertThatThrownBy(() -> enforcer.verify(vm, TAP, POLICY, ATTACHED))
                .isInstanceOf(HostNotReadyException.class)
                .hasMessageContaining("'allow-arp' is bound");
    }

    @Test
    void verify_filterChangedByAnother_isRefused() throws IOException {
        PolicyEnforcer.Prepared prepared = enforcer.prepare(vm, POLICY, ATTACHED);
        bind(prepared.filter());
        FilterXml wider =
                LibvirtXml.read(libvirt.filters().xml(prepared.filter()).orElseThrow(), FilterXml.class);
        wider.entries.remove(wider.entries.size() - 1);
        libvirt.filters().define(LibvirtXml.write(wider));

        assertThatThrownBy(() -> enforcer.verify(vm, TAP, POLICY, ATTACHED))
                .isInstanceOf(HostNotReadyException.class)
                .hasMessageContaining("is not what this library defined");
    }

    @Test
    void update_boundFilter_isSwappedInForce() throws IOException {
        bind(enforcer.prepare(vm, POLICY, ATTACHED).filter());
        NetworkPolicy wider = POLICY.toBuilder()
                .addRule(FilterRule.allow().udp(123).because("time"))
                .build();
        assertThat(layer2()).doesNotContain("--ip-dport 123");

        enforcer.update(vm, wider, ATTACHED);

        enforcer.verify(vm, TAP, wider, ATTACHED);
        assertThat(layer2()).contains("--ip-dport 123 -j ACCEPT");
    }

    @Test
    void prepare_withoutLayer3_dropsAndSaysSo() throws IOException {
        Shell.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0");
        PolicyEnforcer.Prepared prepared =
                enforcer.prepare(vm, POLICY.toBuilder().connectionLimit(9).build(), ATTACHED);

        assertThat(prepared.denied()).isEqualTo(DenyAction.DROP);
        assertThat(prepared.warnings())
                .hasSize(2)
                .allSatisfy(warning -> assertThat(warning).contains("bridge-nf-call-iptables is 0"));
        bind(prepared.filter());
        assertThat(layer2()).contains("--ip-dport 443 -j ACCEPT");
        assertThat(layer3()).doesNotContain("FI-" + TAP);
    }

    @Test
    void remove_twice_isDoneOnce() {
        enforcer.prepare(vm, POLICY, ATTACHED);

        assertThat(enforcer.remove(vm)).isTrue();
        assertThat(enforcer.remove(vm)).isFalse();
        assertThat(libvirt.filters().list()).doesNotContain(FilterRenderer.name(vm));
    }
}
