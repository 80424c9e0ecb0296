package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.network.Flow.Direction;
import dev.agentvm.network.Verdict.Outcome;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class EvaluationTest {
    private static final NetworkAttachment VM = NetworkAttachment.example().toBuilder()
            .addHostAddress(IPv4Address.of("10.0.5.1"))
            .addHostAddress(IPv4Address.of("185.1.2.3"))
            .build();
    private static final IPv4Address GATEWAY = IPv4Address.of("192.168.101.1");
    private static final IPv4Address OTHER_VM = IPv4Address.of("192.168.101.11");
    private static final IPv4Address ANY = IPv4Address.of("0.0.0.0");
    private static final IPv4Address BROADCAST = IPv4Address.of("255.255.255.255");
    private static final MacAddress OTHER_MAC = MacAddress.of("52:54:00:00:00:99");
    private static final NetworkPolicy DEFAULT = NetworkPolicy.agentDefault();

    private static Verdict judge(NetworkPolicy policy, Flow flow) {
        return policy.evaluate(flow, VM);
    }

    private static NetworkPolicy policy(FilterRule... rules) {
        return new NetworkPolicy.Builder().addRules(List.of(rules)).build();
    }

    private static void assertClosed(Verdict verdict, FloorClause clause) {
        assertThat(verdict.outcome()).isEqualTo(Outcome.DROPPED);
        assertThat(verdict.clause()).contains(clause);
        assertThat(verdict.rule()).isEmpty();
        assertThat(verdict.allowed()).isFalse();
    }

    private static Flow dhcp(IPv4Address from, IPv4Address to) {
        return new Flow.Builder()
                .direction(Direction.FROM_VM)
                .ipProtocol(Flow.UDP)
                .source(from)
                .sourcePort(68)
                .destination(to)
                .destinationPort(67)
                .build();
    }

    private static Flow arp(Direction direction, Optional<IPv4Address> source) {
        return new Flow.Builder()
                .direction(direction)
                .etherType(Flow.ETHERTYPE_ARP)
                .source(source)
                .build();
    }

    private static Flow icmp(String to, int type) {
        return Flow.ping(to).withIcmpType(type);
    }

    @Test
    void evaluate_withoutAttachment_judgesTheExample() {
        assertClosed(DEFAULT.evaluate(Flow.tcp("192.168.101.1", 22)), FloorClause.HOST);
        assertThat(DEFAULT.evaluate(Flow.tcp("185.1.2.3", 443)).allowed()).isTrue();
    }

    // Who the VM says it is.

    @Test
    void evaluate_foreignMac_isDropped() {
        assertClosed(judge(DEFAULT, Flow.tcp("github.com", 443).withSourceMac(OTHER_MAC)), FloorClause.OWN_ADDRESS);
        assertClosed(
                judge(DEFAULT, arp(Direction.FROM_VM, Optional.empty()).withSourceMac(OTHER_MAC)),
                FloorClause.OWN_ADDRESS);
        assertThat(judge(DEFAULT, Flow.tcp("github.com", 443).withSourceMac(VM.mac()))
                        .allowed())
                .isTrue();
    }

    private static NetworkAttachment bridged() {
        return VM.toBuilder().gateway(Optional.empty()).build();
    }

    @ParameterizedTest
    @ValueSource(strings = {"192.168.101.11", "192.168.101.1", "0.0.0.0", "9.9.9.9"})
    void evaluate_foreignAddress_isDropped(String source) {
        Flow flow = Flow.tcp("github.com", 443).withSource(IPv4Address.of(source));
        assertClosed(judge(DEFAULT, flow), FloorClause.OWN_ADDRESS);
        assertThat(judge(DEFAULT, flow.withSource(VM.address())).allowed()).isTrue();
    }

    @Test
    void evaluate_arpFromVM_passesWithItsOwnAddress() {
        for (Optional<IPv4Address> source : List.of(Optional.<IPv4Address>empty(), Optional.of(VM.address()))) {
            Verdict verdict = judge(NetworkPolicy.none(), arp(Direction.FROM_VM, source));
            assertThat(verdict.allowed()).isTrue();
            assertThat(verdict.reason()).contains("ARP");
        }
        assertClosed(judge(DEFAULT, arp(Direction.FROM_VM, Optional.of(GATEWAY))), FloorClause.OWN_ADDRESS);
        assertClosed(judge(DEFAULT, arp(Direction.FROM_VM, Optional.of(OTHER_VM))), FloorClause.OWN_ADDRESS);
    }

    @Test
    void evaluate_arpProbe_passesWhereSomebodyElseCouldHaveTheAddress() {
        Flow probe = arp(Direction.FROM_VM, Optional.of(ANY));

        assertClosed(judge(DEFAULT, probe), FloorClause.OWN_ADDRESS);
        assertThat(DEFAULT.evaluate(probe, bridged()).allowed()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 0x0600, 0x0801, 0x0805, 0x0807, 0x8035, 0x8100, 0x86dd, 0x88cc, 0xffff})
    void evaluate_otherEtherTypes_areDroppedInBothDirections(int etherType) {
        for (Direction direction : Direction.values()) {
            Flow flow =
                    new Flow.Builder().direction(direction).etherType(etherType).build();
            assertClosed(judge(DEFAULT, flow), FloorClause.NOT_IPV4);
            assertClosed(judge(DEFAULT, flow.withSource(GATEWAY)), FloorClause.NOT_IPV4);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 4, 41, 47, 50, 51, 89, 132, 136, 255})
    void evaluate_otherProtocols_areDropped(int protocol) {
        Flow flow = new Flow.Builder()
                .direction(Direction.FROM_VM)
                .ipProtocol(protocol)
                .destination(IPv4Address.of("9.9.9.9"))
                .destinationPort(443)
                .icmpType(8)
                .build();
        for (DenyAction action : DenyAction.values()) {
            assertClosed(judge(DEFAULT.toBuilder().denied(action).build(), flow), FloorClause.PROTOCOL);
        }
        assertClosed(judge(DEFAULT, flow.withDestination(IPv4Address.of("10.0.0.1"))), FloorClause.PRIVATE);
    }

    // DHCP and DNS.

    @Test
    void evaluate_dhcpRequest_passesUnderEveryPolicy() {
        Verdict verdict = judge(NetworkPolicy.none(), dhcp(ANY, BROADCAST));

        assertThat(verdict.allowed()).isTrue();
        assertThat(verdict.reason()).isEqualTo("the VM asks for its address by DHCP");
        assertThat(NetworkPolicy.none()
                        .evaluate(dhcp(ANY, BROADCAST), bridged())
                        .allowed())
                .isTrue();
    }

    @Test
    void evaluate_dhcpRenewal_passesOnlyOnABridgeWhereLeasesEnd() {
        Flow renewal = dhcp(VM.address(), BROADCAST);

        assertClosed(judge(NetworkPolicy.none(), renewal), FloorClause.MULTICAST_RESERVED);
        assertClosed(judge(NetworkPolicy.none(), dhcp(VM.address(), GATEWAY)), FloorClause.HOST);
        assertThat(NetworkPolicy.none().evaluate(renewal, bridged()).allowed()).isTrue();
        assertThat(NetworkPolicy.none()
                        .evaluate(renewal.withSource(Optional.empty()), bridged())
                        .allowed())
                .isTrue();
    }

    @Test
    void evaluate_nearlyDhcp_isDropped() {
        Flow good = dhcp(VM.address(), BROADCAST);
        assertClosed(judge(DEFAULT, good), FloorClause.MULTICAST_RESERVED);
        assertClosed(judge(DEFAULT, dhcp(ANY, GATEWAY)), FloorClause.OWN_ADDRESS);
        assertClosed(judge(DEFAULT, dhcp(OTHER_VM, BROADCAST)), FloorClause.OWN_ADDRESS);
        assertClosed(judge(DEFAULT, dhcp(ANY, OTHER_VM)), FloorClause.OWN_ADDRESS);
        assertClosed(judge(DEFAULT, dhcp(VM.address(), OTHER_VM)), FloorClause.OTHER_VM);
        assertClosed(judge(DEFAULT, dhcp(VM.address(), IPv4Address.of("10.0.5.1"))), FloorClause.HOST);
        assertClosed(judge(DEFAULT, good.withSourcePort(67)), FloorClause.MULTICAST_RESERVED);
        assertClosed(judge(DEFAULT, good.withDestinationPort(68)), FloorClause.MULTICAST_RESERVED);
        assertClosed(judge(DEFAULT, good.withIpProtocol(Flow.TCP)), FloorClause.MULTICAST_RESERVED);
        assertClosed(judge(DEFAULT, good.withSourceMac(OTHER_MAC)), FloorClause.OWN_ADDRESS);
        Flow toName = good.toBuilder()
                .destination(Optional.empty())
                .destinationName("dhcp.example.org")
                .build();
        assertThat(judge(DEFAULT, toName).outcome()).isEqualTo(Outcome.DROPPED);
    }

    @Test
    void evaluate_dns_followsNameResolution() {
        NetworkPolicy without = DEFAULT.toBuilder().nameResolution(false).build();
        for (Flow flow : new Flow[] {Flow.udp("192.168.101.1", 53), Flow.tcp("192.168.101.1", 53)}) {
            assertThat(judge(DEFAULT, flow).reason()).isEqualTo("the VM asks the network's resolver");
            assertClosed(judge(without, flow), FloorClause.HOST);
            assertClosed(judge(DEFAULT, flow.withDestinationPort(54)), FloorClause.HOST);
            assertClosed(judge(DEFAULT, flow.withIpProtocol(132)), FloorClause.HOST);
        }
    }

    @Test
    void evaluate_namedResolvers_areAskedAndNobodyElse() {
        NetworkAttachment bridged =
                VM.withGateway(Optional.empty()).withResolvers(IPv4Address.of("9.9.9.9"), IPv4Address.of("10.1.1.53"));
        assertThat(DEFAULT.evaluate(Flow.udp("9.9.9.9", 53), bridged).allowed()).isTrue();
        assertThat(DEFAULT.evaluate(Flow.udp("10.1.1.53", 53), bridged).allowed())
                .isTrue();
        assertThat(DEFAULT.evaluate(Flow.udp("192.168.101.1", 53), bridged).allowed())
                .isFalse();
        assertThat(DEFAULT.evaluate(Flow.udp("9.9.9.10", 53), bridged).allowed())
                .isFalse();
        assertThat(DEFAULT.evaluate(Flow.tcp("10.1.1.53", 443), bridged).allowed())
                .isFalse();
    }

    // What rules open.

    @Test
    void evaluate_privateOpening_opensThatAddressAndPortAlone() {
        FilterRule rule = FilterRule.allow().tcp(5432).to("10.20.0.7").because("the test database");
        Verdict verdict = judge(policy(rule), Flow.tcp("10.20.0.7", 5432));
        assertThat(verdict.outcome()).isEqualTo(Outcome.ALLOWED);
        assertThat(verdict.rule()).contains(rule);
        assertThat(verdict.reason()).isEqualTo("the test database");
        assertClosed(judge(policy(rule), Flow.tcp("10.20.0.7", 5433)), FloorClause.PRIVATE);
        assertClosed(judge(policy(rule), Flow.udp("10.20.0.7", 5432)), FloorClause.PRIVATE);
        assertClosed(judge(policy(rule), Flow.ping("10.20.0.7")), FloorClause.PRIVATE);
        assertClosed(judge(policy(rule), Flow.tcp("10.20.0.8", 5432)), FloorClause.PRIVATE);
    }

    @Test
    void evaluate_privateBlock_opensNeitherHostNorVMsInsideIt() {
        NetworkPolicy wide = policy(
                FilterRule.allow().tcp(443).to("10.0.0.0/8", "192.168.0.0/16").because("all of the company"));
        assertThat(judge(wide, Flow.tcp("10.0.5.2", 443)).allowed()).isTrue();
        assertThat(judge(wide, Flow.tcp("192.168.1.1", 443)).allowed()).isTrue();
        assertClosed(judge(wide, Flow.tcp("10.0.5.1", 443)), FloorClause.HOST);
        assertClosed(judge(wide, Flow.tcp("192.168.101.1", 443)), FloorClause.HOST);
        assertClosed(judge(wide, Flow.tcp("192.168.101.11", 443)), FloorClause.OTHER_VM);
    }

    @Test
    void evaluate_hostAddress_opensByItsOwnName() {
        NetworkPolicy host = policy(FilterRule.allow()
                .tcp(8080)
                .to("192.168.101.1", "10.0.5.1", "185.1.2.3")
                .because("the harness's proxy"));
        for (String address : new String[] {"192.168.101.1", "10.0.5.1", "185.1.2.3"}) {
            assertThat(judge(host, Flow.tcp(address, 8080)).allowed())
                    .as(address)
                    .isTrue();
            assertClosed(judge(host, Flow.tcp(address, 8081)), FloorClause.HOST);
        }
        NetworkPolicy block =
                policy(FilterRule.allow().tcp(443).to("185.1.2.0/24").because("their network"));
        assertThat(judge(block, Flow.tcp("185.1.2.4", 443)).allowed()).isTrue();
        assertClosed(judge(block, Flow.tcp("185.1.2.3", 443)), FloorClause.HOST);
    }

    @Test
    void evaluate_blockOfTheHost_opensByTheNameOfSingleAddresses() {
        NetworkAttachment vm =
                VM.toBuilder().addHostBlock(Cidr.of("81.2.80.0/24")).build();
        assertClosed(DEFAULT.evaluate(Flow.tcp("81.2.80.7", 443), vm), FloorClause.HOST);
        assertThat(DEFAULT.evaluate(Flow.tcp("81.2.81.7", 443), vm).allowed()).isTrue();
        NetworkPolicy one = policy(FilterRule.allow().tcp(443).to("81.2.80.7").because("the proxy"));
        assertThat(one.evaluate(Flow.tcp("81.2.80.7", 443), vm).allowed()).isTrue();
        assertClosed(one.evaluate(Flow.tcp("81.2.80.8", 443), vm), FloorClause.HOST);
        NetworkPolicy all =
                policy(FilterRule.allow().tcp(443).to("81.2.80.0/24").because("them"));
        assertClosed(all.evaluate(Flow.tcp("81.2.80.7", 443), vm), FloorClause.HOST);
    }

    @Test
    void evaluate_gatewayThatIsNotListedAmongTheHosts_isTheHost() {
        NetworkAttachment bare = VM.withHostAddresses();
        assertClosed(DEFAULT.evaluate(Flow.tcp("192.168.101.1", 443), bare), FloorClause.HOST);
        NetworkPolicy open =
                policy(FilterRule.allow().tcp(443).to("192.168.101.1").because("the proxy"));
        assertThat(open.evaluate(Flow.tcp("192.168.101.1", 443), bare).allowed())
                .isTrue();
    }

    @Test
    void evaluate_otherVM_opensByNoRule() {
        NetworkPolicy named =
                policy(FilterRule.allow().tcp(80).to("192.168.101.11").because("the peer"));
        assertClosed(judge(named, Flow.tcp("192.168.101.11", 80)), FloorClause.OTHER_VM);
        NetworkPolicy everywhere = policy(FilterRule.allow().tcp(80).because("the web"));
        NetworkAttachment publicSubnet = VM.withSubnet(Cidr.of("0.0.0.0/0")).withGateway(Optional.empty());
        assertClosed(everywhere.evaluate(Flow.tcp("9.9.9.9", 80), publicSubnet), FloorClause.OTHER_VM);
    }

    @Test
    void evaluate_publicDestination_opensThatAloneAndNoNames() {
        NetworkPolicy mirror =
                policy(FilterRule.allow().udp(123).to("9.9.9.0/24").because("time"));
        assertThat(judge(mirror, Flow.udp("9.9.9.0", 123)).allowed()).isTrue();
        assertThat(judge(mirror, Flow.udp("9.9.9.255", 123)).allowed()).isTrue();
        assertThat(judge(mirror, Flow.udp("9.9.8.255", 123)).allowed()).isFalse();
        assertThat(judge(mirror, Flow.udp("9.9.10.0", 123)).allowed()).isFalse();
        assertThat(judge(mirror, Flow.udp("time.example.org", 123)).allowed()).isFalse();
    }

    // Refusing and dropping.

    @Test
    void evaluate_deniedTcp_isRefusedOrDropped() {
        NetworkPolicy drop = DEFAULT.toBuilder().denied(DenyAction.DROP).build();
        assertThat(judge(DEFAULT, Flow.tcp("github.com", 8080)).outcome()).isEqualTo(Outcome.REFUSED);
        assertThat(judge(drop, Flow.tcp("github.com", 8080)).outcome()).isEqualTo(Outcome.DROPPED);
        assertThat(judge(drop, Flow.tcp("github.com", 8080)).clause()).isEmpty();
        assertThat(judge(DEFAULT, Flow.udp("github.com", 8080)).outcome()).isEqualTo(Outcome.DROPPED);
        assertThat(judge(NetworkPolicy.none(), Flow.ping("github.com")).outcome())
                .isEqualTo(Outcome.DROPPED);
        assertThat(judge(NetworkPolicy.none(), Flow.ping("github.com")).clause())
                .isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "0, REFUSED", "1, DROPPED", "3, DROPPED", "4, DROPPED", "5, DROPPED", "7, DROPPED", "8, ALLOWED",
        "9, DROPPED", "10, DROPPED", "11, DROPPED", "12, DROPPED", "13, REFUSED", "14, REFUSED", "15, REFUSED",
        "16, REFUSED", "17, REFUSED", "18, REFUSED", "19, DROPPED", "40, DROPPED", "255, DROPPED"
    })
    void evaluate_icmpTypesWherePingIsAllowed_areRefusedUnlessErrors(int type, Outcome outcome) {
        NetworkPolicy named =
                policy(FilterRule.allow().ping().to("9.9.9.9", "10.0.0.7").because("probes"));
        assertThat(judge(DEFAULT, icmp("9.9.9.9", type)).outcome()).isEqualTo(outcome);
        assertThat(judge(DEFAULT, icmp("github.com", type)).outcome()).isEqualTo(outcome);
        assertThat(judge(named, icmp("9.9.9.9", type)).outcome()).isEqualTo(outcome);
        assertThat(judge(named, icmp("10.0.0.7", type)).outcome()).isEqualTo(outcome);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3, 8, 13, 18, 40})
    void evaluate_icmpWherePingIsNotAllowed_isDropped(int type) {
        NetworkPolicy named = policy(
                FilterRule.allow().ping().to("9.9.9.9").because("probes"),
                FilterRule.allow().tcp(80).because("the web"));
        assertThat(judge(named, icmp("9.9.9.8", type)).outcome()).isEqualTo(Outcome.DROPPED);
        assertThat(judge(named, icmp("github.com", type)).outcome()).isEqualTo(Outcome.DROPPED);
        assertClosed(judge(DEFAULT, icmp("10.0.0.7", type)), FloorClause.PRIVATE);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3, 8, 13, 40})
    void evaluate_icmpUnderDrop_passesWherePingDoes(int type) {
        NetworkPolicy drop = DEFAULT.toBuilder().denied(DenyAction.DROP).build();
        assertThat(judge(drop, icmp("9.9.9.9", type)).allowed()).isTrue();
        assertClosed(judge(drop, icmp("10.0.0.7", type)), FloorClause.PRIVATE);
    }

    // Towards the VM.

    private static Flow fromGateway(int protocol, int sourcePort, int port) {
        return new Flow.Builder()
                .direction(Direction.TO_VM)
                .source(GATEWAY)
                .ipProtocol(protocol)
                .sourcePort(sourcePort)
                .destinationPort(port)
                .icmpType(8)
                .build();
    }

    @Test
    void evaluate_dhcpAnswer_passesFromTheGateway() {
        NetworkPolicy none = NetworkPolicy.none();
        Flow answer = fromGateway(Flow.UDP, 67, 68);
        assertThat(judge(none, answer).reason()).isEqualTo("the gateway answers DHCP");
        assertThat(judge(DEFAULT, answer).reason()).isEqualTo("the gateway answers DHCP");
        assertThat(judge(none, answer.withDestination(VM.address())).allowed()).isTrue();
        assertThat(judge(none, answer.withDestination(BROADCAST)).allowed()).isTrue();
        assertThat(judge(none, answer.withDestination(VM.subnet().last())).allowed())
                .isTrue();
        assertClosed(judge(none, answer.withSource(OTHER_VM)), FloorClause.INBOUND);
        assertClosed(judge(none, answer.withSourcePort(68)), FloorClause.INBOUND);
        assertClosed(judge(none, answer.withDestinationPort(67)), FloorClause.INBOUND);
        assertClosed(judge(none, answer.withIpProtocol(Flow.TCP)), FloorClause.INBOUND);
    }

    @Test
    void evaluate_dhcpAnswerOnACallersBridge_passesWhoeverTheServerIs() {
        Flow answer = fromGateway(Flow.UDP, 67, 68);
        for (IPv4Address server : new IPv4Address[] {OTHER_VM, IPv4Address.of("10.9.9.9")}) {
            assertThat(NetworkPolicy.none()
                            .evaluate(answer.withSource(server).withDestination(BROADCAST), bridged())
                            .reason())
                    .isEqualTo("a DHCP server on the bridge answers");
        }
        assertClosed(DEFAULT.evaluate(answer.withSourcePort(68), bridged()), FloorClause.INBOUND);
        assertClosed(DEFAULT.evaluate(answer.withDestinationPort(67), bridged()), FloorClause.INBOUND);
        assertClosed(DEFAULT.evaluate(answer.withIpProtocol(Flow.TCP), bridged()), FloorClause.INBOUND);
    }

    @ParameterizedTest
    @ValueSource(ints = {53, 54, 60, 66, 67})
    void evaluate_udpFromTheGatewaysServicePorts_passesToWhateverItSendsTo(int port) {
        Flow flow = fromGateway(Flow.UDP, port, 40000).withDestination(BROADCAST);
        assertThat(judge(DEFAULT, flow).reason()).contains("from its ports of DNS and DHCP");
        assertThat(judge(DEFAULT, flow.withDestination(VM.subnet().last())).allowed())
                .isTrue();
        assertClosed(judge(NetworkPolicy.none(), flow), FloorClause.INBOUND);
        assertClosed(judge(DEFAULT, flow.withSource(OTHER_VM)), FloorClause.INBOUND);
        assertClosed(judge(DEFAULT, flow.withIpProtocol(Flow.TCP)), FloorClause.INBOUND);
        assertClosed(DEFAULT.evaluate(flow, VM.withResolvers(IPv4Address.of("9.9.9.9"))), FloorClause.INBOUND);
    }

    @ParameterizedTest
    @ValueSource(ints = {52, 68})
    void evaluate_udpFromOtherPortsOfTheGateway_isDropped(int port) {
        assertClosed(judge(DEFAULT, fromGateway(Flow.UDP, port, 40000)), FloorClause.INBOUND);
    }

    @ParameterizedTest
    @ValueSource(ints = {Flow.TCP, Flow.UDP})
    void evaluate_dnsAnswer_passesFromTheResolver(int protocol) {
        Flow answer = fromGateway(protocol, 53, 40000);
        assertThat(judge(DEFAULT, answer).reason()).isEqualTo("the network's resolver answers");
        assertClosed(judge(NetworkPolicy.none(), answer), FloorClause.INBOUND);
        assertClosed(DEFAULT.evaluate(answer, VM.withResolvers(IPv4Address.of("9.9.9.9"))), FloorClause.INBOUND);
        assertClosed(judge(DEFAULT, answer.withIpProtocol(132)), FloorClause.INBOUND);
    }

    @Test
    void evaluate_dnsAnswerByTcp_passesToTheVMItselfAndFromThatPortAlone() {
        Flow answer = fromGateway(Flow.TCP, 53, 40000);
        assertClosed(judge(DEFAULT, answer.withSourcePort(54)), FloorClause.INBOUND);
        assertClosed(judge(DEFAULT, answer.withDestination(BROADCAST)), FloorClause.INBOUND);
        assertClosed(judge(DEFAULT, answer.withDestination(OTHER_VM)), FloorClause.INBOUND);
    }

    @Test
    void evaluate_icmpToVM_passesFromTheGatewayToTheVMItself() {
        Flow ping = fromGateway(Flow.ICMP, 0, 0);
        assertThat(judge(NetworkPolicy.none(), ping).reason()).isEqualTo("the gateway may ping the VM");
        assertThat(judge(DEFAULT, ping.withDestination(VM.address())).allowed()).isTrue();
        assertClosed(judge(DEFAULT, ping.withDestination(BROADCAST)), FloorClause.INBOUND);
        assertClosed(judge(DEFAULT, ping.withDestination(OTHER_VM)), FloorClause.INBOUND);
        assertClosed(judge(DEFAULT, ping.withIpProtocol(132)), FloorClause.INBOUND);
    }

    @Test
    void evaluate_arpToVM_passesFromTheGateway() {
        assertThat(judge(NetworkPolicy.none(), arp(Direction.TO_VM, Optional.of(GATEWAY)))
                        .reason())
                .contains("gateway asks by ARP");
        assertClosed(judge(DEFAULT, arp(Direction.TO_VM, Optional.of(OTHER_VM))), FloorClause.INBOUND);
        assertClosed(judge(DEFAULT, arp(Direction.TO_VM, Optional.empty())), FloorClause.INBOUND);
        assertThat(DEFAULT.evaluate(arp(Direction.TO_VM, Optional.of(OTHER_VM)), bridged())
                        .reason())
                .contains("neighbour asks by ARP");
    }

    @ParameterizedTest
    @EnumSource
    void evaluate_inbound_isDroppedUnderEveryDenyAction(DenyAction action) {
        NetworkPolicy policy = DEFAULT.toBuilder().denied(action).build();
        assertClosed(judge(policy, Flow.tcpToVM("9.9.9.9", 443)), FloorClause.INBOUND);
        assertClosed(judge(policy, Flow.udpToVM("192.168.101.1", 40000)), FloorClause.INBOUND);
    }

    // What a verdict says.

    @Test
    void verdict_byRuleFloorOrNeither_saysSo() {
        assertThat(judge(DEFAULT, Flow.tcp("github.com", 9418)))
                .hasToString("ALLOWED by the rule 'tcp 9418 to the public Internet because the git protocol':"
                        + " the git protocol");
        assertThat(judge(DEFAULT, Flow.tcp("10.0.5.1", 22)))
                .hasToString("DROPPED by the floor (HOST): the VM may not reach its host");
        assertThat(judge(DEFAULT, Flow.tcp("github.com", 25))).hasToString("REFUSED: no rule allows it");
    }
}
