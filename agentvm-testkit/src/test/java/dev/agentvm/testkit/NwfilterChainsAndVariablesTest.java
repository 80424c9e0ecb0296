package dev.agentvm.testkit;

import static dev.agentvm.testkit.Filters.NIC;
import static dev.agentvm.testkit.Filters.VM_IP;
import static dev.agentvm.testkit.Filters.VM_MAC;
import static dev.agentvm.testkit.Filters.attach;
import static dev.agentvm.testkit.Filters.chain;
import static dev.agentvm.testkit.Filters.filter;
import static dev.agentvm.testkit.Filters.outcome;
import static dev.agentvm.testkit.Filters.reference;
import static dev.agentvm.testkit.Filters.rule;
import static dev.agentvm.testkit.Filters.tcpOut;
import static dev.agentvm.testkit.Filters.udpOut;
import static dev.agentvm.testkit.Judgement.Outcome.ACCEPTED;
import static dev.agentvm.testkit.Judgement.Outcome.DROPPED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.testkit.NwfilterException.Kind;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Chains and their order, references, variables, and what is refused. */
class NwfilterChainsAndVariablesTest {
    private static void assertRefused(Kind kind, String part, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(NwfilterException.class, e -> {
            assertThat(e.kind()).isEqualTo(kind);
            assertThat(e).hasMessageContaining(part);
        });
    }

    private static Simulation tree(String... filters) {
        NwfilterSimulator.Builder builder = NwfilterSimulator.builder();
        for (String filter : filters) {
            builder.filter(filter);
        }
        return builder.build().attach("f", NIC, Map.of());
    }

    private static Simulation with(Map<String, List<String>> parameters, String match) {
        return attach(parameters, rule("drop", "out", 1, match));
    }

    private static List<String> fromVM(Simulation simulation) {
        return simulation.commands().stream()
                .filter(c -> c.contains("-A FI-vnet0"))
                .map(c -> c.replaceAll("iptables -A FI-vnet0 -p \\w+ | -j DROP", ""))
                .toList();
    }

    @Test
    void defaultPriorities_orderTheChains() {
        Simulation simulation = tree(
                filter(
                        "f",
                        reference("rarp"),
                        reference("arp"),
                        reference("6"),
                        reference("4"),
                        reference("v"),
                        reference("m"),
                        reference("s")),
                chain("rarp", "rarp-x", rule("drop", "out", 1, "<rarp/>")),
                chain("arp", "arp-x", rule("drop", "out", 1, "<arp/>")),
                chain("6", "ipv6-x", rule("drop", "out", 1, "<ipv6/>")),
                chain("4", "ipv4-x", rule("drop", "out", 1, "<ip/>")),
                chain("v", "vlan-x", rule("drop", "out", 1, "<vlan/>")),
                chain("m", "mac-x", rule("drop", "out", 1, "<mac/>")),
                chain("s", "stp-x", rule("drop", "out", 1, "<stp/>")));

        assertThat(simulation.commands().stream().filter(c -> c.contains("-A libvirt-I-vnet0")))
                .containsExactly(
                        "ebtables -A libvirt-I-vnet0 -j I-vnet0-mac-x",
                        "ebtables -A libvirt-I-vnet0 -p 0x8100 -j I-vnet0-vlan-x",
                        "ebtables -A libvirt-I-vnet0 -p 0x0800 -j I-vnet0-ipv4-x",
                        "ebtables -A libvirt-I-vnet0 -p 0x86dd -j I-vnet0-ipv6-x",
                        "ebtables -A libvirt-I-vnet0 -p 0x0806 -j I-vnet0-arp-x",
                        "ebtables -A libvirt-I-vnet0 -p 0x8035 -j I-vnet0-rarp-x",
                        // The documentation says -810; the code forgets spanning tree and takes 0.
                        "ebtables -A libvirt-I-vnet0 -d 01:80:c2:00:00:00 -j I-vnet0-stp-x");
    }

    @Test
    void rootRulesAndJumps_areInterleavedByPriority() {
        Simulation simulation = tree(
                filter(
                        "f",
                        rule("accept", "out", 100, "<arp/>"),
                        reference("late"),
                        rule("drop", "out", -900, "<vlan/>"),
                        rule("drop", "out", -700, "<ip protocol='icmp'/>"),
                        reference("four")),
                "<filter name='late' chain='ipv6' priority='200'>" + rule("drop", "out", 1, "<ipv6/>") + "</filter>",
                chain("four", "ipv4", rule("drop", "out", 1, "<ip/>")));

        assertThat(simulation.commands())
                .containsExactly(
                        "ebtables -A libvirt-I-vnet0 -p 0x8100 -j DROP",
                        "ebtables -A libvirt-I-vnet0 -p 0x0800 -j I-vnet0-ipv4",
                        "ebtables -A libvirt-I-vnet0 -p ipv4 --ip-protocol 1 -j DROP",
                        "ebtables -A libvirt-I-vnet0 -p 0x806 -j ACCEPT",
                        "ebtables -A libvirt-I-vnet0 -p 0x86dd -j I-vnet0-ipv6",
                        "ebtables -A I-vnet0-ipv6 -p ipv6 -j DROP",
                        "ebtables -A I-vnet0-ipv4 -p ipv4 -j DROP");
    }

    @Test
    void subChain_itsEndAccepts_aReturnComesBack() {
        String dropRest = rule("drop", "out", 1000, "<mac/>");
        String four = chain("four", "ipv4", rule("return", "out", 1, "<ip protocol='tcp'/>"));
        Simulation simulation = tree(filter("f", reference("four"), dropRest), four);

        assertThat(outcome(simulation, tcpOut(1))).isEqualTo(DROPPED);
        Judgement judgement = simulation.judge(udpOut(1));
        assertThat(judgement.outcome()).isEqualTo(ACCEPTED);
        assertThat(judgement.explanation()).contains("I-vnet0-ipv4: end of chain => ACCEPT");
    }

    @Test
    void subChain_isIgnoredForIpRules() {
        Simulation simulation = tree(chain("f", "ipv6-x", rule("drop", "out", 1, "<tcp/>")));

        assertThat(outcome(simulation, tcpOut(1))).isEqualTo(DROPPED);
    }

    @Test
    void rulePriority_belowItsChains_isLifted() {
        Simulation simulation = tree(chain("f", "ipv4", rule("drop", "out", -1000, "<ip/>")));

        assertThat(simulation.judge(tcpOut(1)).explanation()).contains("I-vnet0-ipv4 [-700]");
    }

    @Test
    void oneChain_ofTwoPriorities_takesTheLastRulesPriority() {
        String low = "<filter name='low' chain='ipv4-x' priority='-700'>%s</filter>";
        String high = "<filter name='high' chain='ipv4-x' priority='300'>%s</filter>";
        String root = filter("f", reference("low"), reference("high"), rule("accept", "out", 100, "<ip/>"));

        assertRefused(
                Kind.START_REFUSED,
                "does not exist yet",
                () -> tree(
                        root,
                        low.formatted(rule("drop", "out", 1, "<ip/>")),
                        high.formatted(rule("drop", "out", 2, "<ip/>"))));
        Simulation lastIsLow = tree(
                root,
                low.formatted(rule("drop", "out", 400, "<ip/>")),
                high.formatted(rule("drop", "out", 2, "<ip/>")));
        assertThat(outcome(lastIsLow, tcpOut(1)))
                .as("the jump is before the root rule")
                .isEqualTo(DROPPED);
    }

    @ParameterizedTest
    @ValueSource(strings = {"1001", "-1001", "99999999999", "x", "", "5 "})
    void rulePriority_notInRange_isSilently500(String priority) {
        Simulation simulation = attach(
                "<rule action='accept' direction='out' priority='" + priority + "'><ip/></rule>",
                rule("drop", "out", 499, "<ip protocol='tcp'/>"),
                rule("drop", "out", 501, "<ip protocol='udp'/>"));

        assertThat(outcome(simulation, tcpOut(1))).isEqualTo(DROPPED);
        Judgement judgement = simulation.judge(udpOut(1));
        assertThat(judgement.outcome()).isEqualTo(ACCEPTED);
        assertThat(judgement.explanation()).contains("[500]").contains("libvirt silently takes 500");
    }

    @Test
    void rulePriority_ascends() {
        Simulation simulation = attach(rule("drop", "out", 10, "<all/>"), rule("accept", "out", -10, "<tcp/>"));

        assertThat(outcome(simulation, tcpOut(1))).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, udpOut(1))).isEqualTo(DROPPED);
    }

    @Test
    void equalPriorities_areToldOf() {
        Simulation simulation = attach(rule("drop", "out", 10, "<all/>"), rule("accept", "out", 10, "<tcp/>"));

        assertThat(simulation.notes()).singleElement().asString().contains("share priority 10");
    }

    @ParameterizedTest
    @CsvSource({
        "chain='ipv4' priority='1001', outside",
        "chain='ipv4' priority='-1001', outside",
        "chain='ipv4' priority='x', could not parse",
        "chain='root-x', neither root",
        "chain='foo', neither root",
        "chain='ipv4-and-more', longer than 12",
        "chain='ip v4', invalid characters",
    })
    void chain_impossible_isRefused(String attributes, String part) {
        String xml = "<filter name='f' " + attributes.replace("chain='ip v4'", "chain='ipv4 x'") + "/>";

        assertRefused(
                Kind.DEFINE_REFUSED, part, () -> NwfilterSimulator.builder().filter(xml));
    }

    @Test
    void reference_toItself_isRefused() {
        assertRefused(Kind.DEFINE_REFUSED, "loop", () -> tree(filter("f", reference("f"))));
        assertRefused(
                Kind.DEFINE_REFUSED, "loop", () -> tree(filter("f", reference("g")), filter("g", reference("f"))));
    }

    @Test
    void reference_missing_isRefusedAtTheStart() {
        NwfilterSimulator simulator = NwfilterSimulator.builder()
                .filter(filter("f", reference("nosuch")))
                .filter(filter("g"))
                .build();

        assertRefused(Kind.START_REFUSED, "'nosuch' is missing", () -> simulator.attach("f", NIC));
        assertThat(simulator.attach("g", NIC).commands()).isEmpty();
        assertRefused(Kind.START_REFUSED, "'h' is missing", () -> simulator.attach("h", NIC));
    }

    @Test
    void reference_parametersOfTheInterface_winOverItsOwn() {
        NwfilterSimulator simulator = NwfilterSimulator.builder()
                .filter(filter("f", "<filterref filter='g'><parameter name='PORT' value='1'/></filterref>"))
                .filter(filter("g", rule("drop", "out", 1, "<tcp dstportstart='$PORT'/>")))
                .build();

        assertThat(fromVM(simulator.attach("f", NIC))).containsExactly("--dport 1");
        assertThat(fromVM(simulator.attach("f", NIC, Map.of("PORT", List.of("2")))))
                .containsExactly("--dport 2");
    }

    @Test
    void list_isARuleForEachValue_duplicatesCollapse() {
        assertThat(fromVM(with(Map.of("P", List.of("1", "2", "1")), "<tcp dstportstart='$P'/>")))
                .containsExactly("--dport 1", "--dport 2");
    }

    @Test
    void lists_ofOneIterator_walkTogether() {
        assertThat(fromVM(with(
                        Map.of("A", List.of("1.1.1.1", "2.2.2.2"), "P", List.of("1", "2")),
                        "<tcp dstipaddr='$A' dstportstart='$P[@0]'/>")))
                .containsExactly("--destination 1.1.1.1 --dport 1", "--destination 2.2.2.2 --dport 2");
    }

    @Test
    void lists_ofTwoIterators_combine() {
        assertThat(fromVM(with(
                        Map.of("A", List.of("1.1.1.1", "2.2.2.2"), "P", List.of("1", "2")),
                        "<tcp dstipaddr='$A[@1]' dstportstart='$P[@2]'/>")))
                .containsExactly(
                        "--destination 1.1.1.1 --dport 1",
                        "--destination 2.2.2.2 --dport 1",
                        "--destination 1.1.1.1 --dport 2",
                        "--destination 2.2.2.2 --dport 2");
    }

    @Test
    void lists_ofDifferentLength_cannotWalkTogether() {
        assertRefused(
                Kind.START_REFUSED,
                "different lengths",
                () -> with(Map.of("IP", List.of("1.1.1.1", "2.2.2.2")), "<ip srcmacaddr='$MAC' srcipaddr='$IP'/>"));
    }

    @Test
    void element_isTakenByItsPlace() {
        Map<String, List<String>> parameters = Map.of("P", List.of("1", "2", "3"));

        assertThat(fromVM(with(parameters, "<tcp dstportstart='$P[2]'/>"))).containsExactly("--dport 3");
        assertRefused(
                Kind.START_REFUSED,
                "unavailable list elements: P[3]",
                () -> with(parameters, "<tcp dstportstart='$P[3]'/>"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"$P-X", "$P[@1001]", "$P[", "$P[x]", "$P[@]"})
    void variable_malformed_isRefused(String variable) {
        assertRefused(
                Kind.DEFINE_REFUSED,
                "illegal value",
                () -> with(Map.of("P", List.of("1")), "<tcp dstportstart='" + variable + "'/>"));
    }

    @Test
    void value_isNotTypeChecked() {
        Simulation simulation = with(Map.of("P", List.of("1:65535")), "<tcp dstportstart='$P'/>");

        assertThat(outcome(simulation, tcpOut(31337))).isEqualTo(DROPPED);
        assertRefused(
                Kind.START_REFUSED,
                "not a number",
                () -> with(Map.of("P", List.of("70000")), "<tcp dstportstart='$P'/>"));
        assertRefused(
                Kind.NOT_MODELLED, "'http'", () -> with(Map.of("P", List.of("http")), "<tcp dstportstart='$P'/>"));
        assertRefused(
                Kind.NOT_MODELLED, "host name", () -> with(Map.of("A", List.of("db.lan")), "<tcp dstipaddr='$A'/>"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"10.0.0.0/8", "a-b", "", "1 2"})
    void value_invalid_isSkipped_andThenMissing(String value) {
        assertRefused(
                Kind.START_REFUSED,
                "unresolvable variables",
                () -> with(Map.of("A", List.of(value)), "<ip dstipaddr='$A'/>"));
        assertRefused(
                Kind.START_REFUSED,
                "unresolvable variables",
                () -> tree(
                        filter("f", "<filterref filter='g'><parameter name='A' value='" + value + "'/></filterref>"),
                        filter("g", rule("drop", "out", 1, "<ip dstipaddr='$A'/>"))));
    }

    @Test
    void mac_isOfTheNic_unlessGiven() {
        String match = "<mac srcmacaddr='$MAC'/>";

        assertThat(with(Map.of(), match).commands()).singleElement().asString().contains("-s " + VM_MAC);
        assertThat(with(Map.of("MAC", List.of("02:00:00:00:00:02")), match).commands())
                .singleElement()
                .asString()
                .contains("-s 02:00:00:00:00:02");
    }

    @Test
    void ip_isOfTheNic_unlessGiven() {
        String match = "<ip srcipaddr='$IP'/>";

        assertThat(with(Map.of(), match).commands()).singleElement().asString().contains("--ip-source " + VM_IP);
        assertThat(with(Map.of("IP", List.of("10.0.0.1", "10.0.0.2")), match).commands())
                .hasSize(2);
    }

    @ParameterizedTest
    @CsvSource({
        "none, START_REFUSED, unresolvable",
        "NONE, START_REFUSED, unresolvable",
        "any, NOT_MODELLED, mode 'any'",
        "dhcp, NOT_MODELLED, mode 'dhcp'",
        "bogus, START_REFUSED, invalid"
    })
    void ipUnknown_dependsOnTheLearningMode(String mode, Kind kind, String part) {
        NwfilterSimulator simulator = NwfilterSimulator.builder()
                .filter(filter("f", rule("drop", "out", 1, "<ip srcipaddr='$IP'/>")))
                .build();

        assertRefused(
                kind, part, () -> simulator.attach("f", Nic.of(VM_MAC), Map.of("CTRL_IP_LEARNING", List.of(mode))));
    }

    @Test
    void ipUnknown_learningIsTheDefault() {
        NwfilterSimulator simulator = NwfilterSimulator.builder()
                .filter(filter("f", rule("drop", "out", 1, "<ip srcipaddr='$IP' dstipaddr='$X'/>")))
                .filter(filter("g", rule("drop", "out", 1, "<ip srcipaddr='$IP'/>")))
                .build();

        assertRefused(Kind.NOT_MODELLED, "mode 'any'", () -> simulator.attach("g", Nic.of(VM_MAC)));
        assertRefused(Kind.START_REFUSED, "IP, X", () -> simulator.attach("f", Nic.of(VM_MAC)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "<tcp dstportstart='65536'/>",
                "<tcp dstportstart='-1'/>",
                "<tcp dstportstart='http'/>",
                "<mac protocolid='0x5ff'/>",
                "<mac protocolid='0x10000'/>",
                "<vlan vlanid='4096'/>",
                "<tcp dscp='64'/>",
                "<icmp type='256'/>",
                "<ip srcipaddr='1.2.3.4' srcipmask='33'/>",
                "<ip srcipaddr='1.2.3.4' srcipmask='255.0.255.0'/>",
                "<ip srcipaddr='1.2.3.4/8'/>",
                "<ip srcipaddr='example.com'/>",
                "<ip srcipaddr='::1'/>",
                "<ipv6 srcipaddr='1.2.3.4'/>",
                "<mac srcmacaddr='52:54:00:00:00'/>",
                "<mac srcmacaddr='52:54:00:00:00:01' srcmacmask='ff:00:ff:00:00:00'/>",
                "<all ipset='x/y' ipsetflags='dst'/>",
                "<all ipset='s' ipsetflags='dst,src,dst,src,dst,src,dst'/>",
                "<all ipset='s' ipsetflags='both'/>",
                "<tcp connlimit-above='0x10'/>",
                "<tcp connlimit-above='65536'/>",
                "<tcp flags='SYN'/>",
                "<tcp flags='SYN/ECN'/>",
                "<arp opcode='Shout'/>",
                "<ip protocol='gre'/>"
            })
    void limits_areKept(String match) {
        assertRefused(Kind.DEFINE_REFUSED, "illegal value", () -> attach(rule("drop", "out", 1, match)));
    }

    @ParameterizedTest
    @CsvSource({
        "<tcp dstportstart='0x1bb'/>, --dport 443",
        "<tcp dstportstart='1bb'/>, --dport 443",
        "<tcp dstportstart=' 443'/>, --dport 443",
        "<tcp dstportstart='65535'/>, --dport 65535",
        "<mac protocolid='0x600'/>, -p 0x600",
        "<mac protocolid='IPv6'/>, -p 0x86dd",
        "<ip srcipaddr='1.2.3.4' srcipmask='255.255.0.0'/>, --ip-source 1.2.3.4/16",
        "<mac srcmacaddr='1:2:3:A:B:C'/>, -s 01:02:03:0a:0b:0c",
        "<arp opcode='reply_reverse'/>, --arp-opcode 4",
        "<ip protocol='SCTP'/>, --ip-protocol 132",
        "<tcp flags='syn ack/ALL'/>, '--tcp-flags SYN,ACK ALL'"
    })
    void forms_areRead(String match, String rendered) {
        assertThat(attach(rule("drop", "out", 1, match)).commands()).anyMatch(c -> c.contains(rendered + " "));
    }

    @ParameterizedTest
    @CsvSource({"<ah-ipv6/>, <ah-ipv6>", "<stp root-cost='1'/>, root-cost", "<tcp option='5'/>, option"})
    void notModelled_isRefusedByName(String match, String part) {
        assertRefused(Kind.NOT_MODELLED, part, () -> attach(rule("drop", "out", 1, match)));
    }

    @ParameterizedTest
    @CsvSource({
        "<domain name='f'/>, <domain>",
        "<filter/>, no name",
        "<filter name=''/>, no name",
        "<filter name='f'><uuid>x</uuid></filter>, malformed uuid",
        "<filter name='f'><rule direction='in'/></filter>, action is missing",
        "<filter name='f'><rule action='DROP' direction='in'/></filter>, libvirt does not know",
        "<filter name='f'><rule action='drop'/></filter>, direction is missing",
        "<filter name='f'><filterref/></filter>, no attribute filter",
        "<filter name='f'>, not readable",
        "'<!DOCTYPE filter [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><filter name=\"f\">&x;</filter>', not readable"
    })
    void document_impossible_isRefused(String xml, String part) {
        assertRefused(
                Kind.DEFINE_REFUSED, part, () -> NwfilterSimulator.builder().filter(xml));
    }

    @Test
    void filter_twice_isRefused() {
        assertRefused(
                Kind.DEFINE_REFUSED,
                "already exists",
                () -> NwfilterSimulator.builder().filter(filter("f")).filter(filter("f")));
    }

    @Test
    void stpInout_withASource_cannotBeWritten() {
        assertRefused(
                Kind.START_REFUSED,
                "STP filtering",
                () -> attach(rule("drop", "inout", 1, "<stp srcmacaddr='1:2:3:4:5:6'/>")));
    }
}
