package dev.agentvm.libvirt.internal.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.event.ConnectionClosed.Answer;
import dev.agentvm.libvirt.internal.capture.Exchanges.Part;
import dev.agentvm.libvirt.internal.capture.Exchanges.Sighting;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.testkit.Packet;
import dev.agentvm.testkit.Packet.Path;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class ExchangesTest {
    private static final String VM_MAC = "52:54:c0:a8:65:0a";
    private static final String OTHER_MAC = "52:54:00:00:00:07";
    private static final String VM = "192.168.101.10";
    private static final String GATEWAY = "192.168.101.1";
    private static final String WWW = "140.82.112.3";

    private final List<Exchange> over = new ArrayList<>();
    private final Exchanges exchanges = new Exchanges(MacAddress.of(VM_MAC), over::add);
    private Duration now = Duration.ofDays(1);

    private static Packet.Builder fromVM() {
        return Packet.fromVM(Path.ROUTED).from(VM_MAC);
    }

    private static Packet.Builder to(String destination) {
        return fromVM().ipv4(VM, destination);
    }

    private static Packet.Builder from(String source) {
        return Packet.toVM(Path.ROUTED).ipv4(source, VM);
    }

    /** What the packet begins when it is seen. */
    private Optional<Flow> seen(Packet packet) {
        Sighting sighting = sighted(packet);
        return sighting.part() == Part.BEGIN ? Optional.of(sighting.exchange().flow()) : Optional.empty();
    }

    private Sighting sighted(Packet packet) {
        return exchanges.see(
                headers(packet.toFrame(), Optional.empty()).orElseThrow(),
                packet.direction() == Packet.Direction.FROM_VM,
                now.toNanos());
    }

    private static Optional<Headers> headers(byte[] frame, Optional<Integer> vlanProtocol) {
        return Headers.of(ByteBuffer.wrap(frame), vlanProtocol);
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
        Packet begin = to(WWW).tcp(4000, 443).tcpNumbers(7, 0).build();

        assertThat(seen(begin))
                .contains(flow().ipProtocol(Flow.TCP)
                        .sourcePort(4000)
                        .destinationPort(443)
                        .build());
        assertThat(seen(begin)).as("again").isEmpty();
        assertThat(seen(begin.reply())).isEmpty();
        assertThat(seen(to(WWW).tcp(4000, 443, "FIN,ACK").tcpNumbers(8, 10).build()))
                .isEmpty();
        now = now.plusDays(2);
        assertThat(seen(from(WWW).tcp(443, 4000, "RST").tcpNumbers(10, 0).build()))
                .isEmpty();
    }

    @Test
    void tcp_samePortsAgain_isAnotherAttempt() {
        assertThat(seen(to(WWW).tcp(4000, 443).tcpNumbers(7, 0).build())).isPresent();
        assertThat(seen(to(WWW).tcp(4000, 443).tcpNumbers(90_000, 0).build())).isPresent();
    }

    @Test
    void tcp_withoutAConnection_isAnAttempt() {
        assertThat(seen(to(WWW).tcp(4000, 443, "FIN").build())).isPresent();
        assertThat(seen(to(WWW).tcp(4000, 444, "").build())).isPresent();
    }

    @Test
    void tcp_towardsTheVM_isAnAttemptOfTheOther() {
        Packet begin = from(WWW).tcp(443, 22).build();

        Flow flow = seen(begin).orElseThrow();

        assertThat(flow.direction()).isEqualTo(Flow.Direction.TO_VM);
        assertThat(flow.destinationPort()).hasValue(22);
        assertThat(flow.source()).contains(IPv4Address.of(WWW));
        assertThat(seen(to(WWW).tcp(22, 443, "RST,ACK").build())).isEmpty();
    }

    @Test
    void udp_answersAndRepeats_belong_untilAMinuteIsSilent() {
        Packet question = to(GATEWAY).udp(5000, 53).build();

        assertThat(seen(question)).isPresent();
        now = now.plusSeconds(59);
        assertThat(seen(question.reply())).isEmpty();
        now = now.plusSeconds(59);
        assertThat(seen(question)).isEmpty();
        now = now.plusSeconds(60);
        assertThat(seen(question)).isPresent();
    }

    @Test
    void dhcp_answer_belongsToTheQuestionWhateverItsAddresses() {
        assertThat(seen(fromVM().ipv4("0.0.0.0", "255.255.255.255").udp(68, 67).build()))
                .isPresent();
        assertThat(seen(from(GATEWAY).udp(67, 68).build())).isEmpty();
    }

    /** Layer 2 does not look so deep, so it passes; it is told as what it is, a false address. */
    @Test
    void dhcp_inTheNameOfAnother_isAnAttemptOfItsOwnByThatOne() {
        assertThat(seen(dhcp(VM_MAC)))
                .hasValueSatisfying(flow -> assertThat(flow.sourceMac()).contains(MacAddress.of(VM_MAC)));

        assertThat(seen(dhcp(OTHER_MAC)))
                .hasValueSatisfying(flow -> assertThat(flow.sourceMac()).contains(MacAddress.of(OTHER_MAC)));
        assertThat(seen(dhcp(OTHER_MAC))).as("again").isEmpty();
        assertThat(seen(dhcp(VM_MAC))).isEmpty();
        assertThat(seen(from(GATEWAY).udp(67, 68).build())).isEmpty();
    }

    /** A message of which only the client's address counts here. */
    private static Packet dhcp(String client) {
        byte[] message = new byte[240];
        byte[] mac = HexFormat.ofDelimiter(":").parseHex(client);
        System.arraycopy(mac, 0, message, 28, mac.length);
        return fromVM().ipv4("0.0.0.0", "255.255.255.255")
                .udp(68, 67)
                .payload(message)
                .build();
    }

    @Test
    void dhcp_answerOfTheVM_isNoPartOfItsQuestion() {
        assertThat(seen(fromVM().ipv4("0.0.0.0", "255.255.255.255").udp(68, 67).build()))
                .isPresent();
        assertThat(seen(to("255.255.255.255").udp(67, 68).build())).isPresent();
    }

    @Test
    void ping_andItsAnswer_areOneAttempt() {
        Packet ping = to(WWW).icmp(8, 0, 77, 1).build();

        assertThat(seen(ping)).contains(flow().ipProtocol(Flow.ICMP).icmpType(8).build());
        assertThat(seen(ping.reply())).isEmpty();
        assertThat(seen(to(WWW).icmp(8, 0, 78, 1).build())).isPresent();
    }

    @Test
    void icmpError_belongsToWhatItIsAbout() {
        Packet begin = to(WWW).tcp(4000, 8080).build();

        assertThat(seen(begin)).isPresent();
        assertThat(seen(begin.error(GATEWAY, 3, 3))).isEmpty();
    }

    @Test
    void icmpError_aboutNothingThatWasSeen_isOneAttempt() {
        Packet begin = to(WWW).tcp(4000, 8080).build();
        Packet error = begin.error(GATEWAY, 3, 3);

        assertThat(seen(error)).isPresent();
        assertThat(seen(error)).as("again").isEmpty();
        assertThat(seen(begin)).as("hidden by it").isPresent();
        assertThat(seen(error)).isEmpty();
    }

    @Test
    void icmpError_sentToAnotherThanItIsAbout_isAnAttempt() {
        Packet begin = to(WWW).tcp(4000, 443).build();
        assertThat(seen(begin)).isPresent();
        Packet answer = from(WWW).tcp(443, 4000, "SYN,ACK").build();
        assertThat(seen(answer)).isEmpty();

        assertThat(seen(complaint(answer, WWW))).as("to whom it is about").isEmpty();
        assertThat(seen(complaint(answer, "140.82.112.99"))).isPresent();
    }

    /** An ICMP error of the VM about that packet, to whomever. */
    private static Packet complaint(Packet about, String destination) {
        byte[] frame = about.toFrame();
        return to(destination)
                .icmp(3, 3)
                .payload(Arrays.copyOfRange(frame, 14, 14 + 28))
                .build();
    }

    @Test
    void icmpError_fragmentationNeeded_isNoError() {
        Packet begin = to(WWW).tcp(4000, 443).build();
        sighted(begin);

        assertThat(sighted(begin.error(GATEWAY, 3, 4)).part()).isEqualTo(Part.REMARK);
        assertThat(sighted(begin.error(GATEWAY, 4, 0)).part()).isEqualTo(Part.REMARK);
        assertThat(sighted(begin.error(GATEWAY, 5, 1)).part()).isEqualTo(Part.REMARK);
        assertThat(sighted(begin.error(GATEWAY, 3, 1)).part()).isEqualTo(Part.ERROR);
    }

    @Test
    void fragments_belongToTheFirst() {
        List<Packet> cut = to(WWW).udp(4000, 8080)
                .payload(new byte[16])
                .identification(1)
                .build()
                .fragments(8);
        List<Packet> other = to(WWW).udp(4000, 8081)
                .payload(new byte[16])
                .identification(2)
                .build()
                .fragments(8);

        assertThat(seen(cut.get(0))).isPresent();
        assertThat(seen(cut.get(1))).isEmpty();
        assertThat(seen(other.get(1)))
                .as("without its first part")
                .hasValueSatisfying(flow -> assertThat(flow.destinationPort()).hasValue(0));
    }

    @Test
    void fragments_tooShortForFlags_areOneAttemptAtTheirPort() {
        List<Packet> cut =
                to(WWW).tcp(4000, 8080, "ACK").identification(1).build().fragments(8);

        assertThat(seen(cut.get(0)))
                .hasValueSatisfying(flow -> assertThat(flow.destinationPort()).hasValue(8080));
        assertThat(seen(cut.get(1))).isEmpty();
        assertThat(seen(cut.get(2))).isEmpty();
    }

    @Test
    void fragments_rewrittenByTheHost_belongToTheFirst() {
        List<Packet> cut = to(WWW).icmp(8, 0, 77, 1)
                .payload(new byte[16])
                .identification(1)
                .build()
                .fragments(8);
        List<Packet> rewritten = Packet.fromVM(Path.ROUTED)
                .from(OTHER_MAC)
                .ipv4("81.2.69.10", WWW)
                .icmp(8, 0, 77, 1)
                .payload(new byte[16])
                .identification(1)
                .build()
                .fragments(8);

        assertThat(seen(rewritten.get(1))).as("before the first").isPresent();
        assertThat(seen(cut.get(0))).isPresent();
        assertThat(seen(rewritten.get(2))).isEmpty();
        assertThat(seen(rewritten.get(0))).as("a first one is never rewritten").isPresent();
    }

    @Test
    void otherFrames_areToldOnceUntilAMinuteIsSilent() {
        Packet frame = fromVM().etherType(0x86dd).build();

        assertThat(seen(frame))
                .hasValueSatisfying(flow -> assertThat(flow.etherType()).isEqualTo(0x86dd));
        assertThat(seen(frame)).isEmpty();
        assertThat(seen(fromVM().etherType(0x88b5).build())).isPresent();
        now = now.plusMinutes(1);
        assertThat(seen(frame)).isPresent();
    }

    @Test
    void vlan_isWhatItsTagSays() {
        Headers headers = headers(to(WWW).tcp(4000, 443).build().toFrame(), Optional.of(0x8100))
                .orElseThrow();

        assertThat(headers.etherType()).isEqualTo(0x8100);
        assertThat(headers.ip()).isNull();
    }

    @Test
    void arp_tellsWhoseAddressItClaims() {
        Packet claim = fromVM().arp(Flow.ETHERTYPE_ARP, 2, OTHER_MAC, GATEWAY, VM_MAC, WWW)
                .build();

        assertThat(seen(claim)).hasValueSatisfying(flow -> {
            assertThat(flow.sourceMac()).contains(MacAddress.of(OTHER_MAC));
            assertThat(flow.source()).contains(IPv4Address.of(GATEWAY));
        });
    }

    @Test
    void arp_inAFrameFromAnother_isFromThatOne() {
        Packet question = fromVM().from(OTHER_MAC)
                .arp(Flow.ETHERTYPE_ARP, 1, VM_MAC, VM, VM_MAC, GATEWAY)
                .build();

        assertThat(seen(question))
                .hasValueSatisfying(flow -> assertThat(flow.sourceMac()).contains(MacAddress.of(OTHER_MAC)));
    }

    @Test
    void falseSource_amidAnHonestExchange_isAnAttemptOfItsOwn() {
        Packet question = to(WWW).udp(4000, 53).build();
        Packet begin = to(WWW).tcp(4000, 443).build();
        assertThat(seen(question)).isPresent();
        assertThat(seen(begin)).isPresent();

        Packet spoofed = to(WWW).from(OTHER_MAC).udp(4000, 53).build();

        assertThat(seen(spoofed))
                .hasValueSatisfying(flow -> assertThat(flow.sourceMac()).contains(MacAddress.of(OTHER_MAC)));
        assertThat(seen(spoofed)).as("again").isEmpty();
        assertThat(seen(to(WWW).from(OTHER_MAC).tcp(4000, 443).build())).isPresent();
        assertThat(seen(question)).isEmpty();
        assertThat(seen(question.reply())).isEmpty();
    }

    @Test
    void capacity_manyExchanges_forgetsTheOldest() {
        for (int port = 1; port <= 60_000; port++) {
            assertThat(seen(to(WWW).udp(port, 8080).build())).isPresent();
        }
        assertThat(seen(to(WWW).udp(60_000, 8080).build())).isEmpty();
        assertThat(seen(to(WWW).udp(1, 8080).build())).isPresent();
    }

    @Test
    void capacity_manyConnectionsThatAreOver_areForgottenSoThatNothingIsLate() {
        for (int port = 1; port <= 16_500; port++) {
            assertThat(sighted(connection(port)).exchange().end()).isTrue();
        }
        Exchange last = sighted(connection(16_501)).exchange();
        assertThat(last.isLate()).isTrue();
        assertThat(last.end()).isTrue();

        now = now.plusHours(1);
        exchanges.sweep(now.toNanos());

        assertThat(sighted(from(WWW).udp(53, 5000).build()).exchange().isLate()).isFalse();
    }

    @Test
    void sweep_connectionThatIsOpen_isRememberedHoweverLongItIsSilent() {
        Packet begin = connection(4000);
        sighted(begin);
        sighted(begin.reply()).exchange().answered(Answer.ANSWERED);

        now = now.plusDays(2);
        exchanges.sweep(now.toNanos());

        assertThat(over).isEmpty();
        assertThat(seen(to(WWW).tcp(4000, 443, "FIN,ACK").tcpNumbers(8, 10).build()))
                .isEmpty();
    }

    private static Packet connection(int port) {
        return to(WWW).tcp(port, 443).tcpNumbers(7, 0).build();
    }

    /** A record's hash adds 31 times its first part to the second, so each step up here is undone by 31 steps down. */
    @Test
    void capacity_exchangesOfOneHash_areFoundFast() {
        List<Packet> colliding = new ArrayList<>();
        for (int source = 0; source < 128; source++) {
            for (int destination = 0; destination < 128; destination++) {
                colliding.add(fromVM().ipv4("192.168.101." + source, "140.82.112." + destination)
                        .udp(40_000 - 31 * source, 40_000 - 31 * destination)
                        .build());
            }
        }
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        long begin = threads.getCurrentThreadCpuTime();

        for (int round = 0; round < 2; round++) {
            colliding.forEach(this::seen);
        }

        assertThat(Duration.ofNanos(threads.getCurrentThreadCpuTime() - begin)).isLessThan(Duration.ofSeconds(5));
        assertThat(seen(colliding.get(0))).isEmpty();
    }

    @Property(tries = 100_000)
    void anyBytes_areReadOrRefused(@ForAll @Size(max = 128) byte[] bytes, @ForAll boolean asIp) {
        byte[] frame = asIp && bytes.length > 14 ? asIp(bytes) : bytes;

        headers(frame, Optional.empty()).ifPresent(headers -> {
            assertThat(new Exchanges(MacAddress.of(VM_MAC), exchange -> {}).see(headers, true, 0))
                    .extracting(Sighting::part)
                    .isEqualTo(Part.BEGIN);
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
