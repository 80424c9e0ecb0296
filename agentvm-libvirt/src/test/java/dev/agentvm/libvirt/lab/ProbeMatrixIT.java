package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.Command;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.Hypervisor;
import dev.agentvm.InvalidTemplateException;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.event.VMEvent;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.network.NetworkPolicy;
import java.net.ServerSocket;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The promises of the policy as probes on real guests that are root and hostile, on a host that forwards whatever it is
 * asked to. Each probe that must fail is run from a VM without a filter too, where it must succeed.
 *
 * <p>The tables in {@code docs/threat-model.md} are what this found; with {@code -Dagentvm.docs=write} they are written
 * anew.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@FirstFailureCounts
class ProbeMatrixIT {
    private static final String OUTSIDE = Lab.fact("LAB_OUTSIDE_ADDRESS");
    private static final String WAN = Lab.fact("LAB_OUTSIDE_INTERFACE");

    /** A machine behind a card of the host's own, with an address of the Internet and one of a private network. */
    private static final String STRANGER = "stranger";

    private static final String STRANGER_ADDRESS = "81.2.80.2";
    private static final String STRANGER_PRIVATE = "10.99.0.9";

    private final List<VMEvent> events = new CopyOnWriteArrayList<>();

    private Hypervisor connect() {
        return new LibvirtHypervisor.Builder().addListener(events::add).connect();
    }

    @AfterEach
    void nothingIsLeft() {
        sh("iptables -D FORWARD -j ACCEPT 2>/dev/null || true");
        sh("virsh -q net-destroy agentvm-else; virsh -q net-undefine agentvm-else; true");
        Leftovers.assertNone();
    }

    @Test
    void probes_onTheLibrarysNetwork_succeedWhereTheyMayAndNowhereElse() throws Exception {
        ProbeTable table = new ProbeTable(ProbeColumn.values());
        sh("ip netns add " + STRANGER + "; ip link add strange0 type veth peer name eth0 netns " + STRANGER
                + "; ip addr add 81.2.80.1/30 dev strange0; ip link set strange0 up; ip -n " + STRANGER
                + " link set lo up; ip -n " + STRANGER + " addr add " + STRANGER_ADDRESS + "/30 dev eth0; ip -n "
                + STRANGER + " link set eth0 up; ip -n " + STRANGER + " addr add " + STRANGER_PRIVATE
                + "/32 dev lo; ip -n " + STRANGER + " route add default via 81.2.80.1; ip route add "
                + STRANGER_PRIVATE + " via " + STRANGER_ADDRESS);
        try (Hypervisor hypervisor = connect();
                Hypervisor other =
                        new LibvirtHypervisor.Builder().network("agentvm-else").connect();
                VM bare = hypervisor.launch(Lab.tiny("bare"));
                VM barePeer = hypervisor.launch(Lab.tiny("bare-peer"));
                VM elsewhere = other.launch(Lab.tiny("elsewhere"));
                ServerSocket host = new ServerSocket(443);
                ServerSocket git = new ServerSocket(9418)) {
            assertThat(host.isBound() && git.isBound()).isTrue();
            prepare(bare, barePeer, elsewhere);
            bare(bare, barePeer, elsewhere);
            Probes.forwardAll();
            ProbeSite site = nat(bare, elsewhere);
            // A host that has IPv6 on the bridge, where libvirt turned it off.
            Lab.withSysctl("net.ipv6.conf." + site.bridge() + ".disable_ipv6", "0", () -> {
                addIPv6(site.bridge());
                try (Probes probes = new Probes(site, bare, barePeer, elsewhere, barePeer, 2, table, events)) {
                    run(probes, ProbeColumn.UNFILTERED, ProbeColumn.UNFILTERED_BLIND);
                    probeIsolated(hypervisor, probes);
                }
                try (VM own = hypervisor.launch(Lab.tiny("own"));
                        VM peer = hypervisor.launch(Lab.tiny("peer"))) {
                    assertThat(own.warnings())
                            .as("what the host accepts ahead of libvirt")
                            .anySatisfy(warning -> assertThat(warning).startsWith("forward-accept"));
                    prepare(own, peer);
                    try (Probes probes = new Probes(site, own, peer, elsewhere, bare, 4, table, events)) {
                        for (ProbeColumn column : List.of(
                                ProbeColumn.REJECT,
                                ProbeColumn.DROP,
                                ProbeColumn.REJECT_BLIND,
                                ProbeColumn.DROP_BLIND)) {
                            runFiltered(probes, column, own, peer);
                        }
                    }
                }
            });
        } finally {
            sh("ip link del strange0; ip netns del " + STRANGER);
        }
        table.verify();
        table.publish("probes on the library's network");
    }

    @Test
    void probes_onABridgeOfTheCaller_succeedWhereTheyMayAndNowhereElse() throws Exception {
        ProbeTable table = new ProbeTable(
                ProbeColumn.UNFILTERED,
                ProbeColumn.REJECT,
                ProbeColumn.DROP,
                ProbeColumn.REJECT_BLIND,
                ProbeColumn.DROP_BLIND);
        try (Lan lan = new Lan();
                Hypervisor hypervisor = connect();
                Hypervisor other =
                        new LibvirtHypervisor.Builder().network("agentvm-else").connect()) {
            lan.serveDhcp("10.44.0.100", "10.44.0.150");
            lan.serveAtNeighbour(443);
            for (ProbeColumn column : List.of(ProbeColumn.REJECT_BLIND, ProbeColumn.DROP_BLIND)) {
                column.with(() -> assertThatExceptionOfType(HostNotReadyException.class)
                        .isThrownBy(
                                () -> hypervisor.launch(bridged("blind").withNetworkPolicy(denying(column.denied()))))
                        .withMessageContainingAll("bridge-nf-call-iptables is 0", "To mend it", "sysctl -w"));
                table.refused(column);
            }
            try (VM bare = hypervisor.launch(bridged("bare"));
                    VM barePeer = hypervisor.launch(bridged("bare-peer"));
                    VM elsewhere = other.launch(Lab.tiny("elsewhere"));
                    VM own = hypervisor.launch(bridged("own"));
                    VM peer = hypervisor.launch(bridged("peer"));
                    ServerSocket host = new ServerSocket(443);
                    ServerSocket git = new ServerSocket(9418)) {
                assertThat(host.isBound() && git.isBound()).isTrue();
                prepare(bare, barePeer, elsewhere, own, peer);
                bare(bare, barePeer, elsewhere);
                Probes.forwardAll();
                addIPv6(Lan.BRIDGE);
                ProbeSite site = lan(elsewhere);
                try (Probes probes = new Probes(site, bare, barePeer, elsewhere, barePeer, 2, table, events)) {
                    run(probes, ProbeColumn.UNFILTERED);
                }
                try (Probes probes = new Probes(site, own, peer, elsewhere, bare, 4, table, events)) {
                    for (ProbeColumn column : List.of(ProbeColumn.REJECT, ProbeColumn.DROP)) {
                        runFiltered(probes, column, own, peer);
                    }
                }
            }
        }
        table.verify();
        table.publish("probes on a bridge of the caller");
    }

    private static void run(Probes probes, ProbeColumn... columns) throws Exception {
        for (ProbeColumn column : columns) {
            column.with(() -> probes.run(column));
        }
    }

    private static void runFiltered(Probes probes, ProbeColumn column, VM own, VM peer) throws Exception {
        column.with(() -> {
            own.setNetworkPolicy(denying(column.denied()));
            peer.setNetworkPolicy(denying(column.denied()));
            probes.run(column);
            // Where iptables does not see what is bridged, what would be refused is dropped.
            probes.compareTold(column, denying(column.gathersFragments() ? column.denied() : DenyAction.DROP));
        });
    }

    private static NetworkPolicy denying(DenyAction denied) {
        return NetworkPolicy.agentDefault().toBuilder().denied(denied).build();
    }

    private static void probeIsolated(Hypervisor hypervisor, Probes probes) throws Exception {
        VMTemplate template = Lab.tiny("isolated").withNetworkMode(NetworkMode.ISOLATED);
        assertThatExceptionOfType(InvalidTemplateException.class)
                .isThrownBy(() -> template.withNetworkPolicy(denying(DenyAction.DROP)))
                .withMessageContaining("ISOLATED");
        for (ProbeColumn column : List.of(ProbeColumn.ISOLATED, ProbeColumn.ISOLATED_BLIND)) {
            column.with(() -> {
                try (VM isolated = hypervisor.launch(template)) {
                    assertThat(Lab.output(isolated, Command.of("ls", "/sys/class/net")))
                            .isEqualTo("lo");
                    probes.runWithoutCard(isolated, column);
                }
            });
        }
    }

    private static VMTemplate bridged(String name) {
        return Lab.tiny(name).withNetworkMode(NetworkMode.bridge(Lan.BRIDGE, Lab.fact("DNS_ADDRESS")));
    }

    private static void prepare(VM... vms) {
        for (VM vm : vms) {
            Lab.awaitNetwork(vm);
            Probes.listen(vm);
        }
    }

    /** Takes all that protects from and of these VMs. */
    private static void bare(VM... vms) {
        for (VM vm : vms) {
            Lab.unfilter(vm);
            Lab.host("bridge", "link", "set", "dev", Lab.tap(vm), "isolated", "off");
        }
    }

    private static void addIPv6(String bridge) {
        for (String prefix : Probes.IPV6) {
            Lab.host("ip", "-6", "addr", "add", prefix + "1/64", "dev", bridge, "nodad");
        }
    }

    private static ProbeSite nat(VM vm, VM elsewhere) {
        NetworkAttachment attachment = vm.attachment().orElseThrow();
        IPv4Address gateway = attachment.gateway().orElseThrow();
        String bridge = Lab.host("sh", "-c", "basename $(readlink /sys/class/net/" + Lab.tap(vm) + "/master)");
        Outsider host = new Outsider("the host", "", gateway.toString(), false);
        Map<String, String> closed = new LinkedHashMap<>();
        closed.put("tcp to the host, at the gateway", "tcp " + gateway + " 443");
        closed.put("tcp 9418 to the host, at the gateway", "tcp " + gateway + " 9418");
        closed.put("tcp 9418 to the host, at its outside address", "tcp " + OUTSIDE + " 9418");
        closed.put("ping to the host", "ping " + gateway);
        closed.put("ping to the host, at its outside address", "ping " + OUTSIDE);
        closed.put("ping to the host, at another network's gateway", "ping " + gateway(elsewhere));
        closed.put("tcp to the host, at another network's gateway", "tcp " + gateway(elsewhere) + " 443");
        return new ProbeSite(
                bridge,
                gateway,
                host.mac(bridge),
                true,
                gateway,
                List.of(bridge),
                WAN,
                closed,
                hostAddresses("the gateway", gateway, elsewhere),
                List.of(
                        host,
                        new Outsider("the host, at its outside address", "", OUTSIDE, true),
                        new Outsider("the Internet", STRANGER, STRANGER_ADDRESS, true),
                        new Outsider("a private network", STRANGER, STRANGER_PRIVATE, true)),
                host,
                bridge);
    }

    private static Map<String, IPv4Address> hostAddresses(String where, IPv4Address there, VM elsewhere) {
        Map<String, IPv4Address> addresses = new LinkedHashMap<>();
        addresses.put("the host, at " + where, there);
        addresses.put("the host, at its outside address", IPv4Address.of(OUTSIDE));
        addresses.put("the host, at another network's gateway", gateway(elsewhere));
        return addresses;
    }

    private static ProbeSite lan(VM elsewhere) {
        Outsider neighbour = new Outsider("a neighbour", Lan.NEIGHBOUR_NAMESPACE, Lan.NEIGHBOUR, true);
        neighbour.run("ip -6 addr add " + Probes.IPV6.get(1) + "9/64 dev " + Lan.CARD + " nodad");
        Outsider router = new Outsider("the router", Lan.ROUTER_NAMESPACE, Lan.ROUTER, true);
        // What comes from further away comes from the router.
        router.run("ip addr add " + STRANGER_ADDRESS + "/32 dev lo; ip addr add " + STRANGER_PRIVATE + "/32 dev lo");
        Map<String, String> closed = new LinkedHashMap<>();
        closed.put("tcp to the host, at the bridge", "tcp " + Lan.HOST + " 443");
        closed.put("tcp 9418 to the host, at the bridge", "tcp " + Lan.HOST + " 9418");
        closed.put("ping to the host", "ping " + Lan.HOST);
        closed.put("ping to the host, at another network's gateway", "ping " + gateway(elsewhere));
        closed.put("ping to the router", "ping " + Lan.ROUTER);
        closed.put("tcp to a neighbour", "tcp " + Lan.NEIGHBOUR + " 443");
        closed.put("ping to a neighbour", "ping " + Lan.NEIGHBOUR);
        closed.put("tcp to the host, at another network's gateway", "tcp " + gateway(elsewhere) + " 443");
        return new ProbeSite(
                Lan.BRIDGE,
                IPv4Address.of(Lan.ROUTER),
                router.mac(Lan.CARD),
                false,
                IPv4Address.of(Lab.fact("DNS_ADDRESS")),
                List.of(Lan.BRIDGE, Lan.ROUTER_PORT, Lan.NEIGHBOUR_PORT),
                Lan.ROUTER_PORT,
                closed,
                hostAddresses("the bridge", IPv4Address.of(Lan.HOST), elsewhere),
                List.of(
                        new Outsider("the host", "", Lan.HOST, true),
                        router,
                        neighbour,
                        new Outsider("the Internet", Lan.ROUTER_NAMESPACE, STRANGER_ADDRESS, true),
                        new Outsider("a private network", Lan.ROUTER_NAMESPACE, STRANGER_PRIVATE, true)),
                neighbour,
                Lan.CARD);
    }

    private static IPv4Address gateway(VM vm) {
        return vm.attachment().orElseThrow().gateway().orElseThrow();
    }

    private static void sh(String script) {
        String unused = Lab.host("sh", "-c", script);
    }
}
