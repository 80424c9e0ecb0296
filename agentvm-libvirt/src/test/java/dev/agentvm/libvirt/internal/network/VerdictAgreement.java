package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.network.FloorClause;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import dev.agentvm.testkit.Judgement;
import dev.agentvm.testkit.Packet;
import dev.agentvm.testkit.Simulation;

/** What {@link NetworkPolicy#evaluate} says of a flow, and what a filter makes of its packets. */
final class VerdictAgreement {
    private static final IPv4Address BROADCAST = IPv4Address.of("255.255.255.255");
    private static final int EPHEMERAL = 40000;
    private static final int ECHO_REQUEST = 8;

    private final NetworkPolicy policy;
    private final Flow flow;
    private final NetworkAttachment vm;
    private final Simulation filter;

    private VerdictAgreement(NetworkPolicy policy, Flow flow, NetworkAttachment vm, Simulation filter) {
        this.policy = policy;
        this.flow = flow;
        this.vm = vm;
        this.filter = filter;
    }

    /** Fails, with the policy's table and the flow, unless {@code filter} does what {@code policy} says. */
    static void check(NetworkPolicy policy, Flow flow, Attached attached, Simulation filter) {
        Packet packet = FlowPackets.first(flow, attached, EPHEMERAL);
        VerdictAgreement agreement = new VerdictAgreement(policy, flow, attached.vm(), filter);
        Verdict verdict = policy.evaluate(flow, attached.vm());
        if (flow.direction() == Flow.Direction.FROM_VM) {
            agreement.fromVM(packet, verdict);
        } else {
            agreement.toVM(packet, verdict);
        }
    }

    /** The verdict that a packet from the VM shows. */
    static Verdict.Outcome shown(boolean arrives, boolean refused) {
        if (arrives) {
            return Verdict.Outcome.ALLOWED;
        }
        return refused ? Verdict.Outcome.REFUSED : Verdict.Outcome.DROPPED;
    }

    private void fromVM(Packet packet, Verdict verdict) {
        Judgement judgement = filter.judge(packet);
        assertThat(shown(judgement.accepted(), judgement.answered()))
                .as(counterexample(verdict, judgement))
                .isEqualTo(verdict.outcome());
        if (verdict.allowed() && isAnswered()) {
            Judgement answer = filter.judge(packet.reply());
            assertThat(answer.accepted())
                    .as("the answer: " + counterexample(verdict, answer))
                    .isTrue();
        }
    }

    /** Of ICMP, requests alone have an answer: to conntrack, an echo reply to an echo reply belongs to nothing. */
    private boolean isAnswered() {
        return flow.etherType() == Flow.ETHERTYPE_IPV4
                && !flow.destination().orElseThrow().equals(BROADCAST)
                && (flow.ipProtocol().orElseThrow() != Flow.ICMP
                        || flow.icmpType().orElseThrow() == ECHO_REQUEST);
    }

    /**
     * Of what comes to the VM, what is denied may arrive as TCP or ICMP, but not be answered; what comes from the public
     * Internet has no connection and ends at the host's NAT.
     */
    private void toVM(Packet packet, Verdict verdict) {
        Judgement judgement = filter.judge(packet);
        if (verdict.allowed()) {
            assertThat(judgement.accepted())
                    .as(counterexample(verdict, judgement))
                    .isTrue();
            return;
        }
        IPv4Address source = flow.source().orElseThrow();
        boolean closed = FloorClause.ofDestination(source).isPresent() || vm.isHost(source);
        if (!judgement.accepted() || !closed) {
            return;
        }
        int protocol = flow.ipProtocol().orElseThrow();
        assertThat(protocol).as(counterexample(verdict, judgement)).isIn(Flow.TCP, Flow.ICMP, Flow.UDP);
        // A stateless filter takes a packet from where the VM may send for an answer.
        boolean answerAllowed = policy.evaluate(
                        new Flow.Builder()
                                .direction(Flow.Direction.FROM_VM)
                                .destination(source)
                                .ipProtocol(protocol)
                                .sourcePort(flow.destinationPort().orElseThrow())
                                .destinationPort(flow.sourcePort().orElseThrow())
                                .icmpType(ECHO_REQUEST)
                                .build(),
                        vm)
                .allowed();
        if (protocol == Flow.UDP) {
            assertThat(answerAllowed).as(counterexample(verdict, judgement)).isTrue();
        } else if (!answerAllowed) {
            Judgement answer = filter.judge(packet.reply());
            assertThat(answer.accepted())
                    .as("the VM's answer: " + counterexample(verdict, answer))
                    .isFalse();
        }
    }

    private String counterexample(Verdict verdict, Judgement judgement) {
        return "%n%s%s%n%s%n%s%n".formatted(policy.explain(), flow, verdict, judgement.explanation());
    }
}
