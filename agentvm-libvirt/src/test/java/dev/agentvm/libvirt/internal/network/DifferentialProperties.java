package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.internal.xml.Schemas;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.FloorClause;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import dev.agentvm.testkit.Judgement;
import dev.agentvm.testkit.Nic;
import dev.agentvm.testkit.NwfilterSimulator;
import dev.agentvm.testkit.Packet;
import dev.agentvm.testkit.Packet.Path;
import dev.agentvm.testkit.Simulation;
import java.util.UUID;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;

/** {@link NetworkPolicy#evaluate} and the rendered filter, as the simulator reads it, give the same verdicts. */
class DifferentialProperties {
    private static final UUID ID = UUID.fromString("6d4d3c7e-2f3c-4f27-9e6f-0c8ac3c1a111");
    private static final String GATEWAY_MAC = FilterCompilerTest.GATEWAY_MAC.toString();
    private static final String VM_MAC = PolicyFlows.VM.mac().toString();
    private static final String GATEWAY = PolicyFlows.VM.gateway().orElseThrow().toString();

    private static String render(NetworkPolicy policy, DenyAction denied) {
        return LibvirtXml.write(FilterRenderer.render(
                FilterCompiler.compile(policy, FilterCompilerTest.attached(PolicyFlows.VM), denied), ID, ID));
    }

    private static Simulation simulate(String xml, boolean layer3) {
        return NwfilterSimulator.builder()
                .filter(xml)
                .bridgeNetfilter(layer3)
                .build()
                .attach(FilterRenderer.name(ID), Nic.of(VM_MAC));
    }

    @Property(tries = 1600, shrinking = ShrinkingMode.BOUNDED)
    void verdicts_ofPolicyAndOfFilter_areTheSame(@ForAll("policies") NetworkPolicy policy, @ForAll("flows") Flow flow) {
        compare(policy, flow, simulate(render(policy, policy.denied()), true));
    }

    @Property(tries = 500, shrinking = ShrinkingMode.BOUNDED)
    void dropping_withoutLayer3_isTheSameFilter(@ForAll("policies") NetworkPolicy policy, @ForAll("flows") Flow flow) {
        NetworkPolicy dropping = policy.toBuilder().denied(DenyAction.DROP).build();
        compare(dropping, flow, simulate(render(policy, DenyAction.DROP), false));
    }

    @Property(tries = 100)
    void rendering_anyPolicy_isValidAndDeterministic(@ForAll("policies") NetworkPolicy policy) {
        String xml = render(policy, policy.denied());

        Schemas.assertValid(xml);
        NetworkPolicy turned = new NetworkPolicy.Builder()
                .nameResolution(policy.nameResolution())
                .denied(policy.denied())
                .addRules(policy.rules().stream()
                        .sorted(java.util.Comparator.comparing(Object::toString).reversed())
                        .toList())
                .build();
        assertThat(render(turned, policy.denied())).isEqualTo(xml);
    }

    private static void compare(NetworkPolicy policy, Flow flow, Simulation filter) {
        boolean toVM = flow.direction() == Flow.Direction.TO_VM;
        if ((toVM ? flow.source() : flow.destination())
                .filter(Routes.LOOPBACK::contains)
                .isPresent()) {
            // The kernel itself lets nothing pass between there and elsewhere.
            return;
        }
        Verdict verdict = policy.evaluate(flow, PolicyFlows.VM);
        Packet packet = packet(flow);
        Judgement judgement = filter.judge(packet);
        if (toVM) {
            compareToVM(policy, flow, verdict, judgement, filter);
            return;
        }
        Verdict.Outcome outcome = switch (judgement.outcome()) {
            case ACCEPTED -> Verdict.Outcome.ALLOWED;
            case REJECTED -> judgement.answered() ? Verdict.Outcome.REFUSED : Verdict.Outcome.DROPPED;
            case DROPPED -> Verdict.Outcome.DROPPED;
        };
        assertThat(outcome)
                .as("%s%n%s%n%s%n%s", policy, flow, verdict, judgement.explanation())
                .isEqualTo(verdict.outcome());
        if (verdict.allowed() && flow.etherType() == Flow.ETHERTYPE_IPV4 && !isBroadcast(flow)) {
            Judgement answer = filter.judge(packet.reply());
            assertThat(answer.accepted())
                    .as("the answer: %s%n%s%n%s", policy, flow, answer.explanation())
                    .isTrue();
        }
    }

    private static boolean isBroadcast(Flow flow) {
        return flow.destination().orElseThrow().equals(IPv4Address.of("255.255.255.255"));
    }

    /**
     * Of what comes to the VM, what is denied may arrive as TCP or ICMP, but not be answered; what comes from the public
     * Internet has no connection and ends at the host's NAT.
     */
    private static void compareToVM(
            NetworkPolicy policy, Flow flow, Verdict verdict, Judgement judgement, Simulation filter) {
        if (verdict.allowed()) {
            assertThat(judgement.accepted())
                    .as("%s%n%s%n%s", policy, flow, judgement.explanation())
                    .isTrue();
            return;
        }
        if (!judgement.accepted()
                || (FloorClause.ofDestination(flow.source().orElseThrow()).isEmpty()
                        && !PolicyFlows.VM
                                .hostAddresses()
                                .contains(flow.source().orElseThrow()))) {
            return;
        }
        int protocol = flow.ipProtocol().orElseThrow();
        assertThat(protocol)
                .as("%s%n%s%n%s", policy, flow, judgement.explanation())
                .isIn(Flow.TCP, Flow.ICMP, Flow.UDP);
        // A stateless filter takes a packet from where the VM may send for an answer.
        boolean answerAllowed = policy.evaluate(
                        new Flow.Builder()
                                .direction(Flow.Direction.FROM_VM)
                                .destination(flow.source())
                                .ipProtocol(protocol)
                                .sourcePort(flow.destinationPort().getAsInt())
                                .destinationPort(flow.sourcePort().getAsInt())
                                .icmpType(8)
                                .build(),
                        PolicyFlows.VM)
                .allowed();
        if (protocol == Flow.UDP) {
            assertThat(answerAllowed)
                    .as("%s%n%s%n%s", policy, flow, judgement.explanation())
                    .isTrue();
        } else if (!answerAllowed) {
            Judgement answer = filter.judge(judgement.packet().reply());
            assertThat(answer.accepted())
                    .as("the VM's answer: %s%n%s%n%s", policy, flow, answer.explanation())
                    .isFalse();
        }
    }

    private static Packet packet(Flow flow) {
        String source = flow.source().orElseThrow().toString();
        String destination = flow.destination().orElseThrow().toString();
        boolean out = flow.direction() == Flow.Direction.FROM_VM;
        String far = out ? destination : source;
        boolean host = PolicyFlows.VM.hostAddresses().contains(IPv4Address.of(far))
                || far.equals(GATEWAY)
                || far.equals("255.255.255.255");
        Path path = host ? Path.HOST : Path.ROUTED;
        Packet.Builder packet = out
                ? Packet.fromVM(path)
                        .from(flow.sourceMac().orElseThrow().toString())
                        .to(GATEWAY_MAC)
                : Packet.toVM(path).from(GATEWAY_MAC).to(VM_MAC);
        if (flow.etherType() == Flow.ETHERTYPE_ARP) {
            return packet.arpRequest(source, destination).build();
        }
        if (flow.etherType() != Flow.ETHERTYPE_IPV4) {
            return packet.etherType(flow.etherType()).build();
        }
        packet.ipv4(source, destination);
        int protocol = flow.ipProtocol().orElseThrow();
        int sourcePort = flow.sourcePort().orElseThrow();
        int destinationPort = flow.destinationPort().orElseThrow();
        return switch (protocol) {
            case Flow.TCP -> packet.tcp(sourcePort, destinationPort).build();
            case Flow.UDP -> packet.udp(sourcePort, destinationPort).build();
            case Flow.ICMP -> packet.icmp(flow.icmpType().orElseThrow(), 0).build();
            default -> packet.protocol(protocol).build();
        };
    }

    @Provide
    Arbitrary<NetworkPolicy> policies() {
        return PolicyFlows.policies();
    }

    @Provide
    Arbitrary<Flow> flows() {
        return PolicyFlows.flows();
    }
}
