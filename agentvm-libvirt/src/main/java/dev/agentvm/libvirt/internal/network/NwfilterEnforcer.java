package dev.agentvm.libvirt.internal.network;

import dev.agentvm.FailureContext;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.NetworkFilters;
import dev.agentvm.libvirt.internal.xml.FilterXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Enforces policies by libvirt's network filters: one filter for each VM, with all values in it, whose UUID is the VM's.
 * libvirt puts a redefined filter in force on the running VM before the call returns, layer 2 without a gap.
 */
public final class NwfilterEnforcer implements PolicyEnforcer {
    static final String BRIDGE_NF = "/proc/sys/net/bridge/bridge-nf-call-iptables";
    private static final String ON = "1";

    private final NetworkFilters filters;
    private final HostView host;

    /** Filters in that libvirt, on that host. */
    public NwfilterEnforcer(Libvirt libvirt, HostView host) {
        this(libvirt.filters(), host);
    }

    NwfilterEnforcer(NetworkFilters filters, HostView host) {
        this.filters = filters;
        this.host = host;
    }

    @Override
    public Prepared prepare(UUID vm, NetworkPolicy policy, Attached attached) {
        Prepared expected = expected(vm, policy, attached);
        filters.define(xml(vm, policy, attached, expected.denied()));
        return expected;
    }

    @Override
    public Prepared expected(UUID vm, NetworkPolicy policy, Attached attached) {
        if (attached.lease() == Attached.Lease.ENDED) {
            String warning = "The VM may do nothing but ask for its address by DHCP, because its lease of "
                    + attached.vm().address() + " has ended";
            return new Prepared(FilterRenderer.name(vm), DenyAction.DROP, List.of(warning));
        }
        String bridgeNetfilter = bridgeNetfilter();
        return new Prepared(
                FilterRenderer.name(vm), denied(policy, bridgeNetfilter), warnings(policy, attached, bridgeNetfilter));
    }

    @Override
    public void verify(UUID vm, String tap, NetworkPolicy policy, Attached attached) {
        String there = bound(vm, tap);
        // Between prepare and now the sysctl may have changed, but not the filter: either form is the policy's.
        boolean same = List.of(DenyAction.values()).stream()
                .filter(denied -> denied == DenyAction.DROP || policy.denied() == DenyAction.REJECT)
                .anyMatch(denied -> xml(vm, policy, attached, denied).equals(there));
        requireSame(same, vm, tap);
    }

    @Override
    public boolean isFiltered(String tap) {
        return filters.binding(tap).isPresent();
    }

    @Override
    public Prepared prepareLearning(UUID vm, MacAddress mac) {
        filters.define(LibvirtXml.write(FilterRenderer.renderLearning(vm, mac)));
        return new Prepared(FilterRenderer.name(vm), DenyAction.DROP, List.of());
    }

    @Override
    public void verifyLearning(UUID vm, String tap, MacAddress mac) {
        boolean same = LibvirtXml.write(FilterRenderer.renderLearning(vm, mac)).equals(bound(vm, tap));
        requireSame(same, vm, tap);
    }

    /** The VM's filter, which must be the one that is bound to its tap. */
    private String bound(UUID vm, String tap) {
        String name = FilterRenderer.name(vm);
        Optional<NetworkFilters.Binding> binding = filters.binding(tap);
        if (binding.isEmpty() || !binding.get().filterName().equals(name)) {
            throw notInForce(
                    vm,
                    tap,
                    binding.map(other -> "the filter '" + other.filterName() + "' is bound to it")
                            .orElse("no filter is bound to it"));
        }
        return filters.xml(name)
                .map(xml -> LibvirtXml.write(LibvirtXml.read(xml, FilterXml.class)))
                .orElse("");
    }

    private static void requireSame(boolean same, UUID vm, String tap) {
        if (!same) {
            throw notInForce(vm, tap, "the filter '" + FilterRenderer.name(vm) + "' is not what this library defined");
        }
    }

    private static HostNotReadyException notInForce(UUID vm, String tap, String why) {
        return new HostNotReadyException(
                "The network policy of VM " + vm + " is not in force on " + tap + ": " + why
                        + ". Another program changes libvirt's filters",
                FailureContext.of("verify network policy"));
    }

    @Override
    public Prepared update(UUID vm, NetworkPolicy policy, Attached attached) {
        return prepare(vm, policy, attached);
    }

    @Override
    public boolean remove(UUID vm) {
        return filters.undefine(FilterRenderer.name(vm));
    }

    private static String xml(UUID vm, NetworkPolicy policy, Attached attached, DenyAction denied) {
        return LibvirtXml.write(
                attached.lease() == Attached.Lease.ENDED
                        ? FilterRenderer.renderAsking(vm, attached.vm().mac())
                        : FilterRenderer.render(FilterCompiler.compile(policy, attached, denied), vm, vm));
    }

    /** Refusing needs layer 3, which sees nothing unless the host hands bridged packets to iptables. */
    private static DenyAction denied(NetworkPolicy policy, String bridgeNetfilter) {
        return bridgeNetfilter.equals(ON) ? policy.denied() : DenyAction.DROP;
    }

    private String bridgeNetfilter() {
        return host.read(BRIDGE_NF).orElse("absent (is br_netfilter loaded?)");
    }

    private static List<String> warnings(NetworkPolicy policy, Attached attached, String bridgeNetfilter) {
        if (bridgeNetfilter.equals(ON)) {
            return List.of();
        }
        List<String> warnings = new ArrayList<>();
        String why = " because bridge-nf-call-iptables is " + bridgeNetfilter + " on this host";
        if (policy.denied() == DenyAction.REJECT) {
            warnings.add("Denied TCP is dropped instead of refused," + why);
            policy.connectionLimit()
                    .ifPresent(limit -> warnings.add("The limit of " + limit + " connections is not enforced," + why));
        }
        if (attached.gatewayMac().isEmpty()) {
            warnings.add(
                    "Hosts that the VM may ask can start TCP connections to it, from the ports that it may ask them on,"
                            + why);
        }
        return warnings;
    }
}
