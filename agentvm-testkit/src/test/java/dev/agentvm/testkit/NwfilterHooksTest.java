package dev.agentvm.testkit;

import static dev.agentvm.testkit.Filters.NIC;
import static dev.agentvm.testkit.Filters.VM_IP;
import static dev.agentvm.testkit.Filters.attach;
import static dev.agentvm.testkit.Filters.filter;
import static dev.agentvm.testkit.Filters.in;
import static dev.agentvm.testkit.Filters.out;
import static dev.agentvm.testkit.Filters.outcome;
import static dev.agentvm.testkit.Filters.rule;
import static dev.agentvm.testkit.Filters.tcpOut;
import static dev.agentvm.testkit.Judgement.Outcome.ACCEPTED;
import static dev.agentvm.testkit.Judgement.Outcome.DROPPED;
import static dev.agentvm.testkit.Judgement.Outcome.REJECTED;
import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.testkit.Packet.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The two engines, and which of their chains a packet meets. */
class NwfilterHooksTest {
    private static final String DROP_ALL_IP = rule("drop", "inout", 500, "<all/>");

    private static Simulation host(boolean bridgeNetfilter, boolean forward, boolean input, String... rules) {
        return NwfilterSimulator.builder()
                .filter(filter("f", rules))
                .bridgeNetfilter(bridgeNetfilter)
                .restOfForward(forward)
                .restOfInput(input)
                .build()
                .attach("f", NIC);
    }

    private static Packet ipv6Out() {
        return NIC.sends(Path.ROUTED).ipv6("fd00::10", "fd00::1").tcp(1, 2).build();
    }

    @Test
    void portRulesAlone_leaveOtherFramesOpen() {
        Simulation simulation = attach(rule("drop", "inout", 500, "<tcp/>"), rule("drop", "inout", 501, "<all/>"));

        assertThat(outcome(
                        simulation,
                        NIC.sends(Path.BRIDGED).arpRequest(VM_IP, "10.1.0.2").build()))
                .isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, ipv6Out())).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, out(Path.BRIDGED).tcp(1, 2).vlan(5).build()))
                .isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, NIC.sends(Path.BRIDGED).etherType(0x88cc).build()))
                .isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, tcpOut(443))).isEqualTo(DROPPED);
    }

    @Test
    void ipElement_isOfFrames_allElementIsOfPackets() {
        Simulation frames = host(false, true, true, rule("drop", "out", 500, "<ip/>"));
        Simulation packets = host(false, true, true, rule("drop", "out", 500, "<all/>"));

        assertThat(outcome(frames, tcpOut(1))).isEqualTo(DROPPED);
        assertThat(outcome(packets, tcpOut(1))).isEqualTo(ACCEPTED);
    }

    @Test
    void frames_areJudgedBeforePackets() {
        Simulation simulation =
                attach(rule("accept", "out", -1000, "<tcp/>"), rule("drop", "out", 1000, "<ip protocol='tcp'/>"));

        Judgement judgement = simulation.judge(tcpOut(1));

        assertThat(judgement.outcome()).isEqualTo(DROPPED);
        assertThat(judgement.steps()).allMatch(s -> s.engine().equals("ebtables"));
    }

    @ParameterizedTest
    @EnumSource(Path.class)
    void outRule_isInForwardAndInInput(Path path) {
        Simulation simulation = attach(rule("drop", "out", 500, "<tcp/>"));

        Judgement judgement = simulation.judge(out(path).tcp(1, 2).build());

        assertThat(judgement.outcome()).isEqualTo(DROPPED);
        assertThat(judgement.steps().get(judgement.steps().size() - 1).chain())
                .isEqualTo(path == Path.HOST ? "HI-vnet0" : "FI-vnet0");
    }

    @Test
    void inRule_meetsBridgedPacketsAlone() {
        Simulation simulation = attach(rule("drop", "in", 500, "<tcp state='NONE'/>"));

        assertThat(outcome(simulation, in(Path.BRIDGED).tcp(1, 2).build())).isEqualTo(DROPPED);
        Judgement routed = simulation.judge(in(Path.ROUTED).tcp(1, 3).build());
        assertThat(routed.outcome()).isEqualTo(ACCEPTED);
        assertThat(routed.explanation()).contains("routed: the port it will leave by is not known in FORWARD");
        Judgement fromHost = simulation.judge(in(Path.HOST).tcp(1, 4).build());
        assertThat(fromHost.outcome()).isEqualTo(ACCEPTED);
        assertThat(fromHost.explanation()).contains("libvirt puts no IP rule on what the host itself sends");
    }

    @ParameterizedTest
    @EnumSource(Path.class)
    void inRuleOfFrames_meetsEveryPath(Path path) {
        Simulation simulation = attach(rule("drop", "in", 500, "<ip protocol='tcp'/>"));

        assertThat(outcome(simulation, in(path).tcp(1, 2).build())).isEqualTo(DROPPED);
        assertThat(outcome(simulation, in(path).udp(1, 2).build())).isEqualTo(ACCEPTED);
    }

    @Test
    void bridgeNetfilterOff_noIpRuleMatches() {
        Simulation simulation = host(false, true, true, DROP_ALL_IP);

        for (Path path : Path.values()) {
            assertThat(outcome(simulation, out(path).tcp(1, 2).build())).isEqualTo(ACCEPTED);
            assertThat(outcome(simulation, in(path).tcp(1, 3).build())).isEqualTo(ACCEPTED);
        }
        assertThat(simulation.judge(tcpOut(9)).explanation()).contains("no bridge port is known");
    }

    @Test
    void bridgeNetfilterOff_forOneVersion_sparesTheOther() {
        Simulation simulation = NwfilterSimulator.builder()
                .filter(filter("f", DROP_ALL_IP, rule("drop", "inout", 500, "<all-ipv6/>")))
                .bridgeNetfilter(false, true)
                .build()
                .attach("f", NIC);

        assertThat(outcome(simulation, tcpOut(1))).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, ipv6Out())).isEqualTo(DROPPED);
    }

    @Test
    void inPost_acceptsAheadOfTheRestOfForward() {
        Simulation filtered = host(true, false, true, rule("drop", "out", 500, "<udp/>"));
        Simulation unfiltered = host(true, false, true, rule("drop", "out", 500, "<ip protocol='udp'/>"));

        Judgement judgement = filtered.judge(tcpOut(443));

        assertThat(judgement.outcome()).isEqualTo(ACCEPTED);
        assertThat(judgement.explanation()).contains("libvirt-in-post");
        assertThat(outcome(unfiltered, tcpOut(443))).isEqualTo(DROPPED);
    }

    @Test
    void inPost_needsThePort() {
        Simulation simulation = host(false, false, true, rule("drop", "out", 500, "<udp/>"));

        assertThat(outcome(simulation, tcpOut(443))).isEqualTo(DROPPED);
    }

    @Test
    void acceptedToTheHost_isLeftToTheRestOfInput() {
        Simulation simulation = host(true, true, false, rule("accept", "out", 500, "<tcp/>"));

        assertThat(outcome(simulation, out(Path.HOST).tcp(1, 22).build())).isEqualTo(DROPPED);
    }

    @Test
    void acceptedFromOtherPort_isAheadOfTheRestOfForward() {
        Simulation simulation = host(true, false, true, rule("accept", "in", 500, "<tcp dstportstart='22'/>"));

        assertThat(outcome(simulation, in(Path.BRIDGED).tcp(1, 22).build())).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, in(Path.BRIDGED).tcp(1, 23).build())).isEqualTo(DROPPED);
    }

    @Test
    void returnAction_acceptsFromTheVM_fallsThroughToIt() {
        Simulation simulation = host(
                true,
                false,
                true,
                rule("return", "inout", 500, "<tcp dstportstart='22' srcportstart='22'/>"),
                rule("drop", "inout", 501, "<all/>"));

        assertThat(outcome(simulation, out(Path.ROUTED).tcp(22, 22).build())).isEqualTo(ACCEPTED);
        Judgement in = simulation.judge(in(Path.BRIDGED).tcp(22, 22).build());
        assertThat(in.outcome()).isEqualTo(DROPPED);
        assertThat(in.explanation()).contains("all that follows => DROP");
    }

    @Test
    void vlanTaggedFrames_areForFrameRulesOfTheirKindAlone() {
        Simulation byContent = attach(rule("drop", "out", 500, "<ip/>"), rule("drop", "out", 501, "<all/>"));
        Simulation byTag = attach(rule("drop", "out", 500, "<vlan vlanid='5'/>"));
        Packet tagged = out(Path.BRIDGED).tcp(1, 2).vlan(5).build();

        assertThat(outcome(byContent, tagged)).isEqualTo(ACCEPTED);
        assertThat(outcome(byTag, tagged)).isEqualTo(DROPPED);
        assertThat(outcome(byTag, out(Path.BRIDGED).tcp(1, 2).vlan(6).build())).isEqualTo(ACCEPTED);
        assertThat(outcome(byTag, out(Path.BRIDGED).tcp(1, 2).build())).isEqualTo(ACCEPTED);
    }

    @Test
    void reject_answersInIptables_dropsInEbtables() {
        Simulation packets = attach(rule("reject", "out", 500, "<all/>"));
        Simulation frames = attach(rule("reject", "out", 500, "<ip/>"));

        for (Packet packet : new Packet[] {
            tcpOut(1),
            Filters.udpOut(1),
            out(Path.BRIDGED).ping().build(),
            out(Path.HOST).tcp(1, 2).build()
        }) {
            Judgement judgement = packets.judge(packet);
            assertThat(judgement.outcome()).isEqualTo(REJECTED);
            assertThat(judgement.answered()).isTrue();
            assertThat(outcome(frames, packet)).isEqualTo(DROPPED);
        }
        assertThat(frames.judge(tcpOut(1)).explanation()).contains("ebtables cannot reject: libvirt drops");
    }

    @Test
    void reject_ofErrorsAndGroups_isNotAnswered() {
        Simulation simulation = attach(rule("reject", "out", 500, "<all/>"));
        Packet error = in(Path.BRIDGED).udp(1, 2).build().error(VM_IP, 3, 3);
        Packet group =
                NIC.sends(Path.BRIDGED).ipv4(VM_IP, "224.0.0.1").udp(1, 2).build();
        Packet broadcast = out(Path.HOST).udp(1, 2).broadcast().build();

        for (Packet packet : new Packet[] {error, group, broadcast}) {
            Judgement judgement = simulation.judge(packet);
            assertThat(judgement.outcome()).isEqualTo(REJECTED);
            assertThat(judgement.answered()).isFalse();
        }
    }

    @Test
    void continue_inEbtables_goesOn() {
        Simulation simulation = attach(rule("continue", "out", 100, "<ip/>"), rule("drop", "out", 200, "<ip/>"));

        assertThat(outcome(simulation, tcpOut(1))).isEqualTo(DROPPED);
    }

    @Test
    void fragments_passFrameRulesAlone_shareTheDatagramsFateAbove() {
        Simulation frames = attach(rule("drop", "out", 500, "<ip protocol='udp' dstportstart='53'/>"));
        Simulation packets = attach(rule("drop", "out", 500, "<udp dstportstart='53'/>"));
        var fragments = out(Path.ROUTED)
                .udp(1, 53)
                .identification(9)
                .payload(new byte[100])
                .build()
                .fragments(48);

        assertThat(fragments).extracting(f -> outcome(frames, f)).containsExactly(DROPPED, ACCEPTED, ACCEPTED);
        assertThat(fragments).extracting(f -> outcome(packets, f)).containsOnly(DROPPED);
    }

    @Test
    void fragments_withoutTracking_areJudgedByTheBytesTheyHave() {
        Simulation simulation = NwfilterSimulator.builder()
                .filter(filter(
                        "f",
                        rule("drop", "out", 1, "<udp dstportstart='53'/>"),
                        rule("drop", "out", 2, "<udp dstportstart='12336'/>")))
                .connectionTracking(false)
                .build()
                .attach("f", NIC);
        var zeros = out(Path.ROUTED)
                .udp(1, 53)
                .identification(9)
                .payload(new byte[100])
                .build()
                .fragments(48);
        var digits = out(Path.ROUTED)
                .udp(1, 99)
                .identification(10)
                .payload("0".repeat(100).getBytes(java.nio.charset.StandardCharsets.US_ASCII))
                .build()
                .fragments(48);

        assertThat(zeros).extracting(f -> outcome(simulation, f)).containsExactly(DROPPED, ACCEPTED, ACCEPTED);
        assertThat(digits).extracting(f -> outcome(simulation, f)).containsExactly(ACCEPTED, DROPPED, DROPPED);
    }

    @Test
    void fragments_forTheHost_areAlwaysPutTogether() {
        Simulation simulation = NwfilterSimulator.builder()
                .filter(filter("f", rule("reject", "out", 1, "<udp dstportstart='53'/>")))
                .connectionTracking(false)
                .build()
                .attach("f", NIC);
        var fragments = out(Path.HOST).udp(1, 53).payload(new byte[100]).build().fragments(48);

        assertThat(fragments).extracting(f -> outcome(simulation, f)).containsOnly(REJECTED);
        assertThat(fragments).allMatch(f -> simulation.judge(f).answered());
    }

    @Test
    void explanation_namesEveryRuleOnTheWay() {
        Simulation simulation = attach(
                rule("accept", "out", 100, "<mac protocolid='arp'/>"),
                rule("accept", "out", 200, "<tcp dstportstart='443'/>"),
                rule("reject", "out", 300, "<all/>"));

        Judgement judgement = simulation.judge(tcpOut(25));

        assertThat(judgement.explanation()).isEqualTo("""
                        from VM routed: 52:54:00:00:00:01 > 52:54:00:ff:ff:fe, tcp 10.1.0.10:40000 > 198.18.0.9:25 [SYN]
                          ebtables PREROUTING: -i vnet0 => libvirt-I-vnet0
                          ebtables libvirt-I-vnet0 [100]: -p 0x806 -j ACCEPT (no match): -p 0x0806: the packet has 0x0800
                          ebtables libvirt-I-vnet0: end of chain => ACCEPT: its policy is ACCEPT
                          conntrack PREROUTING: NEW ORIGINAL => matched
                          iptables libvirt-in: -m physdev --physdev-in vnet0 => goto FI-vnet0
                          iptables FI-vnet0 [200]: -p tcp --dport 443 -m conntrack --ctstate NEW,ESTABLISHED -m conntrack\
                         --ctdir Original -j RETURN (no match): --dport 443: the packet has 25
                          iptables FI-vnet0 [300]: -p all -j REJECT => REJECT
                          => REJECTED""");
    }
}
