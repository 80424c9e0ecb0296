package dev.agentvm.libvirt.internal.capture;

import static dev.agentvm.libvirt.internal.capture.Wire.ACK;
import static dev.agentvm.libvirt.internal.capture.Wire.FIN;
import static dev.agentvm.libvirt.internal.capture.Wire.GATEWAY_MAC;
import static dev.agentvm.libvirt.internal.capture.Wire.RST;
import static dev.agentvm.libvirt.internal.capture.Wire.SYN;
import static dev.agentvm.libvirt.internal.capture.Wire.VM_MAC;
import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class ExchangesTest {
    private static final String VM = "192.168.101.10";
    private static final String GATEWAY = "192.168.101.1";
    private static final String WWW = "140.82.112.3";
    private static final int MORE_FRAGMENTS = 0x2000;

    private final Exchanges exchanges = new Exchanges();
    private Duration now = Duration.ofDays(1);

    private Optional<Flow> fromVM(int protocol, String to, byte[] payload) {
        return sent(Wire.ethernet(VM_MAC, Flow.ETHERTYPE_IPV4, Wire.ip(VM, to, protocol, payload)));
    }

    private Optional<Flow> toVM(int protocol, String from, byte[] payload) {
        return received(Wire.ethernet(GATEWAY_MAC, Flow.ETHERTYPE_IPV4, Wire.ip(from, VM, protocol, payload)));
    }

    private Optional<Flow> sent(byte[] frame) {
        return exchanges.begunBy(
                Headers.of(ByteBuffer.wrap(frame), Optional.empty()).orElseThrow(), true, now.toNanos());
    }

    private Optional<Flow> received(byte[] frame) {
        return exchanges.begunBy(
                Headers.of(ByteBuffer.wrap(frame), Optional.empty()).orElseThrow(), false, now.toNanos());
    }

    private static Flow.Builder flow() {
        return new Flow.Builder()
                .direction(Flow.Direction.FROM_VM)
                .sourceMac(MacAddress.of(VM_MAC))
                .source(IPv4Address.of(VM))
                .destination(IPv4Address.of(WWW));
    }

    @Test
    void tcp_connection_isOneAttempt() {
        assertThat(fromVM(Flow.TCP, WWW, Wire.tcp(4000, 443, 7, SYN)))
                .contains(flow().ipProtocol(Flow.TCP)
                        .sourcePort(4000)
                        .destinationPort(443)
                        .build());
        assertThat(fromVM(Flow.TCP, WWW, Wire.tcp(4000, 443, 7, SYN)))
                .as("again")
                .isEmpty();
        assertThat(toVM(Flow.TCP, WWW, Wire.tcp(443, 4000, 9, SYN | ACK))).isEmpty();
        assertThat(fromVM(Flow.TCP, WWW, Wire.tcp(4000, 443, 8, FIN | ACK))).isEmpty();
        now = now.plusDays(2);
        assertThat(toVM(Flow.TCP, WWW, Wire.tcp(443, 4000, 10, RST))).isEmpty();
    }

    @Test
    void tcp_samePortsAgain_isAnotherAttempt() {
        assertThat(fromVM(Flow.TCP, WWW, Wire.tcp(4000, 443, 7, SYN))).isPresent();
        assertThat(fromVM(Flow.TCP, WWW, Wire.tcp(4000, 443, 90_000, SYN))).isPresent();
    }

    @Test
    void tcp_withoutAConnection_isAnAttempt() {
        assertThat(fromVM(Flow.TCP, WWW, Wire.tcp(4000, 443, 7, FIN))).isPresent();
        assertThat(fromVM(Flow.TCP, WWW, Wire.tcp(4000, 444, 7, 0))).isPresent();
    }

    @Test
    void tcp_towardsTheVM_isAnAttemptOfTheOther() {
        Flow flow = toVM(Flow.TCP, WWW, Wire.tcp(443, 22, 7, SYN)).orElseThrow();

        assertThat(flow.direction()).isEqualTo(Flow.Direction.TO_VM);
        assertThat(flow.destinationPort()).hasValue(22);
        assertThat(flow.source()).contains(IPv4Address.of(WWW));
        assertThat(fromVM(Flow.TCP, WWW, Wire.tcp(22, 443, 1, RST | ACK))).isEmpty();
    }

    @Test
    void udp_answersAndRepeats_belong_untilAMinuteIsSilent() {
        assertThat(fromVM(Flow.UDP, GATEWAY, Wire.udp(5000, 53))).isPresent();
        now = now.plusSeconds(59);
        assertThat(toVM(Flow.UDP, GATEWAY, Wire.udp(53, 5000))).isEmpty();
        now = now.plusSeconds(59);
        assertThat(fromVM(Flow.UDP, GATEWAY, Wire.udp(5000, 53))).isEmpty();
        now = now.plusSeconds(60);
        assertThat(fromVM(Flow.UDP, GATEWAY, Wire.udp(5000, 53))).isPresent();
    }

    @Test
    void dhcp_answer_belongsToTheQuestionWhateverItsAddresses() {
        byte[] question = Wire.ip("0.0.0.0", "255.255.255.255", Flow.UDP, Wire.udp(68, 67));
        assertThat(sent(Wire.ethernet(VM_MAC, Flow.ETHERTYPE_IPV4, question))).isPresent();
        assertThat(toVM(Flow.UDP, GATEWAY, Wire.udp(67, 68))).isEmpty();
    }

    @Test
    void ping_andItsAnswer_areOneAttempt() {
        assertThat(fromVM(Flow.ICMP, WWW, Wire.icmp(8, 77, new byte[0])))
                .contains(flow().ipProtocol(Flow.ICMP).icmpType(8).build());
        assertThat(toVM(Flow.ICMP, WWW, Wire.icmp(0, 77, new byte[0]))).isEmpty();
        assertThat(fromVM(Flow.ICMP, WWW, Wire.icmp(8, 78, new byte[0]))).isPresent();
    }

    @Test
    void icmpError_belongsToWhatItIsAbout() {
        byte[] about = Wire.ip(VM, WWW, Flow.TCP, Wire.tcp(4000, 8080, 7, SYN));
        assertThat(toVM(Flow.ICMP, GATEWAY, Wire.icmp(3, 0, about)))
                .as("about nothing that was seen")
                .isPresent();

        assertThat(fromVM(Flow.TCP, WWW, Wire.tcp(4000, 8080, 7, SYN))).isPresent();
        assertThat(toVM(Flow.ICMP, GATEWAY, Wire.icmp(3, 0, about))).isEmpty();
    }

    @Test
    void fragments_belongToTheFirst() {
        byte[] first = Wire.ip(VM, WWW, Flow.UDP, 1, MORE_FRAGMENTS, Wire.udp(4000, 8080));
        byte[] later = Wire.ip(VM, WWW, Flow.UDP, 1, 1, new byte[8]);
        byte[] alone = Wire.ip(VM, WWW, Flow.UDP, 2, 1, new byte[8]);

        assertThat(sent(Wire.ethernet(VM_MAC, Flow.ETHERTYPE_IPV4, first))).isPresent();
        assertThat(sent(Wire.ethernet(VM_MAC, Flow.ETHERTYPE_IPV4, later))).isEmpty();
        assertThat(sent(Wire.ethernet(VM_MAC, Flow.ETHERTYPE_IPV4, alone)))
                .hasValueSatisfying(flow -> assertThat(flow.destinationPort()).hasValue(0));
    }

    @Test
    void otherFrames_areToldOnceUntilAMinuteIsSilent() {
        byte[] frame = Wire.ethernet(VM_MAC, 0x86dd, new byte[40]);

        assertThat(sent(frame))
                .hasValueSatisfying(flow -> assertThat(flow.etherType()).isEqualTo(0x86dd));
        assertThat(sent(frame)).isEmpty();
        assertThat(sent(Wire.ethernet(VM_MAC, 0x88b5, new byte[40]))).isPresent();
        now = now.plusMinutes(1);
        assertThat(sent(frame)).isPresent();
    }

    @Test
    void vlan_isWhatItsTagSays() {
        Headers headers = Headers.of(
                        ByteBuffer.wrap(Wire.ethernet(VM_MAC, Flow.ETHERTYPE_IPV4, new byte[0])), Optional.of(0x8100))
                .orElseThrow();

        assertThat(headers.etherType()).isEqualTo(0x8100);
        assertThat(headers.ip()).isNull();
    }

    @Test
    void arp_tellsWhoseAddressItClaims() {
        byte[] claim = Wire.arp("52:54:00:00:00:07", GATEWAY, WWW);

        assertThat(sent(Wire.ethernet(VM_MAC, Flow.ETHERTYPE_ARP, claim))).hasValueSatisfying(flow -> {
            assertThat(flow.sourceMac()).contains(MacAddress.of("52:54:00:00:00:07"));
            assertThat(flow.source()).contains(IPv4Address.of(GATEWAY));
        });
    }

    @Test
    void capacity_manyExchanges_forgetsTheOldest() {
        for (int port = 1; port <= 60_000; port++) {
            assertThat(fromVM(Flow.UDP, WWW, Wire.udp(port, 8080))).isPresent();
        }
        assertThat(fromVM(Flow.UDP, WWW, Wire.udp(60_000, 8080))).isEmpty();
        assertThat(fromVM(Flow.UDP, WWW, Wire.udp(1, 8080))).isPresent();
    }

    @Property(tries = 100_000)
    void anyBytes_areReadOrRefused(@ForAll @Size(max = 128) byte[] bytes, @ForAll boolean asIp) {
        byte[] frame = asIp && bytes.length > 14 ? asIp(bytes) : bytes;

        Headers.of(ByteBuffer.wrap(frame), Optional.empty()).ifPresent(headers -> {
            assertThat(new Exchanges().begunBy(headers, true, 0)).isPresent();
        });
    }

    private static byte[] asIp(byte[] bytes) {
        byte[] frame = bytes.clone();
        frame[6] = 0x52;
        frame[12] = 0x08;
        frame[13] = 0;
        frame[14] = 0x45;
        return frame;
    }
}
