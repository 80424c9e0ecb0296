package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.network.PlanRule.Action;
import dev.agentvm.libvirt.internal.network.PlanRule.Direction;
import dev.agentvm.libvirt.internal.network.PlanRule.Layer;
import dev.agentvm.libvirt.internal.network.PlanRule.Packet;
import dev.agentvm.libvirt.internal.network.PlanRule.Transport;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.FloorClause;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.PortRange;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FilterCompilerTest {
    static final MacAddress GATEWAY_MAC = MacAddress.of("52:54:00:a8:65:01");
    private static final NetworkAttachment VM = NetworkAttachment.example();

    static Attached attached(NetworkAttachment vm) {
        return new Attached(vm, "agentvm0", vm.gateway().map(gateway -> GATEWAY_MAC), false);
    }

    private static FilterPlan compile(NetworkPolicy policy) {
        return FilterCompiler.compile(policy, attached(VM), policy.denied());
    }

    private static NetworkPolicy dropping(NetworkPolicy policy) {
        return policy.toBuilder().denied(DenyAction.DROP).build();
    }

    private static List<Cidr> dropped(FilterPlan plan, Layer layer, Direction direction) {
        return plan.rules(layer).stream()
                .filter(rule -> rule.direction() == direction && rule.action() == Action.DROP)
                .map(PlanRule::match)
                .filter(Packet.class::isInstance)
                .map(match -> direction == Direction.OUT ? ((Packet) match).destination() : ((Packet) match).source())
                .filter(Objects::nonNull)
                .toList();
    }

    @Test
    void compile_defaultPolicy_needsFewRules() {
        FilterPlan refusing = compile(NetworkPolicy.agentDefault());
        FilterPlan dropping = compile(dropping(NetworkPolicy.agentDefault()));

        assertThat(refusing.rules(Layer.ETHERNET)).hasSizeLessThanOrEqualTo(23);
        assertThat(refusing.rules(Layer.IP)).hasSizeLessThanOrEqualTo(14);
        assertThat(dropping.rules(Layer.ETHERNET)).hasSizeLessThanOrEqualTo(28);
        assertThat(dropping.rules(Layer.IP)).isEmpty();
    }

    @Test
    void compile_anyPolicy_endsEachDirectionOfLayer2ByDroppingAll() {
        for (NetworkPolicy policy : List.of(NetworkPolicy.agentDefault(), NetworkPolicy.none())) {
            FilterPlan plan = compile(policy);
            for (Direction direction : Direction.values()) {
                List<PlanRule> rules = plan.rules(Layer.ETHERNET).stream()
                        .filter(rule -> rule.direction() == direction)
                        .toList();
                PlanRule last = rules.get(rules.size() - 1);
                assertThat(last.match()).isEqualTo(new PlanRule.Everything());
                assertThat(last.action()).isEqualTo(Action.DROP);
            }
        }
    }

    @Test
    void compile_anyAcceptedFrame_namesTheVMsOwnAddresses() {
        for (PlanRule rule : compile(NetworkPolicy.agentDefault()).rules(Layer.ETHERNET)) {
            if (rule.direction() == Direction.OUT && rule.action() == Action.ACCEPT) {
                if (rule.match() instanceof Packet packet) {
                    assertThat(packet.sourceMac()).isEqualTo(VM.mac());
                    assertThat(packet.source()).isIn(Cidr.single(VM.address()), Cidr.of("0.0.0.0/32"));
                } else if (rule.match() instanceof PlanRule.Arp arp) {
                    assertThat(arp.source()).isEqualTo(VM.mac());
                    assertThat(arp.sender()).isIn(VM.address(), IPv4Address.of("0.0.0.0"));
                } else {
                    throw new AssertionError(rule);
                }
            }
        }
    }

    @Test
    void compile_drop_closesEveryRangeOfTheFloorAtLayer2() {
        assertThat(dropped(compile(dropping(NetworkPolicy.agentDefault())), Layer.ETHERNET, Direction.OUT))
                .extracting(Cidr::toString)
                .containsExactly(
                        "0.0.0.0/8",
                        "10.0.0.0/8",
                        "100.64.0.0/10",
                        "168.63.129.16/32",
                        "169.254.0.0/16",
                        "172.16.0.0/12",
                        "192.0.0.0/24",
                        "192.0.2.0/24",
                        "192.168.0.0/16",
                        "198.18.0.0/15",
                        "198.51.100.0/24",
                        "203.0.113.0/24",
                        "224.0.0.0/3");
    }

    @Test
    void compile_reject_closesRangesWhereNobodyIsAtLayer3() {
        FilterPlan plan = compile(NetworkPolicy.agentDefault());

        assertThat(dropped(plan, Layer.ETHERNET, Direction.OUT))
                .extracting(Cidr::toString)
                .containsExactly(
                        "10.0.0.0/8",
                        "100.64.0.0/10",
                        "168.63.129.16/32",
                        "169.254.0.0/16",
                        "172.16.0.0/12",
                        "192.168.0.0/16",
                        "224.0.0.0/3");
        assertThat(dropped(plan, Layer.IP, Direction.OUT))
                .extracting(Cidr::toString)
                .containsExactly(
                        "0.0.0.0/8",
                        "192.0.0.0/24",
                        "192.0.2.0/24",
                        "198.18.0.0/15",
                        "198.51.100.0/24",
                        "203.0.113.0/24");
    }

    @Test
    void compile_publicAddressesOfTheHost_areClosedAndMerged() {
        NetworkAttachment vm = VM.toBuilder()
                .addHostAddresses(
                        IPv4Address.of("93.184.216.34"),
                        IPv4Address.of("93.184.216.35"),
                        IPv4Address.of("10.1.2.3"),
                        IPv4Address.of("8.8.8.8"))
                .build();
        FilterPlan plan = FilterCompiler.compile(NetworkPolicy.agentDefault(), attached(vm), DenyAction.DROP);

        assertThat(dropped(plan, Layer.ETHERNET, Direction.OUT))
                .contains(Cidr.of("93.184.216.34/31"), Cidr.of("8.8.8.8/32"))
                .doesNotContain(Cidr.of("10.1.2.3/32"));
    }

    @Test
    void compile_blockOfTheHost_isClosedButForAnAddressThatARuleNames() {
        NetworkAttachment vm =
                VM.toBuilder().addHostBlock(Cidr.of("81.2.80.0/24")).build();
        NetworkPolicy policy = NetworkPolicy.agentDefault().toBuilder()
                .addRule(FilterRule.allow().tcp(8080).to("81.2.80.7").because("the proxy"))
                .build();
        List<PlanRule> rules =
                FilterCompiler.compile(policy, attached(vm), DenyAction.REJECT).rules(Layer.ETHERNET);

        assertThat(first(rules, Action.ACCEPT, "81.2.80.7/32"))
                .isNotNegative()
                .isLessThan(first(rules, Action.DROP, "81.2.80.0/24"));
        assertThat(first(rules, Action.DROP, "81.2.80.0/24")).isNotNegative();
    }

    @Test
    void compile_blockOfTheHostWhereNobodyShouldBe_isClosedWhereNothingUnlinksIt() {
        for (String block : List.of("198.18.0.0/15", "203.0.113.0/24")) {
            NetworkAttachment vm = VM.toBuilder().addHostBlock(Cidr.of(block)).build();

            assertThat(dropped(
                            FilterCompiler.compile(NetworkPolicy.agentDefault(), attached(vm), DenyAction.REJECT),
                            Layer.ETHERNET,
                            Direction.OUT))
                    .contains(Cidr.of(block));
        }
    }

    @Test
    void compile_openedBlock_keepsHostAndOtherVMsClosed() {
        NetworkAttachment vm =
                VM.toBuilder().addHostAddress(IPv4Address.of("10.1.2.3")).build();
        NetworkPolicy policy = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow().tcp(5432).to("10.0.0.0/8").because("databases"))
                .addRule(FilterRule.allow().tcp(80).to("192.168.0.0/16").because("printers"))
                .build();
        List<PlanRule> rules =
                FilterCompiler.compile(policy, attached(vm), DenyAction.DROP).rules(Layer.ETHERNET);

        assertThat(first(rules, Action.DROP, "10.1.2.3/32"))
                .isLessThan(first(rules, Action.ACCEPT, "10.0.0.0/8"))
                .isNotNegative();
        assertThat(first(rules, Action.DROP, "192.168.101.0/24"))
                .isLessThan(first(rules, Action.ACCEPT, "192.168.0.0/16"))
                .isNotNegative();
        assertThat(first(rules, Action.ACCEPT, "10.0.0.0/8")).isLessThan(first(rules, Action.DROP, "10.0.0.0/8"));
    }

    private static int first(List<PlanRule> rules, Action action, String destination) {
        for (int i = 0; i < rules.size(); i++) {
            if (rules.get(i).action() == action
                    && rules.get(i).match() instanceof Packet packet
                    && destination.equals(String.valueOf(packet.destination()))) {
                return i;
            }
        }
        return -1;
    }

    @Test
    void compile_openedAddressOfTheHost_comesBeforeTheHostIsClosed() {
        NetworkPolicy policy = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow().tcp(8080).to("192.168.101.1/32").because("a cache on the host"))
                .addRule(FilterRule.allow().tcp(81).to("192.168.0.0/16").because("printers"))
                .build();
        List<PlanRule> rules = compile(policy).rules(Layer.ETHERNET);
        int opening = rules.stream().map(PlanRule::reason).toList().indexOf("a cache on the host");

        assertThat(opening).isNotNegative().isLessThan(first(rules, Action.DROP, "192.168.101.0/24"));
    }

    @Test
    void compile_openedAddressOfAnotherVM_opensNothing() {
        NetworkPolicy policy = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow().tcp(80).to("192.168.101.77").because("a neighbour"))
                .build();

        assertThat(compile(policy).rules()).extracting(PlanRule::reason).doesNotContain("a neighbour");
    }

    @Test
    void compile_reject_letsTcpInFromOpenPortsAlone() {
        assertThat(compile(NetworkPolicy.agentDefault()).rules(Layer.ETHERNET).stream()
                        .filter(rule -> rule.direction() == Direction.IN && rule.match() instanceof Packet)
                        .map(rule -> (Packet) rule.match())
                        .filter(packet -> packet.transport() == Transport.TCP)
                        .map(Packet::sourcePorts))
                .containsExactlyInAnyOrder(
                        PortRange.of(53), PortRange.of(22), PortRange.of(80), PortRange.of(443), PortRange.of(9418));
    }

    private static List<Packet> udpToVM(NetworkPolicy policy, NetworkAttachment vm) {
        return FilterCompiler.compile(policy, attached(vm), DenyAction.DROP).rules(Layer.ETHERNET).stream()
                .filter(rule -> rule.direction() == Direction.IN && rule.match() instanceof Packet)
                .map(rule -> (Packet) rule.match())
                .filter(packet -> packet.transport() == Transport.UDP)
                .toList();
    }

    @Test
    void compile_gatewayThatResolves_answersByOneRuleForBothItsServices() {
        assertThat(udpToVM(NetworkPolicy.agentDefault(), VM)).singleElement().satisfies(packet -> {
            assertThat(packet.sourceMac()).isEqualTo(GATEWAY_MAC);
            assertThat(packet.source()).isEqualTo(Cidr.of("192.168.101.1/32"));
            assertThat(packet.destination()).isNull();
            assertThat(packet.sourcePorts()).isEqualTo(PortRange.of(53, 67));
            assertThat(packet.destinationPorts()).isNull();
        });
    }

    @Test
    void compile_gatewayThatResolvesNothing_answersDhcpAlone() {
        NetworkAttachment elsewhere = VM.withResolvers(IPv4Address.of("198.18.0.53"));

        assertThat(udpToVM(NetworkPolicy.none(), VM)).singleElement().satisfies(packet -> {
            assertThat(packet.sourcePorts()).isEqualTo(PortRange.of(67));
            assertThat(packet.destinationPorts()).isEqualTo(PortRange.of(68));
        });
        assertThat(udpToVM(NetworkPolicy.agentDefault(), elsewhere))
                .extracting(packet -> packet.source() + " " + packet.sourcePorts() + " " + packet.destination())
                .containsExactly("192.168.101.1/32 67 null", "198.18.0.53/32 53 192.168.101.10/32");
    }

    @Test
    void compile_neighbouringPortsAndBlocks_areMerged() {
        NetworkPolicy policy = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow().tcp(80).because("web"))
                .addRule(FilterRule.allow().tcp(81, 82).because("more web"))
                .addRule(FilterRule.allow()
                        .udp(5000)
                        .to("10.0.0.0/9", "10.128.0.0/9")
                        .because("voice"))
                .denied(DenyAction.DROP)
                .build();
        List<PlanRule> rules = compile(policy).rules(Layer.ETHERNET);

        assertThat(rules).extracting(PlanRule::reason).contains("web; more web");
        assertThat(rules.stream()
                        .filter(rule -> rule.direction() == Direction.OUT)
                        .filter(rule -> rule.reason().equals("voice")))
                .singleElement()
                .satisfies(rule ->
                        assertThat(((Packet) rule.match()).destination()).isEqualTo(Cidr.of("10.0.0.0/8")));
    }

    @Test
    void compile_portsOfTheSameDestinationApart_haveEachItsReason() {
        NetworkPolicy policy = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow().tcp(80).because("web"))
                .addRule(FilterRule.allow().tcp(22).because("shells"))
                .addRule(FilterRule.allow().tcp(PortRange.of(20, 30)).because("old things"))
                .denied(DenyAction.DROP)
                .build();

        assertThat(compile(policy).rules(Layer.ETHERNET).stream()
                        .filter(rule -> rule.direction() == Direction.OUT
                                && rule.match() instanceof Packet packet
                                && packet.transport() == Transport.TCP
                                && packet.destination() == null)
                        .map(PlanRule::reason))
                .containsExactlyInAnyOrder("web", "old things; shells");
    }

    @Test
    void compile_closedRange_saysWhyItIsClosed() {
        NetworkAttachment vm = VM.toBuilder()
                .address(IPv4Address.of("81.2.69.10"))
                .subnet(Cidr.of("81.2.69.0/24"))
                .gateway(IPv4Address.of("81.2.69.1"))
                .hostAddresses(List.of(IPv4Address.of("8.8.8.8")))
                .build();
        List<PlanRule> rules = FilterCompiler.compile(NetworkPolicy.none(), attached(vm), DenyAction.DROP)
                .rules(Layer.ETHERNET);

        assertThat(reasonOf(rules, "10.0.0.0/8")).isEqualTo(FloorClause.PRIVATE.reason());
        assertThat(reasonOf(rules, "81.2.69.0/24")).isEqualTo(FloorClause.OTHER_VM.reason());
        assertThat(reasonOf(rules, "8.8.8.8/32")).startsWith(FloorClause.HOST.reason());
    }

    private static String reasonOf(List<PlanRule> rules, String closed) {
        return rules.get(first(rules, Action.DROP, closed)).reason();
    }

    @Test
    void compile_openingFarFromHostAndSubnet_closesNeitherTwice() {
        NetworkPolicy policy = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow().udp(5432).to("10.20.0.7").because("databases"))
                .build();

        assertThat(compile(policy).rules())
                .extracting(PlanRule::reason)
                .contains("databases")
                .noneMatch(reason -> reason.contains("stay closed within"));
    }

    @Test
    void compile_withoutPings_needsNoRuleForThemAtLayer3() {
        NetworkPolicy policy = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow().tcp(443).because("the web"))
                .build();

        assertThat(compile(policy).rules(Layer.IP))
                .extracting(rule -> ((Packet) rule.match()).transport())
                .doesNotContain(Transport.ICMP);
    }

    @Test
    void compile_none_opensDhcpAlone() {
        FilterPlan plan = compile(dropping(NetworkPolicy.none()));

        assertThat(plan.rules(Layer.ETHERNET).stream()
                        .filter(rule -> rule.direction() == Direction.OUT && rule.action() == Action.ACCEPT)
                        .map(PlanRule::reason))
                .containsExactly("ARP with the VM's own addresses", "the VM asks for its address");
    }

    @Test
    void compile_connectionLimit_refusesBeforeAnythingIsAccepted() {
        NetworkPolicy policy =
                NetworkPolicy.agentDefault().toBuilder().connectionLimit(100).build();

        PlanRule first = compile(policy).rules(Layer.IP).get(0);
        assertThat(first.action()).isEqualTo(Action.REJECT);
        assertThat(((Packet) first.match()).connectionsAbove()).isEqualTo(100);
        assertThat(((Packet) first.match()).state()).isEqualTo(PlanRule.State.NEW);
    }

    @Test
    void compile_loopbackRoutedByTheHost_isClosedByTheFilter() {
        FilterPlan plan = FilterCompiler.compile(
                NetworkPolicy.agentDefault(),
                new Attached(VM, "agentvm0", Optional.of(GATEWAY_MAC), true),
                DenyAction.REJECT);

        assertThat(dropped(plan, Layer.ETHERNET, Direction.OUT)).contains(Cidr.of("127.0.0.0/8"));
    }

    @Test
    void compile_udpToTheInternet_closesUdpFromClosedSources() {
        NetworkPolicy policy = NetworkPolicy.agentDefault().toBuilder()
                .addRule(FilterRule.allow().udp(123).because("time"))
                .build();

        assertThat(dropped(compile(policy), Layer.ETHERNET, Direction.IN))
                .contains(Cidr.of("10.0.0.0/8"), Cidr.of("192.168.0.0/16"), Cidr.of("203.0.113.0/24"));
        assertThat(dropped(compile(NetworkPolicy.agentDefault()), Layer.ETHERNET, Direction.IN))
                .isEmpty();
    }

    @Test
    void compile_pingsToARangeWhereNobodyIs_letNoOtherIcmpPassThere() {
        Cidr documentation = Cidr.of("198.51.100.0/24");
        NetworkPolicy policy = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow().ping().to(documentation).because("a router of the lab"))
                .build();

        assertThat(compile(policy).rules(Layer.IP).stream()
                        .filter(rule -> ((Packet) rule.match()).transport() == Transport.ICMP)
                        .filter(rule -> Objects.equals(documentation, ((Packet) rule.match()).destination()))
                        .map(rule -> rule.action() + " " + ((Packet) rule.match()).icmpType()))
                .containsExactly("ACCEPT 8", "REJECT null");
    }

    @Test
    void compile_callersBridge_closesInboundByState() {
        NetworkAttachment vm = new NetworkAttachment.Builder()
                .mac(VM.mac())
                .address(IPv4Address.of("10.9.0.5"))
                .subnet(Cidr.of("10.9.0.0/24"))
                .addResolver(IPv4Address.of("10.9.0.1"))
                .build();
        FilterPlan plan = FilterCompiler.compile(NetworkPolicy.agentDefault(), attached(vm), DenyAction.DROP);

        assertThat(plan.rules(Layer.ETHERNET))
                .extracting(PlanRule::reason)
                .contains("ARP probes before an address is used", "the VM renews its address");
        PlanRule last = plan.rules(Layer.IP).get(plan.rules(Layer.IP).size() - 1);
        assertThat(last.direction()).isEqualTo(Direction.IN);
        assertThat(last.action()).isEqualTo(Action.DROP);
        assertThat(((Packet) last.match()).state()).isEqualTo(PlanRule.State.NEW_OR_INVALID);
    }
}
