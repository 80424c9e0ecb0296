package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.testkit.Judgement;
import dev.agentvm.testkit.Nic;
import dev.agentvm.testkit.NwfilterSimulator;
import dev.agentvm.testkit.Packet;
import dev.agentvm.testkit.Packet.Path;
import dev.agentvm.testkit.Simulation;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What passes a rendered filter, clause by clause. */
class FilterInForceTest {
    private static final UUID ID = UUID.fromString("6d4d3c7e-2f3c-4f27-9e6f-0c8ac3c1a111");
    private static final String GATEWAY_MAC = FilterCompilerTest.GATEWAY_MAC.toString();
    private static final String NEIGHBOUR_MAC = "52:54:00:00:00:77";
    private static final String GATEWAY = "192.168.101.1";
    private static final String HOST = "10.1.2.3";
    private static final String OWN = "192.168.101.10";
    private static final NetworkAttachment VM = NetworkAttachment.example().toBuilder()
            .addHostAddress(IPv4Address.of(HOST))
            .build();
    private static final NetworkAttachment BRIDGED = new NetworkAttachment.Builder()
            .mac(VM.mac())
            .address(VM.address())
            .subnet(VM.subnet())
            .addResolver(IPv4Address.of("198.18.0.53"))
            .build();

    private static Simulation filter(NetworkPolicy.Builder policy, DenyAction denied, NetworkAttachment vm) {
        FilterPlan plan =
                FilterCompiler.compile(policy.denied(denied).build(), FilterCompilerTest.attached(vm), denied);
        return NwfilterSimulator.builder()
                .filter(LibvirtXml.write(FilterRenderer.render(plan, ID, ID)))
                .build()
                .attach(FilterRenderer.name(ID), Nic.of(vm.mac().toString()));
    }

    private static Simulation filter(FilterRule rule, DenyAction denied) {
        return filter(new NetworkPolicy.Builder().addRule(rule), denied, VM);
    }

    private static Packet.Builder to(String address) {
        return Packet.fromVM(address.equals(GATEWAY) || address.equals(HOST) ? Path.HOST : Path.ROUTED)
                .from(VM.mac().toString())
                .to(GATEWAY_MAC)
                .ipv4(OWN, address);
    }

    private static Packet.Builder from(String address) {
        return Packet.toVM(address.equals(GATEWAY) || address.equals(HOST) ? Path.HOST : Path.ROUTED)
                .from(GATEWAY_MAC)
                .to(VM.mac().toString())
                .ipv4(address, OWN);
    }

    private static Packet.Builder fromNeighbour() {
        return Packet.toVM(Path.BRIDGED).from(NEIGHBOUR_MAC).to(VM.mac().toString());
    }

    private static boolean passes(Simulation filter, Packet.Builder packet) {
        return filter.judge(packet.build()).accepted();
    }

    private static boolean isAnswered(Simulation filter, Packet.Builder packet) {
        Packet question = packet.build();
        return filter.judge(question).accepted()
                && filter.judge(question.reply()).accepted();
    }

    @ParameterizedTest
    @EnumSource
    void resolver_underEveryDenyAction_isAskedAndAnswers(DenyAction denied) {
        Simulation filter = filter(NetworkPolicy.none().toBuilder().nameResolution(true), denied, VM);

        assertThat(isAnswered(filter, to(GATEWAY).udp(40000, 53))).isTrue();
        assertThat(isAnswered(filter, to(GATEWAY).tcp(40000, 53))).isTrue();
        assertThat(passes(filter, to(GATEWAY).udp(40000, 54))).isFalse();
    }

    @ParameterizedTest
    @EnumSource
    void resolver_whereNobodyShouldBe_isAskedAndAnswers(DenyAction denied) {
        Simulation filter = filter(NetworkPolicy.none().toBuilder().nameResolution(true), denied, BRIDGED);

        assertThat(isAnswered(filter, to("198.18.0.53").udp(40000, 53))).isTrue();
        assertThat(isAnswered(filter, to("198.18.0.53").tcp(40000, 53))).isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void gateway_askingByArpOrLeasingAnAddress_isHeard(DenyAction denied) {
        Simulation filter = filter(NetworkPolicy.none().toBuilder(), denied, VM);

        assertThat(passes(filter, from(GATEWAY).arpRequest(GATEWAY, OWN))).isTrue();
        assertThat(passes(filter, from(GATEWAY).udp(67, 68))).isTrue();
        assertThat(passes(filter, from(HOST).udp(67, 68))).isFalse();
    }

    @ParameterizedTest
    @EnumSource
    void gatewayThatResolves_isHeardFromItsServicePortsAndThoseBetween(DenyAction denied) {
        Simulation filter = filter(NetworkPolicy.agentDefault().toBuilder(), denied, VM);
        Simulation closed = filter(NetworkPolicy.none().toBuilder(), denied, VM);

        for (int port : new int[] {53, 54, 66, 67}) {
            assertThat(passes(filter, from(GATEWAY).udp(port, 40000))).isTrue();
            assertThat(passes(closed, from(GATEWAY).udp(port, 40000))).isFalse();
            assertThat(passes(filter, from(HOST).udp(port, 40000))).isFalse();
            assertThat(passes(filter, from("9.9.9.9").udp(port, 40000))).isFalse();
        }
        for (int port : new int[] {52, 68}) {
            assertThat(passes(filter, from(GATEWAY).udp(port, 40000))).isFalse();
        }
    }

    @Test
    void neighbour_thatPassesForTheGateway_isNotHeard() {
        Simulation filter = filter(NetworkPolicy.agentDefault().toBuilder(), DenyAction.REJECT, VM);

        assertThat(passes(filter, fromNeighbour().arpReply(GATEWAY, OWN))).isFalse();
        assertThat(passes(filter, fromNeighbour().ipv4(GATEWAY, OWN).udp(67, 68)))
                .isFalse();
        assertThat(passes(filter, fromNeighbour().ipv4(GATEWAY, OWN).udp(53, 40000)))
                .isFalse();
    }

    @Test
    void callersBridge_letsNeighboursAskByArpAndLeaseAnAddress() {
        Simulation filter = filter(NetworkPolicy.none().toBuilder(), DenyAction.REJECT, BRIDGED);

        assertThat(passes(filter, fromNeighbour().arpRequest("192.168.101.7", OWN)))
                .isTrue();
        assertThat(passes(filter, fromNeighbour().ipv4("192.168.101.7", OWN).udp(67, 68)))
                .isTrue();
        assertThat(passes(filter, fromNeighbour().ipv4("192.168.101.7", OWN).tcp(40000, 22)))
                .isFalse();
    }

    @Test
    void icmp_withoutAnyOpening_comesFromTheGatewayAlone() {
        Simulation filter = filter(NetworkPolicy.none().toBuilder(), DenyAction.DROP, VM);

        assertThat(passes(filter, from(GATEWAY).ping())).isTrue();
        assertThat(passes(filter, from("8.8.8.8").icmp(3, 1))).isFalse();
    }

    @Test
    void icmp_withAnOpeningToOnePrivateAddress_comesFromThereAndTheGateway() {
        Simulation filter = filter(FilterRule.allow().ping().to("10.9.9.9").because("is it there?"), DenyAction.DROP);

        assertThat(isAnswered(filter, to("10.9.9.9").ping())).isTrue();
        assertThat(passes(filter, from(GATEWAY).ping())).isTrue();
        assertThat(passes(filter, from("10.9.9.8").icmp(0, 0))).isFalse();
        assertThat(passes(filter, from("8.8.8.8").icmp(3, 1))).isFalse();
    }

    @Test
    void icmp_withAnOpeningToOnePublicAddress_comesFromTheRoutersOnTheWayToo() {
        Simulation filter = filter(FilterRule.allow().tcp(443).to("8.8.8.8").because("the web"), DenyAction.DROP);

        assertThat(passes(filter, from("185.1.1.1").icmp(3, 4))).isTrue();
    }

    @Test
    void icmp_underReject_comesFromOutside() {
        Simulation filter = filter(NetworkPolicy.none().toBuilder(), DenyAction.REJECT, VM);

        assertThat(passes(filter, from("185.1.1.1").icmp(3, 4))).isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void hostsAddress_openedByName_isReachedAndAnswers(DenyAction denied) {
        assertThat(isAnswered(
                        filter(FilterRule.allow().udp(123).to(HOST).because("time"), denied), to(HOST).udp(40000, 123)))
                .isTrue();
        assertThat(isAnswered(
                        filter(FilterRule.allow().tcp(3128).to(HOST).because("a cache"), denied),
                        to(HOST).tcp(40000, 3128)))
                .isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void gatewaysAddress_thatIsNotListedAmongTheHosts_isOneOfThem(DenyAction denied) {
        NetworkPolicy.Builder policy = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow().tcp(3128).to(GATEWAY).because("a cache"));
        Simulation filter = filter(policy, denied, VM.withHostAddresses());

        assertThat(isAnswered(filter, to(GATEWAY).tcp(40000, 3128))).isTrue();
        assertThat(passes(filter, to(GATEWAY).tcp(40000, 80))).isFalse();
    }

    @ParameterizedTest
    @EnumSource
    void privateBlock_openedForUdp_answersButTheHostInItDoesNot(DenyAction denied) {
        Simulation filter = filter(FilterRule.allow().udp(5000).to("10.0.0.0/8").because("voice"), denied);

        assertThat(isAnswered(filter, to("10.9.9.9").udp(40000, 5000))).isTrue();
        assertThat(passes(filter, to(HOST).udp(40000, 5000))).isFalse();
        assertThat(passes(filter, from(HOST).udp(5000, 40000))).isFalse();
        assertThat(passes(filter, from("8.8.8.8").udp(5000, 40000))).isFalse();
    }

    @ParameterizedTest
    @EnumSource
    void publicBlock_openedForUdp_answersAndNobodyElse(DenyAction denied) {
        Simulation filter = filter(FilterRule.allow().udp(123).to("8.8.4.0/24").because("time"), denied);

        assertThat(isAnswered(filter, to("8.8.4.4").udp(40000, 123))).isTrue();
        assertThat(passes(filter, from("8.8.8.8").udp(123, 40000))).isFalse();
        assertThat(passes(filter, from("10.9.9.9").udp(123, 40000))).isFalse();
    }

    @ParameterizedTest
    @EnumSource
    void rangeWhereNobodyIs_openedByName_isReached(DenyAction denied) {
        Cidr documentation = Cidr.of("198.51.100.0/24");

        assertThat(isAnswered(
                        filter(FilterRule.allow().udp(123).to(documentation).because("a lab"), denied),
                        to("198.51.100.7").udp(40000, 123)))
                .isTrue();
        assertThat(isAnswered(
                        filter(FilterRule.allow().ping().to(documentation).because("a lab"), denied),
                        to("198.51.100.7").ping()))
                .isTrue();
        assertThat(passes(
                        filter(FilterRule.allow().tcp(80).because("the web"), denied),
                        to("198.51.100.7").tcp(40000, 80)))
                .isFalse();
    }

    @ParameterizedTest
    @EnumSource
    void openPortsOfTheInternet_areReachedAndAnswer(DenyAction denied) {
        Simulation filter = filter(NetworkPolicy.agentDefault().toBuilder(), denied, VM);

        for (int port : new int[] {22, 80, 443, 9418}) {
            assertThat(isAnswered(filter, to("8.8.8.8").tcp(40000, port))).isTrue();
        }
        assertThat(isAnswered(filter, to("8.8.8.8").ping())).isTrue();
        assertThat(isAnswered(filter, to(GATEWAY).tcp(40000, 53))).isTrue();
        assertThat(isAnswered(filter, to(GATEWAY).udp(40000, 53))).isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void closedPortsOfTheInternet_areRefusedUnderRejectAndVanishUnderDrop(DenyAction denied) {
        Simulation filter = filter(NetworkPolicy.agentDefault().toBuilder(), denied, VM);
        Judgement mail = filter.judge(to("8.8.8.8").tcp(40000, 25).build());
        Judgement nobody = filter.judge(to("198.51.100.7").tcp(40000, 443).build());

        assertThat(mail.accepted()).isFalse();
        assertThat(mail.answered()).isEqualTo(denied == DenyAction.REJECT);
        assertThat(nobody.accepted()).isFalse();
        assertThat(nobody.answered()).isFalse();
    }

    @ParameterizedTest
    @EnumSource
    void icmpThatIsNoPing_isRefusedUnderRejectAndPassesUnderDrop(DenyAction denied) {
        Simulation filter = filter(NetworkPolicy.agentDefault().toBuilder(), denied, VM);
        Judgement timestamp = filter.judge(to("8.8.8.8").icmp(13, 0).build());

        assertThat(timestamp.accepted()).isEqualTo(denied == DenyAction.DROP);
        assertThat(timestamp.answered()).isEqualTo(denied == DenyAction.REJECT);
    }

    @ParameterizedTest
    @EnumSource
    void udpOpenedToTheInternet_isAnsweredAndNotHeardFromClosedAddresses(DenyAction denied) {
        Simulation filter = filter(FilterRule.allow().udp(123).because("time"), denied);

        assertThat(isAnswered(filter, to("8.8.8.8").udp(40000, 123))).isTrue();
        assertThat(passes(filter, from("10.9.9.9").udp(123, 40000))).isFalse();
        assertThat(passes(filter, from(HOST).udp(123, 40000))).isFalse();
    }
}
