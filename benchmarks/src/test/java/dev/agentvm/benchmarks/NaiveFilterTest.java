package dev.agentvm.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.xml.FilterXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import dev.agentvm.testkit.Judgement;
import dev.agentvm.testkit.Nic;
import dev.agentvm.testkit.NwfilterSimulator;
import dev.agentvm.testkit.Packet;
import dev.agentvm.testkit.Simulation;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the library is compared with must do the same work, or the comparison means nothing. */
class NaiveFilterTest {
    private static final String GATEWAY_MAC = "52:54:c0:a8:65:01";
    private static final String GATEWAY = "192.168.101.1";
    private static final Map<Verdict.Outcome, Judgement.Outcome> SAME = Map.of(
            Verdict.Outcome.ALLOWED, Judgement.Outcome.ACCEPTED,
            Verdict.Outcome.REFUSED, Judgement.Outcome.REJECTED,
            Verdict.Outcome.DROPPED, Judgement.Outcome.DROPPED);

    private final NetworkAttachment vm = NetworkAttachment.example();
    private final String address = vm.address().toString();
    private final Nic nic = Nic.of(vm.mac().toString(), address);
    private final FilterXml filter = NaiveFilter.render("naive", new UUID(1, 1), vm, GATEWAY_MAC);
    private final Simulation simulation =
            NwfilterSimulator.builder().filter(LibvirtXml.write(filter)).build().attach("naive", nic);

    @Test
    void render_hostWithoutPublicAddress_has69RulesOfUniquePriorities() {
        assertThat(filter.rules()).hasSize(69);
        assertThat(filter.rules()).extracting(rule -> rule.priority).doesNotHaveDuplicates();
    }

    @ParameterizedTest
    @CsvSource({
        "140.82.112.3, 22",
        "140.82.112.3, 80",
        "140.82.112.3, 443",
        "140.82.112.3, 9418",
        "140.82.112.3, 8080",
        "192.168.101.1, 53",
        "192.168.101.1, 22",
        "192.168.101.77, 443",
        "10.1.2.3, 443",
        "100.64.5.5, 80",
        "169.254.169.254, 80",
        "172.16.5.5, 443",
        "192.168.55.5, 22",
        "224.0.0.1, 443",
        "198.18.0.1, 80"
    })
    void judge_tcpFromVM_isAsThePolicySays(String destination, int port) {
        assertJudged(from(destination).tcp(40_000, port).build(), Flow.tcp(destination, port));
    }

    @ParameterizedTest
    @CsvSource({"192.168.101.1, 53", "8.8.8.8, 53", "140.82.112.3, 443", "10.1.2.3, 53", "192.168.101.1, 123"})
    void judge_udpFromVM_isAsThePolicySays(String destination, int port) {
        assertJudged(from(destination).udp(40_000, port).build(), Flow.udp(destination, port));
    }

    @ParameterizedTest
    @CsvSource({"140.82.112.3", "10.1.2.3", "192.168.101.1"})
    void judge_pingFromVM_isAsThePolicySays(String destination) {
        assertJudged(from(destination).ping().build(), Flow.ping(destination));
    }

    @Test
    void judge_answers_reachTheVM() {
        Packet question = from("140.82.112.3").tcp(40_000, 443).build();
        assertThat(simulation.judge(question).accepted()).isTrue();

        assertThat(simulation.judge(question.reply()).outcome()).isEqualTo(Judgement.Outcome.ACCEPTED);
    }

    @Test
    void judge_lease_isAskedForAndGiven() {
        Packet request = nic.sends(Packet.Path.HOST)
                .broadcast()
                .ipv4("0.0.0.0", "255.255.255.255")
                .udp(68, 67)
                .build();
        Packet lease = nic.receives(Packet.Path.HOST)
                .from(GATEWAY_MAC)
                .ipv4(GATEWAY, address)
                .udp(67, 68)
                .build();

        assertThat(simulation.judge(request).accepted()).isTrue();
        assertThat(simulation.judge(lease).accepted()).isTrue();
    }

    @Test
    void judge_lies_areDropped() {
        Packet otherMac = nic.sends(Packet.Path.ROUTED)
                .from("52:54:00:00:00:99")
                .to(GATEWAY_MAC)
                .ipv4(address, "140.82.112.3")
                .tcp(40_000, 443)
                .build();
        Packet otherAddress = nic.sends(Packet.Path.ROUTED)
                .to(GATEWAY_MAC)
                .ipv4("192.168.101.99", "140.82.112.3")
                .tcp(40_000, 443)
                .build();

        assertThat(simulation.judge(otherMac).outcome()).isEqualTo(Judgement.Outcome.DROPPED);
        assertThat(simulation.judge(otherAddress).outcome()).isEqualTo(Judgement.Outcome.DROPPED);
    }

    private Packet.Builder from(String destination) {
        return nic.sends(destination.equals(GATEWAY) ? Packet.Path.HOST : Packet.Path.ROUTED)
                .to(GATEWAY_MAC)
                .ipv4(address, destination);
    }

    private void assertJudged(Packet packet, Flow flow) {
        Judgement judgement = simulation.judge(packet);
        Verdict.Outcome expected =
                NetworkPolicy.agentDefault().evaluate(flow, vm).outcome();
        assertThat(judgement.outcome()).as(judgement.explanation()).isEqualTo(SAME.get(expected));
    }
}
