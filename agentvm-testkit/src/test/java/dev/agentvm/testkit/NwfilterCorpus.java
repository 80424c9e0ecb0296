package dev.agentvm.testkit;

import static dev.agentvm.testkit.Filters.NIC;
import static dev.agentvm.testkit.Filters.VM_IP;
import static dev.agentvm.testkit.Filters.VM_MAC;
import static dev.agentvm.testkit.Filters.chain;
import static dev.agentvm.testkit.Filters.filter;
import static dev.agentvm.testkit.Filters.reference;
import static dev.agentvm.testkit.Filters.rule;

import dev.agentvm.testkit.Packet.Path;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Filters and packets to compare the simulator with the kernel by. */
final class NwfilterCorpus {
    static final String INTERNET = "93.184.216.9";
    private static final String OTHER_INTERNET = "198.18.0.8";
    private static final String HOST = "10.1.0.1";
    private static final String PEER = "10.1.0.20";
    private static final String FOREIGN_MAC = "02:00:00:00:00:66";
    private static final String DROP_REST = rule("drop", "inout", 1000, "<all/>");

    private final List<Case> cases = new ArrayList<>();

    private NwfilterCorpus() {}

    /**
     * One comparison.
     *
     * @param filters to be defined; the last is the one that is used
     * @param stock whether it is the name of a filter that libvirt comes with
     */
    record Case(
            String name,
            List<String> filters,
            String main,
            boolean stock,
            Map<String, List<String>> parameters,
            boolean bridgeNetfilter) {
        @Override
        public String toString() {
            return name;
        }
    }

    static List<Case> cases(boolean all, int generated) {
        NwfilterCorpus corpus = new NwfilterCorpus();
        corpus.stock();
        corpus.policies();
        corpus.traps();
        corpus.chapters();
        if (all) {
            corpus.more();
        }
        corpus.generated(generated);
        return corpus.cases;
    }

    private void add(String name, String... rules) {
        add(name, Map.of(), rules);
    }

    private void add(String name, Map<String, List<String>> parameters, String... rules) {
        cases.add(new Case(name, List.of(filter("avm-it", rules)), "avm-it", false, parameters, true));
    }

    private void addTree(String name, String... filters) {
        cases.add(new Case(name, List.of(filters), "avm-it", false, Map.of(), true));
    }

    private void stock() {
        for (String name : StockFiltersTest.names()) {
            Map<String, List<String>> parameters = new java.util.HashMap<>(StockFiltersTest.PARAMETERS);
            if (name.startsWith("allow-dhcpv6")) {
                parameters.put("DHCPSERVER", List.of("fd00::1"));
            }
            parameters.put("IP", List.of(VM_IP));
            cases.add(new Case("stock " + name, List.of(), name, true, parameters, true));
        }
    }

    private void policies() {
        for (String name :
                List.of("policy-default-reject", "policy-default-drop", "policy-none-reject", "policy-none-drop")) {
            try (var stream = NwfilterCorpus.class.getResourceAsStream("policies/" + name + ".xml")) {
                String xml = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
                cases.add(new Case(name, List.of(xml), name, false, Map.of(), true));
                if (name.startsWith("policy-default")) {
                    cases.add(new Case(name + ", bridges unseen", List.of(xml), name, false, Map.of(), false));
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private void traps() {
        add(
                "trap ipset on tcp",
                rule("accept", "out", 1, "<tcp dstportstart='443' ipset='s' ipsetflags='dst'/>"),
                DROP_REST);
        add("trap ipset on udp", rule("drop", "out", 1, "<udp ipset='s' ipsetflags='dst'/>"));
        add("trap ipset on all without flags", rule("accept", "out", 1, "<all ipset='s'/>"), DROP_REST);
        add("trap ipset on all-ipv6 without flags", rule("drop", "out", 1, "<all-ipv6 ipset='s'/>"));
        add(
                "trap negated ipset on all, unknown set",
                rule("drop", "out", 1, "<all match='no' ipset='s' ipsetflags='dst'/>"));
        add("trap ipset on tcp without flags", rule("drop", "out", 1, "<tcp ipset='s'/>"));
        add("trap ipset on icmp without flags", rule("drop", "out", 1, "<icmp ipset='s'/>"));
        add("trap negated port", rule("drop", "out", 1, "<tcp match='no' dstportstart='443'/>"));
        add("trap negated port of udp", rule("accept", "out", 1, "<udp match='no' dstportstart='53'/>"), DROP_REST);
        add("negated ports", rule("drop", "out", 1, "<tcp match='no' srcportstart='40000' dstportstart='443'/>"));
        add("trap port end alone", rule("accept", "out", 1, "<tcp dstportend='80'/>"), DROP_REST);
        add("trap source port end alone", rule("accept", "in", 1, "<udp srcportend='53'/>"), DROP_REST);
        add("trap reversed ports", rule("accept", "out", 1, "<tcp dstportstart='443' dstportend='80'/>"));
        add(
                "trap reversed ports of frames",
                rule("accept", "out", 1, "<ip protocol='tcp' srcportstart='2' srcportend='1'/>"));
        add("trap octal address", rule("drop", "out", 1, "<all dstipaddr='0135.0270.0330.011'/>"));
        add("trap octal address of frames", rule("drop", "out", 1, "<ip dstipaddr='0135.184.216.9'/>"));
        add("trap unknown element drops", rule("drop", "out", 1, "<nosuch/>"));
        add(
                "trap unknown element accepts",
                rule("accept", "inout", 1, "<nosuch/>"),
                rule("drop", "inout", 2, "<mac/>"));
        add(
                "trap second element",
                rule("accept", "out", 1, "<tcp dstportstart='443'/><udp dstportstart='53'/>"),
                DROP_REST);
        add(
                "trap second element of the same name",
                rule("drop", "out", 1, "<tcp match='no' srcportstart='1'/><tcp dstportstart='443'/>"));
        add("trap unknown attribute", rule("accept", "out", 1, "<tcp dstport='443'/>"), DROP_REST);
        add("trap unknown attribute of frames", rule("drop", "out", 1, "<ip destination='10.1.0.1'/>"));
        add("trap frame ports without protocol", rule("drop", "out", 1, "<ip dstportstart='80'/>"));
        add("trap frame ports with icmp", rule("drop", "out", 1, "<ipv6 protocol='icmpv6' dstportstart='80'/>"));
        add("trap long comment", rule("drop", "out", 1, "<tcp comment='" + "x".repeat(300) + "'/>"));
        add("comment of 256", rule("drop", "out", 1, "<udp comment='" + "y".repeat(256) + "'/>"));
        add(
                "trap vlan encapsulation",
                rule("drop", "out", 1, "<vlan encap-protocol='arp'/>"),
                rule("drop", "out", 2, "<vlan encap-protocol='0x320'/>"));
        add(
                "trap arp mask",
                rule("drop", "out", 1, "<arp arpsrcipaddr='10.1.0.0' arpsrcipmask='16' arpdstipaddr='10.1.9.9'/>"));
        add(
                "trap arp mask, the other way",
                rule("drop", "out", 1, "<arp arpsrcipaddr='10.1.0.10' arpdstipaddr='10.1.9.9' arpdstipmask='16'/>"));
        add("trap dscp of frames", rule("drop", "out", 1, "<ip dscp='46'/>"), rule("drop", "out", 2, "<ip dscp='8'/>"));
        add("trap ipv6 range", rule("drop", "out", 1, "<tcp-ipv6 dstipfrom='fd00::1' dstipto='fd00::5'/>"));
        add(
                "trap source MAC against the direction",
                rule("drop", "in", 1, "<all srcmacaddr='" + Wire.PEER_MAC + "'/>"),
                rule("drop", "in", 2, "<tcp srcmacaddr='" + FOREIGN_MAC + "' srcportstart='443'/>"));
        add("trap icmp type inout", rule("accept", "inout", 1, "<icmp type='8'/>"), DROP_REST);
        add(
                "trap rule priority out of range",
                "<rule action='accept' direction='out' priority='-9999'><tcp/></rule>",
                rule("drop", "out", 499, "<tcp dstportstart='443'/>"),
                rule("drop", "out", 501, "<all/>"));
        add("trap stp chain's priority", rule("drop", "out", -500, "<stp/>"));
        add("trap continue for packets", rule("continue", "out", 1, "<tcp/>"));
        add(
                "trap value not checked",
                Map.of("P", List.of("1:500")),
                rule("drop", "out", 1, "<tcp dstportstart='$P'/>"));
        add(
                "trap value refused by the tool",
                Map.of("P", List.of("70000")),
                rule("drop", "out", 1, "<tcp dstportstart='$P'/>"));
    }

    private void chapters() {
        add(
                "port rules alone",
                rule("accept", "out", 1, "<tcp dstportstart='443'/>"),
                rule("drop", "inout", 2, "<tcp/>"));
        add(
                "published elsewhere",
                rule("accept", "out", 1, "<tcp dstportstart='443'/>"),
                rule("accept", "out", 2, "<udp dstportstart='53'/>"),
                rule("accept", "in", 3, "<all state='ESTABLISHED,RELATED'/>"),
                rule("drop", "inout", 1000, "<all/>"));
        add(
                "reject",
                rule("accept", "out", 1, "<tcp dstportstart='443'/>"),
                rule("reject", "out", 2, "<all/>"),
                rule("reject", "out", 3, "<all-ipv6/>"));
        add("reject in", rule("reject", "in", 2, "<all/>"));
        add("reject frames", rule("reject", "out", 2, "<ip protocol='tcp'/>"));
        add("inout with ports", rule("accept", "inout", 1, "<tcp dstportstart='22'/>"), DROP_REST);
        add("inout frames with ports", rule("drop", "inout", 1, "<ip protocol='tcp' dstportstart='22'/>"));
        add(
                "accept in",
                rule("accept", "in", 1, "<tcp dstportstart='22'/>"),
                rule("accept", "in", 2, "<icmp/>"),
                DROP_REST);
        add("state NEW out", rule("drop", "out", 1, "<all state='NEW'/>"));
        add(
                "state RELATED in",
                rule("accept", "in", 1, "<icmp state='RELATED'/>"),
                rule("accept", "out", 2, "<all state='NEW'/>"),
                DROP_REST);
        add(
                "state INVALID both",
                rule("drop", "out", 1, "<all state='INVALID'/>"),
                rule("drop", "in", 2, "<all state='INVALID'/>"));
        add(
                "icmp types",
                rule("accept", "out", 1, "<icmp type='8'/>"),
                rule("accept", "in", 2, "<icmp type='0' code='0'/>"),
                DROP_REST);
        add(
                "icmpv6 of frames",
                rule("drop", "out", 1, "<ipv6 protocol='icmpv6' type='133' typeend='136'/>"),
                rule("drop", "out", 2, "<ipv6 protocol='udp' dstportstart='53'/>"));
        add(
                "ipv6 packets",
                rule("accept", "out", 1, "<tcp-ipv6 dstportstart='443' dstipaddr='2001:db8::' dstipmask='32'/>"),
                rule("reject", "inout", 2, "<all-ipv6/>"));
        add("connection limit", rule("drop", "out", 1, "<tcp state='NEW' connlimit-above='3'/>"));
        add(
                "other protocols",
                rule("drop", "out", 1, "<sctp dstportstart='5'/>"),
                rule("drop", "out", 2, "<esp/>"),
                rule("drop", "out", 3, "<udplite/>"),
                rule("drop", "out", 4, "<igmp/>"),
                rule("drop", "out", 5, "<ah/>"));
        add(
                "tcp flags",
                rule("drop", "out", 1, "<tcp flags='SYN,ACK/SYN' state='NONE'/>"),
                rule("drop", "in", 2, "<tcp match='no' flags='RST/NONE' state='NONE'/>"));
        add("MAC of packets", rule("accept", "out", 1, "<all srcmacaddr='$MAC'/>"), rule("drop", "out", 2, "<all/>"));
        add("vlan", rule("drop", "out", 1, "<vlan vlanid='5'/>"), rule("drop", "in", 2, "<mac protocolid='vlan'/>"));
        add(
                "arp fields",
                rule("accept", "out", 1, "<arp opcode='Request' arpsrcmacaddr='$MAC' arpsrcipaddr='$IP'/>"),
                rule("drop", "out", 2, "<arp gratuitous='true'/>"),
                rule("drop", "out", 3, "<arp match='no' opcode='1'/>"));
        add("stp", rule("drop", "out", 1, "<stp/>"));
        add("return", rule("return", "inout", 1, "<tcp/>"), DROP_REST);
        add(
                "return and continue of frames",
                rule("continue", "out", 1, "<mac/>"),
                rule("return", "out", 2, "<ip protocol='tcp'/>"),
                rule("drop", "out", 3, "<ip/>"));
        add(
                "lists",
                Map.of("P", List.of("22", "443", "22"), "A", List.of(INTERNET, OTHER_INTERNET)),
                rule("accept", "out", 1, "<tcp dstportstart='$P[@1]' dstipaddr='$A[@2]'/>"),
                rule("accept", "out", 2, "<udp dstipaddr='$A[1]'/>"),
                DROP_REST);
        add(
                "lists of unequal length",
                Map.of("P", List.of("443", "22")),
                rule("accept", "out", 1, "<tcp dstportstart='$P' srcipaddr='$IP'/>"));
        add("variable missing", rule("accept", "out", 1, "<tcp dstportstart='$NOSUCH'/>"));
        add(
                "fragments",
                rule("drop", "out", 1, "<udp dstportstart='53' state='NEW'/>"),
                rule("drop", "in", 2, "<ip protocol='udp' srcportstart='53'/>"));
        add(
                "frames dropped on their way out",
                rule("drop", "in", 1, "<ip protocol='udp'/>"),
                rule("drop", "out", 2, "<udp state='NEW'/>"));
        addTree(
                "chains",
                chain(
                        "avm-it-4",
                        "ipv4-x",
                        rule("return", "out", 1, "<ip protocol='tcp'/>"),
                        rule("drop", "out", 2, "<ip protocol='icmp'/>")),
                chain("avm-it-a", "arp-x", rule("drop", "out", 900, "<arp opcode='2'/>")),
                chain("avm-it-m", "mac-x", rule("drop", "inout", -1000, "<mac srcmacaddr='" + FOREIGN_MAC + "'/>")),
                filter("avm-it", reference("avm-it-4"), reference("avm-it-a"), rule("drop", "out", 1000, "<mac/>")));
        addTree(
                "chains and root rules",
                "<filter name='avm-it-6' chain='ipv6' priority='200'>"
                        + rule("drop", "out", 1, "<ipv6 protocol='tcp'/>") + "</filter>",
                chain(
                        "avm-it-m",
                        "mac-x",
                        rule("return", "out", -1000, "<mac/>"),
                        rule("drop", "in", 1, "<mac protocolid='arp'/>")),
                filter(
                        "avm-it",
                        rule("accept", "out", 100, "<ipv6 protocol='udp'/>"),
                        reference("avm-it-6"),
                        reference("avm-it-m"),
                        rule("drop", "out", 300, "<ipv6/>"),
                        rule("drop", "out", -750, "<vlan/>")));
        addTree(
                "one chain of two priorities",
                "<filter name='avm-it-a' chain='ipv4-x' priority='-700'>"
                        + rule("drop", "out", 1, "<ip protocol='udp'/>") + "</filter>",
                "<filter name='avm-it-b' chain='ipv4-x' priority='300'>"
                        + rule("drop", "out", 2, "<ip protocol='icmp'/>") + "</filter>",
                filter(
                        "avm-it",
                        reference("avm-it-a"),
                        reference("avm-it-b"),
                        rule("accept", "out", 100, "<ip protocol='tcp'/>"),
                        rule("accept", "out", 200, "<ip protocol='udp'/>")));
        addTree(
                "parameters of references",
                filter("avm-it-a", rule("accept", "out", 1, "<tcp dstportstart='$P'/>"), DROP_REST),
                filter(
                        "avm-it",
                        "<filterref filter='avm-it-a'><parameter name='P' value='443'/><parameter name='bad-name' value='1'/></filterref>"));
        addTree("reference missing", filter("avm-it", reference("avm-it-nosuch")));
        addTree("reference to itself", filter("avm-it", reference("avm-it")));
        cases.add(new Case(
                "bridges unseen",
                List.of(filter("avm-it", DROP_REST, rule("drop", "out", 1, "<mac protocolid='arp'/>"))),
                "avm-it",
                false,
                Map.of(),
                false));
        cases.add(new Case(
                "bridges unseen, states",
                List.of(filter(
                        "avm-it",
                        rule("drop", "out", 1, "<all state='NEW'/>"),
                        rule("reject", "out", 2, "<all-ipv6/>"))),
                "avm-it",
                false,
                Map.of(),
                false));
    }

    /** What long runs try besides. */
    private void more() {
        // Where nothing tracks connections, bytes of a later fragment are taken for ports: here the packet's number.
        add("fragments by their bytes", rule("drop", "out", 1, "<udp dstportstart='12336'/>"));
        add("inout frames with MAC", rule("drop", "inout", 1, "<mac srcmacaddr='" + Wire.PEER_MAC + "'/>"));
        add("state ESTABLISHED out", rule("accept", "out", 1, "<all state='ESTABLISHED'/>"), DROP_REST);
        add("state NONE", rule("accept", "out", 1, "<tcp state='NONE'/>"), DROP_REST);
        add(
                "state over IPv6",
                rule("drop", "out", 1, "<all-ipv6 state='NEW'/>"),
                rule("drop", "out", 2, "<all-ipv6 state='INVALID'/>"));
        add(
                "no state match",
                "<rule action='accept' direction='out' statematch='false' priority='1'><tcp state='NEW'/></rule>",
                DROP_REST);
        add("icmp type negated", rule("drop", "out", 1, "<icmp match='no' type='8'/>"));
        add("icmpv6 types", rule("accept", "out", 1, "<icmpv6 type='135'/>"), rule("drop", "inout", 2, "<all-ipv6/>"));
        add(
                "ipv6 addresses of frames",
                rule("drop", "out", 1, "<ipv6 match='no' srcipaddr='fd00::10'/>"),
                rule("drop", "in", 2, "<ipv6 dstipaddr='fd00::' dstipmask='64'/>"));
        // What is dropped counts for some milliseconds, so nothing is dropped for lack of connections.
        add(
                "connection limit accepts",
                rule("accept", "out", 1, "<udp connlimit-above='2'/>"),
                rule("drop", "out", 2, "<tcp/>"));
        add("connection limit in", rule("drop", "in", 1, "<tcp state='NEW' connlimit-above='1'/>"));
        add(
                "protocols of frames",
                rule("drop", "out", 1, "<ip protocol='47'/>"),
                rule("drop", "out", 2, "<ip protocol='sctp' dstportstart='5'/>"),
                rule("drop", "out", 3, "<ip match='no' protocol='tcp'/>"));
        add("dscp of packets", rule("drop", "out", 1, "<udp dscp='46'/>"));
        add(
                "ranges",
                rule("drop", "out", 1, "<tcp dstipfrom='93.184.216.5' dstipto='93.184.216.9'/>"),
                rule("drop", "out", 2, "<udp match='no' srcipfrom='10.1.0.10' srcipto='10.1.0.10'/>"));
        add(
                "masks",
                rule("drop", "out", 1, "<all dstipaddr='93.184.0.0' dstipmask='255.255.0.0'/>"),
                rule("drop", "out", 2, "<mac dstmacaddr='01:00:00:00:00:00' dstmacmask='80:00:00:00:00:00'/>"),
                rule("drop", "in", 3, "<ip match='no' dstipaddr='10.1.0.8' dstipmask='29'/>"));
        add("vlan negated", rule("drop", "out", 1, "<vlan match='no' vlanid='5'/>"));
        add(
                "arp gratuitous",
                rule("drop", "out", 1, "<arp gratuitous='true'/>"),
                rule("drop", "out", 2, "<arp match='no' arpsrcmacaddr='$MAC'/>"),
                rule("drop", "in", 3, "<arp hwtype='1' protocoltype='0x800' arpdstipaddr='10.1.0.10'/>"));
        add("rarp", rule("drop", "out", 1, "<rarp opcode='3'/>"));
        add(
                "ethertypes",
                rule("drop", "out", 1, "<mac match='no' protocolid='ipv4'/>"),
                rule("drop", "in", 2, "<mac protocolid='0x88cc'/>"));
        add(
                "lists in lock step",
                Map.of("P", List.of("443", "22"), "A", List.of(INTERNET, OTHER_INTERNET)),
                rule("accept", "out", 1, "<tcp dstportstart='$P' dstipaddr='$A'/>"),
                DROP_REST);
    }

    private void generated(int count) {
        Random random = new Random(20260101);
        List<String> actions = List.of("accept", "accept", "drop", "drop", "reject", "return");
        List<String> directions = List.of("out", "out", "in", "inout");
        List<String> matches = List.of(
                "<tcp dstportstart='443'/>",
                "<tcp dstportstart='22' state='NEW'/>",
                "<tcp srcportstart='22'/>",
                "<udp dstportstart='53'/>",
                "<udp match='no' dstipaddr='10.1.0.1'/>",
                "<all/>",
                "<all dstipaddr='10.1.0.0' dstipmask='24'/>",
                "<all state='ESTABLISHED,RELATED'/>",
                "<icmp/>",
                "<icmp type='8'/>",
                "<all-ipv6/>",
                "<udp-ipv6 dstportstart='53'/>",
                "<mac protocolid='arp'/>",
                "<mac srcmacaddr='$MAC'/>",
                "<mac match='no' srcmacaddr='$MAC'/>",
                "<ip srcipaddr='$IP'/>",
                "<ip protocol='udp' dstportstart='53' dstportend='60'/>",
                "<ip dstipaddr='10.0.0.0' dstipmask='8'/>",
                "<arp arpsrcipaddr='$IP'/>",
                "<ipv6/>",
                "<vlan/>",
                "");
        for (int i = 0; i < count; i++) {
            List<String> rules = new ArrayList<>();
            for (int priority = 100; priority < 700 && (rules.size() < 2 || random.nextInt(4) > 0); priority += 100) {
                rules.add(rule(pick(actions, random), pick(directions, random), priority, pick(matches, random)));
            }
            add("generated " + i + " " + rules, rules.toArray(String[]::new));
        }
    }

    private static String pick(List<String> from, Random random) {
        return from.get(random.nextInt(from.size()));
    }

    /** What every filter is tried with, in this order: a list of fragments is one datagram. */
    static List<List<Packet>> packets() {
        List<List<Packet>> packets = new ArrayList<>();
        fromVM(packets);
        toVM(packets);
        conversations(packets);
        return packets;
    }

    private static void add(List<List<Packet>> packets, Packet.Builder... builders) {
        for (Packet.Builder builder : builders) {
            packets.add(List.of(builder.build()));
        }
    }

    private static Packet.Builder host() {
        return NIC.sends(Path.HOST).to(Wire.HOST_MAC).ipv4(VM_IP, HOST);
    }

    private static Packet.Builder routed() {
        return NIC.sends(Path.ROUTED).to(Wire.HOST_MAC).ipv4(VM_IP, INTERNET);
    }

    private static Packet.Builder bridged() {
        return NIC.sends(Path.BRIDGED).to(Wire.PEER_MAC).ipv4(VM_IP, PEER);
    }

    private static Packet.Builder bridgedFrame() {
        return NIC.sends(Path.BRIDGED).broadcast();
    }

    private static void fromVM(List<List<Packet>> packets) {
        add(
                packets,
                host().tcp(41001, 22),
                host().tcp(41002, 443),
                host().udp(41003, 53),
                host().udp(68, 67),
                host().icmp(8, 0, 1, 1),
                host().broadcast().ipv4("0.0.0.0", "255.255.255.255").udp(68, 67),
                host().ipv4("10.1.0.11", HOST).tcp(41004, 22),
                host().icmp(13, 0, 2, 1),
                host().tcp(41005, 22, "ACK"),
                host().ipv6("fd00::10", "fd00::1").tcp(41006, 22),
                host().ipv6("fd00::10", "fd00::1").icmp(128, 0, 3, 1));
        for (int port : new int[] {22, 80, 443, 9418, 25}) {
            add(packets, routed().tcp(42000 + port % 1000, port));
        }
        add(
                packets,
                routed().tcp(42901, 443, "ACK"),
                routed().tcp(42902, 443, "RST"),
                routed().tcp(42903, 443, "SYN,ACK"),
                routed().tcp(42904, 443, "FIN,ACK"),
                routed().tcp(42905, 443, "FIN,SYN"),
                routed().tcp(42906, 443, "PSH,ACK"),
                routed().tcp(40000, 8080),
                routed().tcp(443, 42907),
                routed().tcp(22, 42908),
                routed().ipv4(VM_IP, OTHER_INTERNET).tcp(42909, 443),
                routed().ipv4(VM_IP, OTHER_INTERNET).tcp(42910, 22),
                routed().ipv4(VM_IP, OTHER_INTERNET).udp(42911, 53),
                routed().udp(43001, 53),
                routed().udp(43002, 123),
                routed().udp(53, 43003),
                routed().icmp(8, 0, 11, 1),
                routed().icmp(13, 0, 12, 1),
                routed().icmp(0, 0, 13, 1),
                routed().icmp(9, 0, 14, 1),
                routed().sctp(44001, 5),
                routed().sctp(44002, 6),
                routed().udpLite(44003, 53),
                routed().protocol(50),
                routed().protocol(51),
                routed().protocol(2),
                routed().protocol(47),
                routed().protocol(89),
                routed().udp(43004, 53).trafficClass(46 << 2),
                routed().udp(43005, 53).trafficClass(46),
                routed().tcp(43006, 443).trafficClass(8),
                routed().tcp(43007, 443).trafficClass(8 << 2),
                routed().from(FOREIGN_MAC).tcp(43008, 443),
                routed().ipv4("10.1.0.11", INTERNET).tcp(43009, 443),
                routed().ipv4("10.1.0.11", INTERNET).udp(43010, 53),
                routed().ipv6("fd00::10", "2001:db8::9").tcp(43011, 443),
                routed().ipv6("fd00::10", "2001:db8::9").udp(43012, 53),
                routed().ipv6("fd00::11", "2001:db8::9").tcp(43013, 443),
                routed().ipv6("fd00::10", "2001:db8::9").icmp(128, 0, 15, 1));
        add(
                packets,
                bridged().tcp(45001, 22),
                bridged().tcp(45002, 443),
                bridged().udp(45003, 53),
                bridged().icmp(8, 0, 21, 1),
                bridged().tcp(22, 45004),
                bridged().tcp(45005, 443, "ACK"),
                bridged().from(FOREIGN_MAC).udp(45006, 53),
                bridged().ipv4("10.1.0.11", PEER).udp(45007, 53),
                bridged().to("01:00:5e:01:01:01").ipv4(VM_IP, "239.1.1.1").udp(45008, 9),
                bridged().ipv6("fd00::10", "fd00::20").tcp(45009, 443),
                bridged().ipv6("fd00::10", "fd00::20").udp(45010, 53),
                bridged().ipv6("fd00::10", "fd00::20").icmp(128, 0, 22, 1),
                bridged()
                        .to("33:33:ff:00:00:20")
                        .ipv6("fe80::1", "ff02::1:ff00:20")
                        .icmp(135, 0)
                        .hopLimit(255),
                bridged()
                        .to("33:33:00:00:00:02")
                        .ipv6("fe80::1", "ff02::2")
                        .icmp(133, 0)
                        .hopLimit(255),
                bridged().to("33:33:00:01:00:02").ipv6("fe80::1", "ff02::1:2").udp(546, 547),
                bridged().ipv4(VM_IP, PEER).udp(45011, 53).vlan(5),
                bridged().tcp(45012, 443).vlan(6));
        add(
                packets,
                bridgedFrame().arpRequest(VM_IP, PEER),
                bridgedFrame().arpRequest("10.1.0.11", PEER),
                bridgedFrame().arpRequest("0.0.0.0", VM_IP),
                bridgedFrame().arpRequest(VM_IP, VM_IP),
                bridgedFrame().arpRequest(VM_IP, "10.1.9.9"),
                bridgedFrame().arpRequest(VM_IP, "10.1.200.1"),
                bridgedFrame().arpRequest("10.2.0.10", "10.1.9.9"),
                bridgedFrame().arp(0x0806, 1, FOREIGN_MAC, VM_IP, "00:00:00:00:00:00", PEER),
                bridgedFrame().to(Wire.PEER_MAC).arpReply(VM_IP, PEER),
                bridgedFrame().to(Wire.PEER_MAC).arpReply("10.1.0.1", PEER),
                bridgedFrame().from(FOREIGN_MAC).arpRequest(VM_IP, PEER),
                bridgedFrame().arp(0x0806, 6, 0x0800, 1, VM_MAC, VM_IP, "00:00:00:00:00:00", PEER),
                bridgedFrame().arp(0x0806, 1, 0x0801, 1, VM_MAC, VM_IP, "00:00:00:00:00:00", PEER),
                bridgedFrame().arp(0x0806, 8, VM_MAC, VM_IP, "00:00:00:00:00:00", PEER),
                bridgedFrame().arp(0x8035, 3, VM_MAC, "0.0.0.0", VM_MAC, "0.0.0.0"),
                bridgedFrame().arp(0x8035, 3, VM_MAC, VM_IP, VM_MAC, "0.0.0.0"),
                bridgedFrame().etherType(0x0835),
                bridgedFrame().etherType(0x88cc),
                bridgedFrame().etherType(0x88cc).vlan(5),
                bridgedFrame().arpRequest(VM_IP, PEER).vlan(7),
                bridgedFrame().etherType(0x2054).vlan(7),
                bridgedFrame().etherType(0x800).vlan(7),
                bridgedFrame().etherType(0x0032).to("01:80:c2:00:00:00"),
                NIC.sends(Path.HOST).to(Wire.HOST_MAC).arpRequest(VM_IP, HOST),
                NIC.sends(Path.HOST).to(Wire.HOST_MAC).arpReply("10.1.0.11", HOST));
        packets.add(routed().udp(46001, 53).payload(new byte[160]).build().fragments(64));
        packets.add(
                routed().tcp(46002, 443, "ACK").payload(new byte[160]).build().fragments(64));
        packets.add(bridged().udp(46003, 53).payload(new byte[160]).build().fragments(64));
        packets.add(host().udp(46004, 53).payload(new byte[160]).build().fragments(64));
    }

    private static void toVM(List<List<Packet>> packets) {
        Packet.Builder fromHost = NIC.receives(Path.HOST).from(Wire.HOST_MAC).ipv4(HOST, VM_IP);
        add(
                packets,
                fromHost.tcp(51001, 22),
                fromHost.udp(67, 68),
                fromHost.udp(53, 51002),
                fromHost.icmp(8, 0, 31, 1),
                fromHost.tcp(443, 51003, "ACK"),
                fromHost.arpRequest(HOST, VM_IP),
                fromHost.arpReply(HOST, VM_IP),
                fromHost.etherType(0x88cc),
                fromHost.ipv6("fd00::1", "fd00::10").udp(51004, 53));
        Packet.Builder routed = NIC.receives(Path.ROUTED).from(Wire.HOST_MAC).ipv4(INTERNET, VM_IP);
        add(
                packets,
                routed.tcp(52001, 22),
                routed.tcp(52002, 443),
                routed.tcp(443, 52003, "ACK"),
                routed.udp(53, 52004),
                routed.udp(52005, 53),
                routed.icmp(8, 0, 32, 1),
                routed.icmp(0, 0, 33, 1),
                routed.tcp(443, 52006, "SYN,ACK"),
                routed.ipv4(INTERNET, "10.1.0.11").tcp(52007, 22),
                routed.ipv6("2001:db8::9", "fd00::10").tcp(52008, 22),
                routed.ipv6("2001:db8::9", "fd00::10").icmp(128, 0, 34, 1));
        Packet.Builder bridged = NIC.receives(Path.BRIDGED).from(Wire.PEER_MAC).ipv4(PEER, VM_IP);
        add(
                packets,
                bridged.tcp(53001, 22),
                bridged.tcp(53002, 443),
                bridged.tcp(443, 53003, "ACK"),
                bridged.udp(53, 53004),
                bridged.udp(53005, 53),
                bridged.icmp(8, 0, 35, 1),
                bridged.icmp(0, 0, 36, 1),
                bridged.tcp(443, 53006, "RST,ACK"),
                bridged.tcp(53007, 22),
                bridged.tcp(53008, 22),
                bridged.protocol(47),
                bridged.tcp(22, 53009),
                bridged.ipv4("10.1.0.1", VM_IP).udp(67, 68),
                bridged.ipv4(PEER, "10.1.0.11").udp(53010, 53),
                bridged.ipv6("fd00::20", "fd00::10").tcp(53011, 22),
                bridged.ipv6("fd00::20", "fd00::10").udp(53012, 53),
                bridged.ipv6("fd00::20", "fd00::10").icmp(128, 0, 37, 1),
                bridged.ipv4(PEER, VM_IP).udp(53013, 53).vlan(5),
                NIC.receives(Path.BRIDGED).from(Wire.PEER_MAC).arpRequest(PEER, VM_IP),
                NIC.receives(Path.BRIDGED).from(Wire.PEER_MAC).arpReply("10.1.0.1", VM_IP),
                NIC.receives(Path.BRIDGED).from(Wire.PEER_MAC).etherType(0x88cc),
                NIC.receives(Path.BRIDGED).from(FOREIGN_MAC).ipv4(PEER, VM_IP).udp(53014, 53),
                NIC.receives(Path.BRIDGED)
                        .from(Wire.PEER_MAC)
                        .broadcast()
                        .arp(0x8035, 3, VM_MAC, "0.0.0.0", VM_MAC, "0.0.0.0"));
    }

    private static void conversations(List<List<Packet>> packets) {
        talk(packets, routed().tcp(60001, 443).build(), 5);
        talk(packets, bridged().tcp(60002, 443).build(), 5);
        talk(packets, bridged().tcp(60003, 22).build(), 4);
        talk(
                packets,
                NIC.receives(Path.HOST)
                        .from(Wire.HOST_MAC)
                        .ipv4(HOST, VM_IP)
                        .tcp(60004, 22)
                        .build(),
                5);
        talk(
                packets,
                NIC.receives(Path.BRIDGED)
                        .from(Wire.PEER_MAC)
                        .ipv4(PEER, VM_IP)
                        .tcp(60005, 22)
                        .build(),
                5);
        talk(
                packets,
                NIC.receives(Path.ROUTED)
                        .from(Wire.HOST_MAC)
                        .ipv4(INTERNET, VM_IP)
                        .tcp(60006, 22)
                        .build(),
                4);
        talk(packets, routed().udp(60007, 53).build(), 3);
        talk(packets, bridged().udp(60008, 53).build(), 3);
        talk(packets, host().udp(60009, 53).build(), 3);
        talk(
                packets,
                NIC.receives(Path.BRIDGED)
                        .from(Wire.PEER_MAC)
                        .ipv4(PEER, VM_IP)
                        .udp(60010, 53)
                        .build(),
                3);
        talk(packets, routed().icmp(8, 0, 61, 1).build(), 3);
        talk(packets, bridged().icmp(8, 0, 62, 1).build(), 2);
        talk(packets, bridged().ipv6("fd00::10", "fd00::20").udp(60011, 53).build(), 3);

        Packet query = routed().udp(61001, 53).build();
        packets.add(List.of(query));
        packets.add(List.of(query.error(INTERNET, 3, 3)));
        packets.add(List.of(bridged().udp(61002, 53).build().error(PEER, 3, 3)));
        Packet question = NIC.receives(Path.BRIDGED)
                .from(Wire.PEER_MAC)
                .ipv4(PEER, VM_IP)
                .udp(61003, 53)
                .build();
        packets.add(List.of(question));
        packets.add(List.of(question.error(VM_IP, 3, 3)));

        Packet syn = bridged().tcp(62001, 443).build();
        packets.add(List.of(syn));
        packets.add(List.of(NIC.receives(Path.BRIDGED)
                .from(Wire.PEER_MAC)
                .ipv4(PEER, VM_IP)
                .tcp(443, 62001, "RST,ACK")
                .tcpNumbers(0, 2)
                .build()));
        packets.add(List.of(syn));
        add(
                packets,
                bridged().tcp(62002, 443, "ACK"),
                bridged().tcp(62003, 443),
                bridged().tcp(62003, 443, "ACK"));
    }

    private static void talk(List<List<Packet>> packets, Packet first, int length) {
        Packet packet = first;
        for (int i = 0; i < length; i++) {
            packets.add(List.of(packet));
            packet = packet.reply();
        }
    }
}
