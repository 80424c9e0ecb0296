package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.lab.FirstFailureCounts;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import dev.agentvm.network.Verdict.Outcome;
import dev.agentvm.testkit.Judgement;
import dev.agentvm.testkit.Nic;
import dev.agentvm.testkit.NwfilterSimulator;
import dev.agentvm.testkit.Packet;
import dev.agentvm.testkit.Simulation;
import dev.agentvm.testkit.Wire;
import dev.agentvm.testkit.laws.PolicyArbitraries;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Tuple;
import net.jqwik.api.sessions.JqwikSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;

/**
 * Three descriptions of a policy agree: {@link NetworkPolicy#evaluate}, the rendered filter as the simulator reads it, and
 * what the kernel does once libvirt has bound that filter to a tap, out of which the flows' first packets come, or to
 * which they go.
 *
 * <p>Each packet is also sent without a filter. One that does not arrive then, because the kernel itself has no way for
 * it, proves nothing; another is made instead.
 *
 * <p>The wire translates no addresses. Of what comes to the VM from the host or by way of it some arrives that is denied,
 * since it looks like an answer: what comes from beyond the host its NAT would stop, which the probe matrix tries, and
 * what the host sends the VM cannot answer. Of what comes from neighbours nothing may arrive that is denied.
 */
@TestInstance(Lifecycle.PER_CLASS)
@FirstFailureCounts
class AgreementIT {
    private static final int POLICIES =
            Integer.getInteger("agentvm.agreement.policies", Boolean.getBoolean("agentvm.soak") ? 500 : 20);
    private static final int BRIDGED_POLICIES = POLICIES / 4;
    private static final int FLOWS = 20;
    private static final int ROUNDS = 50;
    /** What is generated follows from it alone. */
    private static final long SEED = Long.getLong("agentvm.agreement.seed", new Random().nextInt(1_000_000));

    private static final UUID ID = UUID.fromString("6d4d3c7e-2f3c-4f27-9e6f-0c8ac3c1a112");
    /** Some of the addresses that generated rules name. */
    private static final List<String> MORE_ADDRESSES = List.of("10.0.5.5", "172.16.5.5", "8.0.5.5");

    private static final String ROUTER = "100.127.255.254";
    private static final int TABLE = 4711;
    /** Where flows that name no source port begin; each has its own, so that none belongs to another's connection. */
    private static final int FIRST_PORT = 41000;

    private final Libvirt libvirt = Libvirt.open(LibvirtOptions.of("qemu:///system"));
    private final Map<String, String> kernel = parameters();
    private final Wire wire = new Wire(
            Stream.concat(Stream.of("192.168.101.1"), MORE_ADDRESSES.stream()).toList(), setup());
    private final Attached routed = attached(NetworkAttachment.example(), Optional.of(MacAddress.of(Wire.HOST_MAC)));
    private final Attached bridged = attached(
            NetworkAttachment.example().toBuilder()
                    .gateway(Optional.empty())
                    .resolvers(List.of(IPv4Address.of("8.0.53.53")))
                    .build(),
            Optional.empty());
    private final Map<Outcome, Integer> compared = new EnumMap<>(Outcome.class);
    private List<Case> cases = List.of();
    private int towardsVM;
    private int deniedAtVM;
    private int withoutWay;
    private int lastNumber;

    /**
     * A policy and what it is tried with.
     *
     * @param layer3 whether the host shows bridged packets to layer 3; where it does not, the policy is one of DROP
     */
    private record Case(int number, NetworkPolicy policy, Attached attached, boolean layer3, List<Probe> probes) {
        Case with(NetworkPolicy other, List<Probe> probes) {
            return new Case(number, other, attached, layer3, probes);
        }
    }

    private record Probe(Flow flow, Packet packet) {}

    private static String[] setup() {
        String bridge = " dev " + Wire.BRIDGE;
        String uplink = " dev " + Wire.UPLINK_TAP;
        List<String> lines = new ArrayList<>(List.of(
                // Another test may have left it running, with the same addresses; it is started again when it is
                // needed.
                "virsh -q net-destroy agentvm 2>/dev/null || true",
                "ip addr add 192.168.101.1/24" + bridge,
                "ip route add broadcast 255.255.255.255" + bridge,
                "ip neigh add 192.168.101.10 lladdr "
                        + NetworkAttachment.example().mac() + bridge,
                // All that the VM sends beyond the host leaves here, whatever else the lab is connected with.
                "ip neigh add " + ROUTER + " lladdr " + Wire.ROUTER_MAC + uplink,
                "ip route add default via " + ROUTER + uplink + " onlink table " + TABLE,
                "ip rule add iif " + Wire.BRIDGE + " lookup " + TABLE));
        MORE_ADDRESSES.forEach(address -> lines.add("ip addr add " + address + "/32" + uplink));
        return lines.toArray(String[]::new);
    }

    /** What the wire sets for the whole of the lab, which other tests share. */
    private static Map<String, String> parameters() {
        return Stream.of(
                        "net.ipv4.conf.all.rp_filter",
                        "net.ipv6.conf.all.forwarding",
                        "net.ipv4.icmp_ratemask",
                        "net.ipv6.icmp.ratelimit",
                        "net.ipv6.icmp.ratemask",
                        "net.netfilter.nf_conntrack_tcp_be_liberal",
                        "net.netfilter.nf_conntrack_checksum")
                .collect(Collectors.toMap(
                        name -> name, name -> Shell.run("sysctl", "-n", name).strip()));
    }

    private static Attached attached(NetworkAttachment vm, Optional<MacAddress> gatewayMac) {
        HostView host = HostView.local();
        return new Attached(vm, Wire.BRIDGE, gatewayMac, false).on(host, host.addresses());
    }

    @BeforeAll
    void open(@TempDir Path directory) throws IOException {
        List<Case> generated = new ArrayList<>();
        JqwikSession.run(() -> {
            Random random = new Random(SEED);
            for (int number = 1; number <= POLICIES + BRIDGED_POLICIES; number++) {
                generated.add(generate(number, number <= POLICIES ? routed : bridged, random));
            }
        });
        cases = List.copyOf(generated);
        define(NetworkPolicy.none(), routed);
        bind(directory);
    }

    /** Those that arrive if nothing filters them. */
    private List<Probe> arriving(List<Probe> probes) {
        List<Wire.Seen> unfiltered = send(probes, true);
        List<Probe> arriving = new ArrayList<>();
        for (int i = 0; i < unfiltered.size(); i++) {
            if (arrives(unfiltered.get(i))) {
                arriving.add(probes.get(i));
            }
        }
        withoutWay += unfiltered.size() - arriving.size();
        return arriving;
    }

    private Case generate(int number, Attached attached, Random random) {
        // On a caller's bridge no VM starts without layer 3.
        boolean layer3 = attached.gatewayMac().isEmpty() || random.nextInt(4) > 0;
        DenyAction denied = layer3 && random.nextInt(3) > 0 ? DenyAction.REJECT : DenyAction.DROP;
        NetworkPolicy policy = next(PolicyArbitraries.policies(), random).toBuilder()
                .denied(denied)
                .build();
        Arbitrary<Flow> flows = Arbitraries.frequencyOf(
                Tuple.of(4, PolicyArbitraries.flows(policy, attached.vm())), Tuple.of(1, tcpToTheInternet()));
        Set<Set<Object>> conversations = new HashSet<>();
        List<Probe> probes = new ArrayList<>();
        for (Flow flow : always(attached.vm())) {
            add(probe(flow, attached, probes.size(), conversations), probes);
        }
        List<Probe> arriving = new ArrayList<>(arriving(probes));
        int wanted = arriving.size() + FLOWS;
        int port = probes.size();
        for (int round = 0; arriving.size() < wanted && round < ROUNDS; round++) {
            probes.clear();
            while (probes.size() < FLOWS) {
                add(probe(next(flows, random), attached, port++, conversations), probes);
            }
            List<Probe> more = arriving(probes);
            arriving.addAll(more.subList(0, Math.min(more.size(), wanted - arriving.size())));
        }
        return new Case(number, policy, attached, layer3, arriving);
    }

    private static void add(Optional<Probe> probe, List<Probe> probes) {
        probe.ifPresent(probes::add);
    }

    /** Empty if nothing can be sent, or something was that the kernel would take for the same connection. */
    private static Optional<Probe> probe(Flow flow, Attached attached, int number, Set<Set<Object>> conversations) {
        int port = FIRST_PORT + number;
        // A name becomes an address before a packet is sent.
        return flow.destinationName().isEmpty() && conversations.add(conversation(flow, attached.vm(), port))
                ? Optional.of(new Probe(flow, FlowPackets.first(flow, attached, port)))
                : Optional.empty();
    }

    /**
     * What is tried under every policy: what the gateway may send by itself, to the VM and to all, and what is nearly the
     * same; on a caller's bridge what looks like answers.
     */
    private static List<Flow> always(NetworkAttachment vm) {
        if (vm.gateway().isEmpty()) {
            IPv4Address resolver = vm.resolvers().get(0);
            String neighbour = vm.subnet().last().toString().replaceFirst("255$", "77");
            return List.of(
                    udpToVM(resolver, 53, 40000, vm.address()),
                    Flow.tcpToVM(resolver.toString(), 40000).withSourcePort(53),
                    Flow.tcpToVM("8.0.1.1", 40000).withSourcePort(443),
                    Flow.pingToVM(neighbour),
                    udpToVM(IPv4Address.of(neighbour), 67, 68, vm.address()));
        }
        IPv4Address gateway = vm.gateway().get();
        IPv4Address all = vm.subnet().last();
        return List.of(
                udpToVM(gateway, 67, 68, vm.address()),
                udpToVM(gateway, 67, 68, all),
                udpToVM(gateway, 67, 68, IPv4Address.of("255.255.255.255")),
                udpToVM(gateway, 60, 40000, all),
                udpToVM(gateway, 52, 40000, vm.address()));
    }

    private static Flow udpToVM(IPv4Address from, int sourcePort, int port, IPv4Address to) {
        return new Flow.Builder()
                .direction(Flow.Direction.TO_VM)
                .source(from)
                .destination(to)
                .ipProtocol(Flow.UDP)
                .sourcePort(sourcePort)
                .destinationPort(port)
                .build();
    }

    /** What is refused, most of the time; other flows seldom are. */
    private static Arbitrary<Flow> tcpToTheInternet() {
        return Combinators.combine(
                        PolicyArbitraries.publicAddresses(),
                        Arbitraries.integers().between(1, 65535))
                .as((to, port) -> Flow.tcp(to.toString(), port));
    }

    private static <T> T next(Arbitrary<T> arbitrary, Random random) {
        return arbitrary.generator(1000).next(random).value();
    }

    /** What the kernel knows the flow's connection by, whoever began it: no flow is to belong to another's. */
    private static Set<Object> conversation(Flow flow, NetworkAttachment vm, int ephemeral) {
        int protocol = flow.ipProtocol().orElse(0);
        boolean ports = protocol == Flow.TCP || protocol == Flow.UDP;
        IPv4Address own = vm.address();
        return new HashSet<>(List.of(
                flow.etherType(),
                List.of(protocol, protocol == Flow.ICMP ? ephemeral : 0),
                List.of(flow.source().orElse(own), ports ? flow.sourcePort().orElse(ephemeral) : 0),
                List.of(
                        flow.destination().orElse(own),
                        ports ? flow.destinationPort().orElseThrow() : 0)));
    }

    private void define(NetworkPolicy policy, Attached attached) {
        libvirt.filters().define(render(policy, attached));
    }

    private static String render(NetworkPolicy policy, Attached attached) {
        return LibvirtXml.write(
                FilterRenderer.render(FilterCompiler.compile(policy, attached, policy.denied()), ID, ID));
    }

    private void bind(Path directory) throws IOException {
        FilterBindings.create(directory, ID, Wire.VM_TAP, routed.vm().mac(), FilterRenderer.name(ID));
    }

    private static Simulation simulate(NetworkPolicy policy, Attached attached, boolean layer3) {
        return NwfilterSimulator.builder()
                .filter(render(policy, attached))
                .bridgeNetfilter(layer3)
                .connectionTracking(false)
                .build()
                .attach(FilterRenderer.name(ID), Nic.of(attached.vm().mac().toString()));
    }

    /** What becomes of the packets, sent one after the other to a host that knows no connection. */
    private List<Wire.Seen> send(List<Probe> probes, boolean layer3) {
        Wire.bridgeNetfilter(layer3);
        Wire.forget();
        Map<Integer, List<Packet>> numbered = new LinkedHashMap<>();
        for (Probe probe : probes) {
            lastNumber = lastNumber % 0xffff + 1;
            numbered.put(lastNumber, List.of(Wire.number(probe.packet(), lastNumber)));
        }
        Map<Integer, Wire.Seen> seen = wire.send(numbered);
        return numbered.keySet().stream().map(seen::get).toList();
    }

    private static boolean arrives(Wire.Seen seen) {
        return !seen.offsets().isEmpty();
    }

    @TestFactory
    Stream<DynamicTest> evaluationSimulatorAndKernel_agree() {
        return cases.stream()
                .map(next -> DynamicTest.dynamicTest(
                        "policy " + next.number() + " of seed " + SEED, () -> compare(next, UnaryOperator.identity())));
    }

    @Test
    void flowsThatAreAlwaysTried_unfiltered_haveAWay() {
        for (Case next : cases) {
            assertThat(next.probes())
                    .extracting(Probe::flow)
                    .containsAll(always(next.attached().vm()));
        }
    }

    /** Else all would agree because nothing was compared. */
    @Test
    void flowsThatHaveAWay_areSoMany() {
        assertThat(cases)
                .hasSize(POLICIES + BRIDGED_POLICIES)
                .allSatisfy(next -> assertThat(next.probes())
                        .hasSize(always(next.attached().vm()).size() + FLOWS));
    }

    @Test
    void filterThatOpensMoreThanThePolicy_isFoundOutByTheLeastPolicy() {
        NetworkPolicy policy = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow().tcp(443).because("the web"))
                .addRule(FilterRule.allow().tcp(9418).because("git"))
                .build();
        Flow mail = Flow.tcp("140.82.112.3", 25);
        Probe probe = new Probe(mail, FlowPackets.first(mail, routed, FIRST_PORT));
        Case wrong = new Case(0, policy, routed, true, List.of(probe));
        FilterRule hole = FilterRule.allow().tcp(25).because("a hole");

        assertThatThrownBy(() ->
                        compare(wrong, told -> told.toBuilder().addRule(hole).build()))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("evaluate says REFUSED")
                .hasMessageContaining("the kernel ALLOWED")
                .hasMessageContaining("everything else")
                .hasMessageNotContainingAny("the web", "git");
    }

    /** Fails, if they disagree on a flow, with the fewest of the policy's rules under which they still do. */
    private void compare(Case given, UnaryOperator<NetworkPolicy> bound) {
        Optional<Probe> first = disagreements(given, bound).keySet().stream().findFirst();
        if (first.isEmpty()) {
            return;
        }
        Case least = given.with(given.policy(), List.of(first.get()));
        for (FilterRule rule : given.policy().rules()) {
            NetworkPolicy less = least.policy().toBuilder().removeRule(rule).build();
            Case smaller = least.with(less, least.probes());
            least = disagreements(smaller, bound).isEmpty() ? least : smaller;
        }
        Map<Probe, String> shrunk = disagreements(least, bound);
        throw new AssertionError("bridge-nf-call-iptables is " + (given.layer3() ? 1 : 0) + "\n"
                + least.policy().explain() + shrunk.values());
    }

    private Map<Probe, String> disagreements(Case given, UnaryOperator<NetworkPolicy> bound) {
        NetworkPolicy rendered = bound.apply(given.policy());
        Attached attached = given.attached();
        define(rendered, attached);
        List<Wire.Seen> seen = send(given.probes(), given.layer3());
        Simulation simulation = simulate(rendered, attached, given.layer3());
        Map<Probe, String> disagreements = new LinkedHashMap<>();
        for (int i = 0; i < seen.size(); i++) {
            Probe probe = given.probes().get(i);
            Judgement judgement = simulation.judge(probe.packet());
            Outcome kernel =
                    VerdictAgreement.shown(arrives(seen.get(i)), seen.get(i).rejected());
            Outcome simulator = VerdictAgreement.shown(judgement.accepted(), judgement.answered());
            Verdict verdict = given.policy().evaluate(probe.flow(), attached.vm());
            boolean fromVM = probe.flow().direction() == Flow.Direction.FROM_VM;
            // What else comes to the VM, VerdictAgreement knows.
            boolean exactly = fromVM || probe.packet().path() == Packet.Path.BRIDGED;
            boolean agree = kernel == simulator
                    && (exactly ? kernel == verdict.outcome() : !verdict.allowed() || kernel == Outcome.ALLOWED);
            if (!agree) {
                disagreements.put(
                        probe,
                        "%s%n%s%nevaluate says %s, the simulator %s, the kernel %s%n%s"
                                .formatted(
                                        probe.flow(),
                                        verdict,
                                        verdict.outcome(),
                                        simulator,
                                        kernel,
                                        judgement.explanation()));
                continue;
            }
            VerdictAgreement.check(
                    given.policy(), probe.flow(), attached, simulate(rendered, attached, given.layer3()));
            if (fromVM) {
                compared.merge(kernel, 1, Integer::sum);
            } else {
                towardsVM++;
                deniedAtVM += verdict.allowed() || kernel != Outcome.ALLOWED ? 0 : 1;
            }
        }
        return disagreements;
    }

    @AfterAll
    void close() {
        Shell.sh("virsh -q nwfilter-binding-delete " + Wire.VM_TAP + " || true; ip rule del iif " + Wire.BRIDGE
                + " lookup " + TABLE + "; sysctl -qw net.bridge.bridge-nf-call-iptables=1"
                + " net.bridge.bridge-nf-call-ip6tables=1");
        wire.close();
        kernel.forEach((name, value) -> Shell.run("sysctl", "-qw", name + "=" + value));
        libvirt.filters().undefine(FilterRenderer.name(ID));
        libvirt.close();
        System.out.printf(
                "%d policies of seed %d, %d more on a bridge; flows from the VM: %s; to it: %d, of them there though denied: %d;"
                        + " without a way even unfiltered, and not counted: %d%n",
                POLICIES, SEED, BRIDGED_POLICIES, compared, towardsVM, deniedAtVM, withoutWay);
    }
}
