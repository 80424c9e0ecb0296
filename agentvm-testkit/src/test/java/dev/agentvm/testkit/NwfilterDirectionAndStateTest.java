package dev.agentvm.testkit;

import static dev.agentvm.testkit.Filters.INTERNET;
import static dev.agentvm.testkit.Filters.NIC;
import static dev.agentvm.testkit.Filters.VM_IP;
import static dev.agentvm.testkit.Filters.attach;
import static dev.agentvm.testkit.Filters.in;
import static dev.agentvm.testkit.Filters.out;
import static dev.agentvm.testkit.Filters.outcome;
import static dev.agentvm.testkit.Filters.rule;
import static dev.agentvm.testkit.Filters.tcpOut;
import static dev.agentvm.testkit.Filters.udpOut;
import static dev.agentvm.testkit.Judgement.Outcome.ACCEPTED;
import static dev.agentvm.testkit.Judgement.Outcome.DROPPED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.testkit.NwfilterException.Kind;
import dev.agentvm.testkit.Packet.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Directions, states, and the special cases of icmp and connection limits. */
class NwfilterDirectionAndStateTest {
    private static final String DROP_REST = rule("drop", "inout", 1000, "<all/>");

    private static Packet bridged(String... flags) {
        return out(Path.BRIDGED).tcp(40000, 443, flags).build();
    }

    private static void assertCommands(String match, String direction, String... expected) {
        assertThat(attach(rule("accept", direction, 1, match)).commands()).containsExactlyInAnyOrder(expected);
    }

    @Test
    void acceptOut_hasThreeCopies() {
        assertCommands(
                "<tcp dstportstart='443' dstipaddr='198.18.0.9'/>",
                "out",
                "iptables -A FI-vnet0 -p tcp --destination 198.18.0.9 --dport 443"
                        + " -m conntrack --ctstate NEW,ESTABLISHED -m conntrack --ctdir Original -j RETURN",
                "iptables -A FO-vnet0 -p tcp --source 198.18.0.9 --sport 443"
                        + " -m conntrack --ctstate ESTABLISHED -m conntrack --ctdir Reply -j ACCEPT",
                "iptables -A HI-vnet0 -p tcp --destination 198.18.0.9 --dport 443"
                        + " -m conntrack --ctstate NEW,ESTABLISHED -m conntrack --ctdir Original -j RETURN");
    }

    @Test
    void acceptIn_hasThreeCopies() {
        assertCommands(
                "<tcp dstportstart='22'/>",
                "in",
                "iptables -A FI-vnet0 -p tcp --sport 22"
                        + " -m conntrack --ctstate ESTABLISHED -m conntrack --ctdir Reply -j RETURN",
                "iptables -A FO-vnet0 -p tcp --dport 22"
                        + " -m conntrack --ctstate NEW,ESTABLISHED -m conntrack --ctdir Original -j ACCEPT",
                "iptables -A HI-vnet0 -p tcp --sport 22"
                        + " -m conntrack --ctstate ESTABLISHED -m conntrack --ctdir Reply -j RETURN");
    }

    @Test
    void acceptInout_hasNoStateAndIsMeantFromTheInside() {
        assertCommands(
                "<tcp dstportstart='22'/>",
                "inout",
                "iptables -A FI-vnet0 -p tcp --sport 22 -j RETURN",
                "iptables -A FO-vnet0 -p tcp --dport 22 -j ACCEPT",
                "iptables -A HI-vnet0 -p tcp --sport 22 -j RETURN");
    }

    @Test
    void stateOut_isInTheOwnDirectionAlone() {
        assertCommands(
                "<tcp state='new,ESTABLISHED related'/>",
                "out",
                "iptables -A FI-vnet0 -p tcp -m conntrack --ctstate NEW,ESTABLISHED,RELATED -j RETURN",
                "iptables -A HI-vnet0 -p tcp -m conntrack --ctstate NEW,ESTABLISHED,RELATED -j RETURN");
    }

    @Test
    void stateIn_isInTheOwnDirectionAlone() {
        assertCommands(
                "<tcp state='INVALID'/>", "in", "iptables -A FO-vnet0 -p tcp -m conntrack --ctstate INVALID -j ACCEPT");
    }

    @Test
    void stateNone_isNoStateMatch() {
        assertCommands(
                "<tcp state='NEW,NONE'/>",
                "out",
                "iptables -A FI-vnet0 -p tcp -j RETURN",
                "iptables -A HI-vnet0 -p tcp -j RETURN");
    }

    @ParameterizedTest
    @ValueSource(strings = {"UNTRACKED", "NEW;RELATED", "x"})
    void state_unknown_isRefused(String state) {
        assertThatThrownBy(() -> attach(rule("accept", "out", 1, "<tcp state='" + state + "'/>")))
                .isInstanceOfSatisfying(
                        NwfilterException.class, e -> assertThat(e.kind()).isEqualTo(Kind.DEFINE_REFUSED));
    }

    @Test
    void statematchFalse_takesAwayEveryState() {
        Simulation simulation =
                attach("<rule action='accept' direction='out' statematch='false'><tcp state='NEW'/></rule>");

        assertThat(simulation.commands())
                .containsExactlyInAnyOrder(
                        "iptables -A FI-vnet0 -p tcp -j RETURN",
                        "iptables -A FO-vnet0 -p tcp -j ACCEPT",
                        "iptables -A HI-vnet0 -p tcp -j RETURN");
        assertThat(simulation.judge(tcpOut(1)).explanation()).contains("makes libvirt ignore state");
    }

    @Test
    void dropOut_dropsInTheOtherDirectionToo() {
        Simulation simulation = attach(rule("drop", "out", 1, "<all/>"));

        assertThat(outcome(simulation, in(Path.BRIDGED).tcp(1, 2).build())).isEqualTo(DROPPED);
        assertThat(outcome(simulation, in(Path.ROUTED).tcp(1, 3).build())).isEqualTo(ACCEPTED);
    }

    @Test
    void frameRules_haveNoCopyForTheOtherDirection() {
        Simulation simulation = attach(rule("drop", "out", 1, "<ip srcipaddr='10.1.0.10'/>"));

        assertThat(simulation.commands())
                .containsExactly("ebtables -A libvirt-I-vnet0 -p ipv4 --ip-source 10.1.0.10 -j DROP");
    }

    @Test
    void frameRulesInout_areMeantFromTheInside() {
        Simulation simulation = attach(rule("drop", "inout", 1, "<ip protocol='tcp' dstportstart='22'/>"));

        assertThat(outcome(simulation, in(Path.ROUTED).tcp(1, 22).build())).isEqualTo(DROPPED);
        assertThat(outcome(simulation, tcpOut(22))).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, out(Path.ROUTED).tcp(22, 1).build())).isEqualTo(DROPPED);
    }

    @Test
    void acceptOut_letsTheWholeConversationPass() {
        Simulation simulation = attach(rule("accept", "out", 1, "<tcp dstportstart='443'/>"), DROP_REST);
        Packet syn = bridged();

        assertThat(outcome(simulation, syn)).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, syn.reply())).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, syn.reply().reply())).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, syn.reply().reply().reply())).isEqualTo(ACCEPTED);
    }

    @Test
    void acceptOut_doesNotLetConnectionsIn() {
        Simulation simulation = attach(rule("accept", "out", 1, "<tcp dstportstart='443'/>"), DROP_REST);

        assertThat(outcome(simulation, in(Path.BRIDGED).tcp(443, 22).build())).isEqualTo(DROPPED);
        assertThat(outcome(simulation, in(Path.BRIDGED).tcp(443, 22, "ACK").build()))
                .isEqualTo(DROPPED);
    }

    @Test
    void acceptIn_answersMayLeave_connectionsMayNot() {
        Simulation simulation = attach(rule("accept", "in", 1, "<tcp dstportstart='22'/>"), DROP_REST);
        Packet syn = in(Path.BRIDGED).tcp(40000, 22).build();

        assertThat(outcome(simulation, out(Path.BRIDGED).tcp(22, 40000).build()))
                .isEqualTo(DROPPED);
        assertThat(outcome(simulation, syn)).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, syn.reply())).isEqualTo(ACCEPTED);
    }

    @Test
    void connectionsFromTheHost_areAnsweredThroughItsInput() {
        Simulation simulation = attach(rule("accept", "in", 1, "<tcp dstportstart='22'/>"), DROP_REST);
        Packet syn = in(Path.HOST).tcp(40000, 22).build();

        assertThat(outcome(simulation, syn.reply())).isEqualTo(DROPPED);
        assertThat(outcome(simulation, syn)).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, syn.reply())).isEqualTo(ACCEPTED);
    }

    @Test
    void state_newUntilTheReply() {
        Simulation simulation = attach(rule("drop", "out", 1, "<udp state='NEW'/>"));
        Packet request = in(Path.BRIDGED).udp(53, 40000).build();
        Packet reply = request.reply();

        assertThat(outcome(simulation, reply))
                .as("begins a connection of its own")
                .isEqualTo(DROPPED);
        assertThat(outcome(simulation, request)).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, reply)).as("answers one").isEqualTo(ACCEPTED);
    }

    @Test
    void state_droppedPacketsBeginNothing() {
        Simulation simulation = attach(
                rule("drop", "out", 1, "<udp dstportstart='53' state='NEW'/>"),
                rule("drop", "in", 2, "<udp state='NEW'/>"));
        Packet request = out(Path.BRIDGED).udp(40000, 53).build();

        assertThat(outcome(simulation, request)).isEqualTo(DROPPED);
        assertThat(outcome(simulation, request.reply())).as("still new").isEqualTo(DROPPED);
    }

    @Test
    void state_framesDroppedOnTheWayOut_countWhenRouted() {
        Simulation simulation = attach(
                rule("drop", "in", 1, "<ip protocol='udp'/>"),
                rule("drop", "out", 2, "<udp state='NEW'/>"),
                rule("drop", "out", 3, "<all state='ESTABLISHED'/>"));
        Packet routed = in(Path.ROUTED).udp(53, 40000).build();
        Packet bridged = in(Path.BRIDGED).udp(53, 40001).build();

        for (Packet packet : new Packet[] {routed, bridged}) {
            assertThat(outcome(simulation, packet)).isEqualTo(DROPPED);
        }
        assertThat(simulation.judge(routed.reply()).explanation()).contains("conntrack PREROUTING: ESTABLISHED REPLY");
        assertThat(simulation.judge(bridged.reply()).explanation()).contains("conntrack PREROUTING: NEW ORIGINAL");
    }

    @ParameterizedTest
    @CsvSource({
        "'SYN,ACK', INVALID",
        "RST, INVALID",
        "'FIN,ACK', INVALID",
        "'SYN,FIN', INVALID",
        "'', INVALID",
        "SYN, NEW",
        "ACK, NEW",
        "'PSH,ACK', NEW"
    })
    void state_tcpWithoutAConnection(String flags, String state) {
        Simulation simulation = attach(rule("drop", "out", 1, "<tcp state='" + state + "'/>"));

        assertThat(outcome(simulation, bridged(flags))).isEqualTo(DROPPED);
    }

    @Test
    void state_resetConnection_beginsAnew() {
        Simulation simulation = attach(rule("drop", "out", 1, "<udp/>"));
        Packet syn = bridged();
        simulation.judge(syn);
        simulation.judge(in(Path.BRIDGED).tcp(443, 40000, "RST,ACK").build());

        assertThat(simulation.judge(syn).explanation()).contains("NEW ORIGINAL");
    }

    @Test
    void state_relatedIsErrorsAboutKnownConnections() {
        Simulation simulation = attach(
                rule("accept", "in", 1, "<icmp state='RELATED'/>"), rule("accept", "out", 2, "<udp/>"), DROP_REST);
        Packet request = out(Path.BRIDGED).udp(40000, 53).build();
        Packet error = request.error(INTERNET, 3, 3);

        assertThat(outcome(simulation, error)).isEqualTo(DROPPED);
        simulation.judge(request);
        assertThat(outcome(simulation, error)).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, out(Path.BRIDGED).udp(40001, 53).build().error(INTERNET, 3, 3)))
                .isEqualTo(DROPPED);
    }

    @Test
    void state_icmp() {
        Simulation simulation = attach(rule("drop", "inout", 1, "<tcp/>"));
        Packet ping = out(Path.BRIDGED).ping().build();

        assertThat(simulation.judge(ping.reply()).explanation()).contains("INVALID");
        assertThat(simulation.judge(ping).explanation()).contains("NEW ORIGINAL");
        assertThat(simulation.judge(ping.reply()).explanation()).contains("ESTABLISHED REPLY");
        assertThat(simulation.judge(out(Path.BRIDGED).icmp(9, 0).build()).explanation())
                .contains("INVALID");
        Packet solicitation =
                NIC.sends(Path.BRIDGED).ipv6("fe80::1", "ff02::1").icmp(135, 0).build();
        assertThat(simulation.judge(solicitation).explanation()).contains("UNTRACKED");
    }

    @Test
    void forgetConnections_makesRepliesNew() {
        Simulation simulation = attach(rule("accept", "out", 1, "<udp/>"), DROP_REST);
        Packet request = out(Path.BRIDGED).udp(1, 2).build();
        simulation.judge(request);

        assertThat(outcome(simulation, request.reply())).isEqualTo(ACCEPTED);
        simulation.forgetConnections();
        assertThat(outcome(simulation, request.reply())).isEqualTo(DROPPED);
    }

    @Test
    void icmpType_isInTheOwnDirectionAlone() {
        assertCommands(
                "<icmp type='8'/>",
                "out",
                "iptables -A FI-vnet0 -p icmp --icmp-type 8 -m conntrack --ctstate NEW,ESTABLISHED -j RETURN",
                "iptables -A HI-vnet0 -p icmp --icmp-type 8 -m conntrack --ctstate NEW,ESTABLISHED -j RETURN");
        assertCommands(
                "<icmpv6 type='128' code='0'/>",
                "in",
                "ip6tables -A FO-vnet0 -p icmpv6 --icmpv6-type 128/0 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT");
    }

    @Test
    void icmpTypeInout_isNowhere() {
        Simulation simulation = attach(rule("accept", "inout", 1, "<icmp type='8'/>"), DROP_REST);

        assertThat(simulation.commands()).noneMatch(c -> c.contains("icmp"));
        assertThat(outcome(simulation, out(Path.ROUTED).ping().build())).isEqualTo(DROPPED);
    }

    @Test
    void connectionLimit_isInChainsFromTheVMAlone() {
        assertThat(attach(rule("drop", "out", 1, "<tcp connlimit-above='2' state='NEW'/>"))
                        .commands())
                .containsExactlyInAnyOrder(
                        "iptables -A FI-vnet0 -p tcp -m conntrack --ctstate NEW -m connlimit --connlimit-above 2 -j DROP",
                        "iptables -A HI-vnet0 -p tcp -m conntrack --ctstate NEW -m connlimit --connlimit-above 2 -j DROP");
        assertThat(attach(rule("accept", "in", 1, "<tcp connlimit-above='2'/>")).commands())
                .containsExactly("iptables -A FO-vnet0 -p tcp -m connlimit --connlimit-above 2 -j ACCEPT");
    }

    @Test
    void connectionLimit_onAccept_takesAwayTheState() {
        assertCommands(
                "<tcp connlimit-above='2'/>",
                "out",
                "iptables -A FI-vnet0 -p tcp -m connlimit --connlimit-above 2 -j RETURN",
                "iptables -A HI-vnet0 -p tcp -m connlimit --connlimit-above 2 -j RETURN");
    }

    @Test
    void connectionLimit_countsLivingConnections() {
        Simulation simulation = attach(rule("drop", "out", 1, "<tcp connlimit-above='2' state='NEW'/>"));
        Packet first = out(Path.ROUTED).tcp(1, 443).build();

        assertThat(outcome(simulation, first)).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, out(Path.ROUTED).tcp(2, 443).build())).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, out(Path.ROUTED).tcp(3, 443).build())).isEqualTo(DROPPED);
        assertThat(outcome(simulation, first)).as("the same connection").isEqualTo(ACCEPTED);
        simulation.judge(in(Path.ROUTED).tcp(443, 1, "RST,ACK").build());
        assertThat(outcome(simulation, out(Path.ROUTED).tcp(4, 443).build())).isEqualTo(ACCEPTED);
    }

    @Test
    void connectionLimit_isPerSourceAddress() {
        Simulation simulation = attach(rule("drop", "out", 1, "<udp connlimit-above='1' state='NEW'/>"));

        assertThat(outcome(simulation, udpOut(1))).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, udpOut(2))).isEqualTo(DROPPED);
        assertThat(outcome(
                        simulation,
                        NIC.sends(Path.ROUTED)
                                .ipv4("10.1.0.11", INTERNET)
                                .udp(1, 2)
                                .build()))
                .isEqualTo(ACCEPTED);
    }

    @ParameterizedTest
    @ValueSource(strings = {"<tcp/>", "<all/>", "<icmpv6/>"})
    void continueInPacketRules_isRefusedByIptables(String match) {
        assertThatThrownBy(() -> attach(rule("continue", "out", 1, match)))
                .isInstanceOfSatisfying(
                        NwfilterException.class, e -> assertThat(e.kind()).isEqualTo(Kind.START_REFUSED))
                .hasMessageContaining("Chain 'CONTINUE' does not exist");
    }

    @Test
    void packetMatches_eachOnItsProperty() {
        Simulation simulation = attach(
                rule("drop", "out", 1, "<tcp flags='SYN,ACK/ACK' srcipfrom='10.1.0.5' srcipto='10.1.0.20'/>"),
                rule("drop", "out", 2, "<udp match='no' dstipaddr='198.18.0.0' dstipmask='255.255.0.0'/>"),
                rule("drop", "out", 3, "<icmp match='no' type='8'/>"),
                rule("drop", "out", 4, "<sctp srcmacaddr='" + NIC.mac() + "' dstportstart='5' dstportend='7'/>"));

        assertThat(outcome(simulation, bridged("ACK"))).isEqualTo(DROPPED);
        assertThat(outcome(simulation, bridged("SYN"))).isEqualTo(ACCEPTED);
        assertThat(outcome(
                        simulation,
                        NIC.sends(Path.ROUTED)
                                .ipv4("10.1.0.21", INTERNET)
                                .tcp(1, 2, "ACK")
                                .build()))
                .isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, udpOut(1))).isEqualTo(ACCEPTED);
        assertThat(outcome(
                        simulation,
                        NIC.sends(Path.ROUTED)
                                .ipv4(VM_IP, "198.19.0.9")
                                .udp(1, 2)
                                .build()))
                .isEqualTo(DROPPED);
        assertThat(outcome(simulation, out(Path.ROUTED).ping().build())).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, out(Path.ROUTED).icmp(13, 0).build())).isEqualTo(DROPPED);
        assertThat(outcome(simulation, out(Path.ROUTED).sctp(1, 6).build())).isEqualTo(DROPPED);
        assertThat(outcome(simulation, out(Path.ROUTED).sctp(1, 8).build())).isEqualTo(ACCEPTED);
        assertThat(outcome(
                        simulation,
                        out(Path.ROUTED).from("52:54:00:00:00:02").sctp(1, 6).build()))
                .isEqualTo(ACCEPTED);
    }
}
