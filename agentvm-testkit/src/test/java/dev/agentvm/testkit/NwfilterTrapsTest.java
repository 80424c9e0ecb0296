package dev.agentvm.testkit;

import static dev.agentvm.testkit.Filters.attach;
import static dev.agentvm.testkit.Filters.filter;
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
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Where libvirt makes something else of a filter than it says. */
class NwfilterTrapsTest {
    private static final String DROP_REST = rule("drop", "out", 1000, "<all/>");

    private static void assertRefused(Kind kind, String part, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(NwfilterException.class, e -> {
            assertThat(e.kind()).isEqualTo(kind);
            assertThat(e).hasMessageContaining(part);
        });
    }

    private static Simulation withSet(String... rules) {
        return NwfilterSimulator.builder()
                .filter(filter("f", rules))
                .ipset("s", "198.18.0.9")
                .build()
                .attach("f", Filters.NIC, Map.of());
    }

    private static Packet tcpTo(String address) {
        return Filters.NIC
                .sends(Path.ROUTED)
                .ipv4(Filters.VM_IP, address)
                .tcp(40000, 443)
                .build();
    }

    @ParameterizedTest
    @ValueSource(strings = {"tcp", "udp", "icmp", "sctp", "udplite", "esp", "ah", "igmp"})
    void ipsetWithFlags_anyElementButAll_losesTheSet(String element) {
        Simulation simulation =
                attach(rule("accept", "out", 100, "<" + element + " ipset='s' ipsetflags='dst'/>"), DROP_REST);

        assertThat(simulation.commands()).noneMatch(c -> c.contains("--match-set"));
    }

    @Test
    void ipsetWithFlags_tcp_allowListBecomesAllowAll() {
        Simulation simulation =
                withSet(rule("accept", "out", 100, "<tcp dstportstart='443' ipset='s' ipsetflags='dst'/>"), DROP_REST);

        Judgement judgement = simulation.judge(tcpTo("203.0.113.1"));

        assertThat(judgement.outcome()).isEqualTo(ACCEPTED);
        assertThat(judgement.explanation()).contains("libvirt loses ipset and ipsetflags of <tcp>");
    }

    @Test
    void ipsetWithFlags_all_works() {
        Simulation simulation = withSet(rule("accept", "out", 100, "<all ipset='s' ipsetflags='dst'/>"), DROP_REST);

        assertThat(outcome(simulation, tcpTo("198.18.0.9"))).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, tcpTo("198.18.0.8"))).isEqualTo(DROPPED);
    }

    @Test
    void ipsetWithoutFlags_all_losesTheSet() {
        Simulation simulation = withSet(rule("accept", "out", 100, "<all ipset='s'/>"), DROP_REST);

        assertThat(outcome(simulation, tcpTo("198.18.0.8"))).isEqualTo(ACCEPTED);
        assertThat(simulation.commands()).noneMatch(c -> c.contains("--match-set"));
    }

    @Test
    void ipsetWithoutFlags_tcp_cannotBePrinted() {
        assertRefused(
                Kind.START_REFUSED,
                "Unexpected enum value 0",
                () -> withSet(rule("accept", "out", 100, "<tcp ipset='s'/>")));
    }

    @Test
    void ipset_unknownSet_isRefusedByIptables() {
        assertRefused(
                Kind.START_REFUSED,
                "Set nosuch doesn't exist",
                () -> withSet(rule("accept", "out", 100, "<all ipset='nosuch' ipsetflags='dst'/>")));
    }

    @Test
    void negatedIpset_all_isPositive() {
        Simulation simulation = withSet(rule("drop", "out", 100, "<all match='no' ipset='s' ipsetflags='dst'/>"));

        assertThat(outcome(simulation, tcpTo("198.18.0.9"))).isEqualTo(DROPPED);
        assertThat(outcome(simulation, tcpTo("198.18.0.8"))).isEqualTo(ACCEPTED);
    }

    @ParameterizedTest
    @CsvSource({"tcp, 443, DROPPED", "tcp, 80, ACCEPTED", "udp, 443, DROPPED", "udp, 80, ACCEPTED"})
    void negatedDestinationPort_withoutSourcePort_isPositive(String element, int port, Judgement.Outcome expected) {
        Simulation simulation = attach(rule("drop", "out", 100, "<" + element + " match='no' dstportstart='443'/>"));

        Judgement judgement = simulation.judge(element.equals("tcp") ? tcpOut(port) : udpOut(port));

        assertThat(judgement.outcome()).isEqualTo(expected);
        assertThat(judgement.explanation()).contains("copies the sign of the source port");
    }

    @Test
    void negatedPorts_both_areTakenAsAPair() {
        Simulation simulation =
                attach(rule("drop", "out", 100, "<tcp match='no' srcportstart='40000' dstportstart='443'/>"));

        assertThat(outcome(simulation, tcpOut(443))).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, tcpOut(80))).isEqualTo(DROPPED);
        assertThat(outcome(simulation, out(Path.ROUTED).tcp(1, 443).build()))
                .as("neither would match by itself")
                .isEqualTo(DROPPED);
    }

    @Test
    void negatedPortRanges_areNegativeEach() {
        Simulation simulation = attach(rule(
                "drop",
                "out",
                100,
                "<tcp match='no' srcportstart='40000' srcportend='40001' dstportstart='443' dstportend='444'/>"));

        assertThat(outcome(simulation, out(Path.ROUTED).tcp(1, 443).build())).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, tcpOut(80))).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, out(Path.ROUTED).tcp(1, 80).build())).isEqualTo(DROPPED);
    }

    @Test
    void negatedPort_inTwoElements_takesTheSignOfTheSourcePort() {
        Simulation simulation =
                attach(rule("drop", "out", 100, "<tcp match='no' srcportstart='1'/><tcp dstportstart='443'/>"));

        assertThat(simulation.commands()).anyMatch(c -> c.contains("-A FI-vnet0 -p tcp ! --sport 1 ! --dport 443"));
    }

    @Test
    void negatedPort_inFrameRules_isNegative() {
        Simulation simulation =
                attach(rule("drop", "out", 100, "<ip protocol='tcp'/><ip match='no' dstportstart='443'/>"));

        assertThat(outcome(simulation, tcpOut(443))).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, tcpOut(80))).isEqualTo(DROPPED);
    }

    @ParameterizedTest
    @ValueSource(strings = {"tcp", "udp", "sctp"})
    void portEndAlone_isNoPortMatch(String element) {
        Simulation simulation = attach(rule("accept", "out", 100, "<" + element + " dstportend='80'/>"), DROP_REST);

        assertThat(simulation.commands()).noneMatch(c -> c.contains("port"));
    }

    @Test
    void portEndAlone_allowsAllPorts() {
        Simulation simulation = attach(rule("accept", "out", 100, "<tcp dstportend='80'/>"), DROP_REST);

        assertThat(outcome(simulation, tcpOut(443))).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, udpOut(80))).isEqualTo(DROPPED);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "<tcp dstportstart='443' dstportend='80'/>",
                "<udp srcportstart='2' srcportend='1'/>",
                "<ip protocol='tcp' dstportstart='443' dstportend='80'/>",
                "<ipv6 protocol='udp' srcportstart='443' srcportend='80'/>"
            })
    void reversedPorts_areRefusedByTheTools(String match) {
        assertRefused(Kind.START_REFUSED, "invalid portrange", () -> attach(rule("accept", "out", 100, match)));
    }

    @ParameterizedTest
    @CsvSource({"010.0.0.1, 8.0.0.1", "0x0a.0.0.1, 10.0.0.1", "10.1, 10.0.0.1"})
    void oddAddress_isReadAsTheCLibraryDoes(String written, String meant) {
        Simulation simulation = attach(rule("drop", "out", 100, "<ip dstipaddr='" + written + "'/>"));

        Judgement judgement = simulation.judge(tcpTo(meant));

        assertThat(judgement.outcome()).isEqualTo(DROPPED);
        assertThat(judgement.explanation()).contains("'" + written + "' as " + meant);
    }

    @Test
    void oddAddress_leavesTheWrittenHostOpen() {
        Simulation simulation = attach(rule("drop", "out", 100, "<all dstipaddr='010.0.0.1'/>"));

        assertThat(outcome(simulation, tcpTo("10.0.0.1"))).isEqualTo(ACCEPTED);
    }

    @Test
    void unknownElement_matchesEveryFrame() {
        Simulation allow = attach(rule("accept", "out", 100, "<nosuch/>"), rule("drop", "out", 200, "<mac/>"));
        Simulation deny = attach(rule("drop", "inout", 100, "<nosuch/>"));

        assertThat(outcome(allow, tcpOut(1))).isEqualTo(ACCEPTED);
        assertThat(outcome(deny, tcpOut(1))).isEqualTo(DROPPED);
        assertThat(outcome(
                        deny,
                        Filters.NIC.receives(Path.BRIDGED).etherType(0x88cc).build()))
                .isEqualTo(DROPPED);
        assertThat(deny.judge(tcpOut(1)).explanation()).contains("libvirt ignores the unknown element <nosuch>");
    }

    @Test
    void secondElementOfAnotherName_isIgnored() {
        Simulation simulation =
                attach(rule("accept", "out", 100, "<tcp dstportstart='443'/><udp dstportstart='53'/>"), DROP_REST);

        Judgement judgement = simulation.judge(tcpOut(443));

        assertThat(judgement.outcome()).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, udpOut(53))).isEqualTo(DROPPED);
        assertThat(judgement.explanation()).contains("libvirt ignores <udp>: the rule is already one of <tcp>");
    }

    @Test
    void secondElementOfTheSameName_addsAndOverrides() {
        Simulation simulation = attach(
                rule("accept", "out", 100, "<tcp dstportstart='443' dstipaddr='198.18.0.9'/><tcp dstportstart='80'/>"),
                DROP_REST);

        assertThat(outcome(simulation, tcpOut(80))).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, tcpOut(443))).isEqualTo(DROPPED);
        assertThat(outcome(simulation, tcpTo("198.18.0.8"))).isEqualTo(DROPPED);
    }

    @Test
    void unknownAttribute_widensTheRule() {
        Simulation simulation = attach(rule("accept", "out", 100, "<tcp dstport='443'/>"), DROP_REST);

        Judgement judgement = simulation.judge(tcpOut(25));

        assertThat(judgement.outcome()).isEqualTo(ACCEPTED);
        assertThat(judgement.explanation()).contains("libvirt ignores the attribute dstport of <tcp>");
    }

    @Test
    void unknownAttribute_ofRuleAndFilter_isIgnoredAndTold() {
        Simulation simulation = NwfilterSimulator.builder()
                .filter("<filter name='f' colour='red'><hello/>"
                        + "<rule action='drop' direction='out' prioriti='1'><all/></rule></filter>")
                .build()
                .attach("f", Filters.NIC);

        assertThat(simulation.notes()).anyMatch(n -> n.contains("colour")).anyMatch(n -> n.contains("<hello>"));
        assertThat(simulation.judge(tcpOut(1)).explanation()).contains("attribute prioriti of <rule>");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "<ip dstportstart='80'/>",
                "<ip protocol='icmp' dstportstart='80'/>",
                "<ipv6 srcportend='80'/>",
                "<ip protocol='$PROTO' dstportstart='80'/>"
            })
    void framePorts_withoutAProtocolThatHasThem_areRefused(String match) {
        assertRefused(
                Kind.DEFINE_REFUSED, "requires the attribute protocol", () -> attach(rule("drop", "out", 1, match)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "<ip match='no' protocol='tcp' dstportstart='80'/>",
                "<ipv6 type='128'/>",
                "<ipv6 match='no' protocol='icmpv6' type='128'/>"
            })
    void frameDetails_withoutAPositiveProtocol_areRefusedByEbtables(String match) {
        assertRefused(Kind.START_REFUSED, "ebtables refuses", () -> attach(rule("drop", "out", 1, match)));
    }

    @Test
    void filterName_anyText_isAccepted() {
        for (String name : new String[] {"../../etc/x", "a b"}) {
            assertThat(NwfilterSimulator.builder()
                            .filter(filter(name))
                            .build()
                            .attach(name, Filters.NIC)
                            .commands())
                    .isEmpty();
        }
    }

    @Test
    void longComment_isCutAndMatchesAll() {
        String comment = "x".repeat(300);

        Simulation simulation = attach(rule("drop", "out", 100, "<tcp comment='" + comment + "'/>"));

        assertThat(simulation.commands()).allMatch(c -> !c.contains("x".repeat(257)));
        assertThat(simulation.judge(tcpOut(1)).explanation()).contains("libvirt cuts the comment at 256");
    }

    @Test
    void shortComment_isKept() {
        Simulation simulation = attach(rule("drop", "out", 100, "<tcp comment='why'/>"));

        assertThat(simulation.commands()).contains("iptables -A FI-vnet0 -p tcp -m comment --comment why -j DROP");
        assertThat(outcome(simulation, tcpOut(1))).isEqualTo(DROPPED);
    }

    @Test
    void vlanEncapsulation_isWrittenDecimalAndReadHexadecimal() {
        Simulation simulation = attach(rule("drop", "out", 100, "<vlan encap-protocol='arp'/>"));
        Packet.Builder tagged = Filters.NIC.sends(Path.BRIDGED).vlan(7);

        assertThat(outcome(simulation, tagged.etherType(0x0806).build())).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, tagged.etherType(0x2054).build())).isEqualTo(DROPPED);
    }

    @Test
    void arpSourceMask_servesADestinationWithoutOne() {
        Simulation simulation = attach(
                rule("drop", "out", 100, "<arp arpsrcipaddr='10.1.0.0' arpsrcipmask='16' arpdstipaddr='10.9.0.9'/>"));
        Packet.Builder arp = Filters.NIC.sends(Path.HOST).broadcast();

        assertThat(outcome(simulation, arp.arpRequest("10.1.0.10", "10.9.0.9").build()))
                .isEqualTo(DROPPED);
        assertThat(outcome(simulation, arp.arpRequest("10.1.0.10", "10.9.77.77").build()))
                .isEqualTo(DROPPED);
        assertThat(outcome(simulation, arp.arpRequest("10.1.0.10", "10.8.0.9").build()))
                .isEqualTo(ACCEPTED);
    }

    @Test
    void dscp_inFrameRules_isComparedWithTheWholeByte() {
        Simulation simulation = attach(rule("drop", "out", 100, "<ip dscp='46'/>"));

        assertThat(outcome(
                        simulation,
                        out(Path.ROUTED).tcp(1, 2).trafficClass(46 << 2).build()))
                .isEqualTo(ACCEPTED);
        assertThat(outcome(
                        simulation, out(Path.ROUTED).tcp(1, 2).trafficClass(46).build()))
                .isEqualTo(DROPPED);
    }

    @Test
    void dscp_inPacketRules_isComparedRightly() {
        Simulation simulation = attach(rule("drop", "out", 100, "<tcp dscp='46'/>"));

        assertThat(outcome(
                        simulation,
                        out(Path.ROUTED).tcp(1, 2).trafficClass(46 << 2 | 3).build()))
                .isEqualTo(DROPPED);
        assertThat(outcome(
                        simulation, out(Path.ROUTED).tcp(1, 2).trafficClass(46).build()))
                .isEqualTo(ACCEPTED);
    }

    @ParameterizedTest
    @ValueSource(strings = {"tcp-ipv6", "all-ipv6"})
    void ipv6DestinationRange_isReadAsIpv4(String element) {
        assertRefused(
                Kind.DEFINE_REFUSED,
                "dstipto",
                () -> attach(rule("drop", "out", 1, "<" + element + " dstipfrom='fd00::1' dstipto='fd00::5'/>")));
    }

    @Test
    void sourceMac_againstTheDirection_vanishes() {
        Simulation alone = attach(rule("drop", "in", 100, "<all srcmacaddr='52:54:00:ff:ff:fe'/>"));
        Simulation withPort =
                attach(rule("drop", "in", 100, "<tcp srcmacaddr='52:54:00:ff:ff:fe' srcportstart='443'/>"));

        assertThat(alone.commands()).singleElement().asString().contains("-A FO-vnet0");
        assertThat(withPort.commands()).contains("iptables -A FI-vnet0 -p tcp --dport 443 -j DROP");
        assertThat(outcome(withPort, tcpOut(443))).isEqualTo(DROPPED);
    }
}
