package dev.agentvm.testkit;

import static dev.agentvm.testkit.Filters.NIC;
import static dev.agentvm.testkit.Filters.VM_IP;
import static dev.agentvm.testkit.Filters.VM_MAC;
import static dev.agentvm.testkit.Filters.attach;
import static dev.agentvm.testkit.Filters.filter;
import static dev.agentvm.testkit.Filters.in;
import static dev.agentvm.testkit.Filters.out;
import static dev.agentvm.testkit.Filters.outcome;
import static dev.agentvm.testkit.Filters.rule;
import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.testkit.Judgement.Outcome;
import dev.agentvm.testkit.Packet.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which packets each attribute means, at the edges of its values. */
class NwfilterMatchesTest {
    private static final String OTHER_MAC = "00:00:00:00:00:09";

    private static Arguments means(String match, Packet.Builder meant, Packet.Builder... others) {
        return Arguments.of(
                match,
                meant.build(),
                Stream.of(others).map(Packet.Builder::build).toList());
    }

    private static Packet.Builder arp(int hardware, int protocol, int operation, String target) {
        return NIC.sends(Path.BRIDGED).arp(0x0806, hardware, protocol, operation, VM_MAC, VM_IP, target, "10.1.0.20");
    }

    private static Packet.Builder ipv6() {
        return NIC.sends(Path.BRIDGED).ipv6("fd00::10", "fd00::20");
    }

    private static Packet.Builder to(String address) {
        return NIC.sends(Path.ROUTED).ipv4(VM_IP, address);
    }

    static Stream<Arguments> frames() {
        return Stream.of(
                means(
                        "<arp hwtype='16'/>",
                        arp(16, 0x800, 1, OTHER_MAC),
                        arp(1, 0x800, 1, OTHER_MAC),
                        ipv6().udp(1, 2)),
                means("<arp protocoltype='0x801'/>", arp(1, 0x801, 1, OTHER_MAC), arp(1, 0x800, 1, OTHER_MAC)),
                means("<arp opcode='16'/>", arp(1, 0x800, 16, OTHER_MAC), arp(1, 0x800, 1, OTHER_MAC)),
                means(
                        "<arp arpdstmacaddr='" + OTHER_MAC + "'/>",
                        arp(1, 0x800, 1, OTHER_MAC),
                        arp(1, 0x800, 1, VM_MAC),
                        arp(6, 0x800, 1, OTHER_MAC)),
                means(
                        "<arp gratuitous='true'/>",
                        NIC.sends(Path.BRIDGED).arpRequest(VM_IP, VM_IP),
                        NIC.sends(Path.BRIDGED).arpRequest(VM_IP, "10.1.0.20")),
                means(
                        "<mac srcmacaddr='52:54:00:ff:ff:ff' srcmacmask='ff:ff:ff:00:00:00'/>",
                        NIC.sends(Path.BRIDGED).etherType(0x88cc),
                        Packet.fromVM(Path.BRIDGED).from("52:54:01:00:00:01").etherType(0x88cc)),
                means(
                        "<vlan vlanid='5'/>",
                        NIC.sends(Path.BRIDGED).etherType(0x88cc).vlan(5),
                        NIC.sends(Path.BRIDGED).etherType(0x88cc).vlan(4),
                        NIC.sends(Path.BRIDGED).etherType(0x88cc)));
    }

    static Stream<Arguments> icmpv6Frames() {
        String match = "<ipv6 protocol='icmpv6' type='133' typeend='136' code='1' codeend='3'/>";
        return Stream.of(
                means(match, ipv6().icmp(133, 1), ipv6().icmp(132, 1), ipv6().icmp(133, 0)),
                means(match, ipv6().icmp(136, 3), ipv6().icmp(137, 3), ipv6().icmp(136, 4), ipv6().udp(133, 1)));
    }

    static Stream<Arguments> packets() {
        String range = "<all dstipfrom='198.18.0.5' dstipto='198.18.0.7'/>";
        return Stream.of(
                means(range, to("198.18.0.5").udp(1, 2), to("198.18.0.4").udp(1, 2)),
                means(range, to("198.18.0.7").udp(1, 2), to("198.18.0.8").udp(1, 2)),
                means(
                        "<all dstipfrom='198.18.0.5'/>",
                        to("198.18.0.5").udp(1, 2),
                        to("198.18.0.6").udp(1, 2)),
                means(
                        "<tcp srcipaddr='" + VM_IP + "'/>",
                        to("198.18.0.5").tcp(1, 2),
                        NIC.sends(Path.ROUTED).ipv4("10.1.0.11", "198.18.0.5").tcp(1, 2)),
                means(
                        "<udp dscp='46'/>",
                        to("198.18.0.5").udp(1, 2).trafficClass(46 << 2 | 3),
                        to("198.18.0.5").udp(1, 2).trafficClass(46),
                        to("198.18.0.5").udp(1, 2)),
                means(
                        "<icmp type='3' code='1'/>",
                        to("198.18.0.5").icmp(3, 1),
                        to("198.18.0.5").icmp(3, 0),
                        to("198.18.0.5").icmp(4, 1)),
                means(
                        "<icmp type='13'/>",
                        to("198.18.0.5").icmp(13, 7),
                        to("198.18.0.5").icmp(14, 7)),
                means(
                        "<icmp type='3' code='0'/>",
                        to("198.18.0.5").icmp(3, 0),
                        to("198.18.0.5").icmp(3, 1)));
    }

    @ParameterizedTest
    @MethodSource({"frames", "icmpv6Frames", "packets"})
    void match_atItsEdges_meansThosePacketsAlone(String match, Packet meant, List<Packet> others) {
        Simulation simulation = attach(rule("drop", "out", 1, match));

        assertThat(outcome(simulation, meant)).as("%s", meant).isEqualTo(Outcome.DROPPED);
        assertThat(others)
                .allSatisfy(other -> assertThat(outcome(simulation, other))
                        .as(other.toString())
                        .isEqualTo(Outcome.ACCEPTED));
    }

    /** iptables looks for ports where a first fragment has them, whatever stands there. */
    @ParameterizedTest
    @ValueSource(ints = {12, 16})
    void ports_ofALaterFragment_areWhateverStandsThere(int payload) {
        byte[] bytes = new byte[payload];
        System.arraycopy(new byte[] {(byte) 0x81, 2, (byte) 0x83, 4}, 0, bytes, 8, 4);
        List<Packet> fragments =
                out(Path.ROUTED).udp(1, 2).payload(bytes).build().fragments(16);
        Simulation simulation = NwfilterSimulator.builder()
                .filter(filter("f", rule("drop", "out", 1, "<udp srcportstart='33026' dstportstart='33540'/>")))
                .connectionTracking(false)
                .build()
                .attach("f", NIC);

        assertThat(fragments)
                .extracting(fragment -> outcome(simulation, fragment))
                .containsExactly(Outcome.ACCEPTED, Outcome.DROPPED);
    }

    @Test
    void set_ofBothVersions_isLookedUpInTheRulesOwn() {
        NwfilterSimulator simulator = NwfilterSimulator.builder()
                .ipset("s", "198.18.0.0/15", "2001:db8::/32")
                .filter(filter(
                        "f",
                        rule("drop", "out", 1, "<all ipset='s' ipsetflags='dst'/>"),
                        rule("drop", "out", 2, "<all-ipv6 ipset='s' ipsetflags='dst'/>")))
                .build();
        Simulation simulation = simulator.attach("f", NIC, Map.of());

        assertThat(outcome(simulation, to("198.19.255.255").udp(1, 2).build())).isEqualTo(Outcome.DROPPED);
        assertThat(outcome(simulation, to("198.20.0.0").udp(1, 2).build())).isEqualTo(Outcome.ACCEPTED);
        assertThat(outcome(
                        simulation,
                        NIC.sends(Path.ROUTED)
                                .ipv6("fd00::10", "2001:db8::1")
                                .udp(1, 2)
                                .build()))
                .isEqualTo(Outcome.DROPPED);
    }

    @Test
    void acceptOut_answerOfTheVM_isNotOfTheDirectionThatItMeans() {
        Simulation simulation = attach(
                rule("accept", "out", 1, "<tcp srcportstart='22'/>"),
                rule("drop", "out", 2, "<tcp state='ESTABLISHED'/>"));
        Packet question = in(Path.BRIDGED).tcp(40000, 22).build();

        assertThat(outcome(simulation, question)).isEqualTo(Outcome.ACCEPTED);
        assertThat(outcome(simulation, question.reply())).isEqualTo(Outcome.DROPPED);
    }

    @Test
    void explanation_saysWhereRulesAreBlind() {
        Simulation packets = attach(rule("drop", "out", 1, "<tcp/>"));
        assertThat(packets.judge(NIC.sends(Path.BRIDGED).etherType(0x88cc).build())
                        .explanation())
                .contains("no frame rule of this direction", "the frame is not IP");
        assertThat(packets.judge(out(Path.ROUTED).udp(1, 2).vlan(5).build()).explanation())
                .contains("the frame is VLAN-tagged");

        Simulation unseen = NwfilterSimulator.builder()
                .filter(filter("f", rule("drop", "out", 1, "<tcp/>"), rule("drop", "out", 2, "<tcp-ipv6/>")))
                .bridgeNetfilter(false)
                .build()
                .attach("f", NIC);
        assertThat(unseen.judge(out(Path.BRIDGED).tcp(1, 2).build()).explanation())
                .contains("bridge-nf-call-iptables is 0");
        assertThat(unseen.judge(ipv6().tcp(1, 2).build()).explanation()).contains("bridge-nf-call-ip6tables is 0");
    }

    @Test
    void explanation_ofFragments_saysHowTheyArePutTogether() {
        List<Packet> fragments =
                out(Path.ROUTED).udp(1, 2).payload(new byte[24]).build().fragments(16);
        Simulation tracking = attach(rule("drop", "out", 1, "<udp/>"));
        assertThat(tracking.judge(fragments.get(0)).explanation()).contains("when all its fragments are there");
        assertThat(tracking.judge(fragments.get(1)).explanation()).contains("a fragment of a datagram judged before");

        Simulation untracked = NwfilterSimulator.builder()
                .filter(filter("f", rule("drop", "out", 1, "<udp/>")))
                .connectionTracking(false)
                .build()
                .attach("f", NIC);
        assertThat(untracked.judge(fragments.get(0)).explanation()).contains("nothing tracks connections");
    }

    @Test
    void explanation_ofAConnection_saysWhichHookSawIt() {
        Simulation simulation = attach(rule("drop", "out", 1, "<udp/>"));

        assertThat(simulation.judge(in(Path.HOST).tcp(1, 2).build()).explanation())
                .contains("conntrack OUTPUT: NEW");
        assertThat(simulation.judge(in(Path.ROUTED).tcp(3, 4).build()).explanation())
                .contains("conntrack PREROUTING: NEW", "the port it will leave by is not known");
        assertThat(simulation.judge(out(Path.ROUTED).tcp(5, 6).build()).explanation())
                .contains("conntrack PREROUTING: NEW");
    }

    @Test
    void reject_ofIcmpv6_answersQueriesAndNoErrors() {
        Simulation simulation = attach(rule("reject", "out", 1, "<all-ipv6/>"));
        Packet.Builder routed = NIC.sends(Path.ROUTED).ipv6("fd00::10", "2001:db8::1");

        assertThat(simulation.judge(routed.icmp(128, 0).build()).answered()).isTrue();
        assertThat(simulation.judge(routed.icmp(127, 0).build()).answered()).isFalse();
        assertThat(simulation.judge(routed.icmp(1, 4).build()).answered()).isFalse();
    }
}
