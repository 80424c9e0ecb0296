package dev.agentvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import dev.agentvm.testkit.Packet.Direction;
import dev.agentvm.testkit.Packet.Path;
import dev.agentvm.testkit.internal.nwfilter.Frames;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PacketTest {
    private static Packet.Builder ipv4() {
        return Packet.fromVM(Path.ROUTED).ipv4("192.168.101.10", "8.8.8.8");
    }

    private static Packet.Builder ipv6() {
        return Packet.fromVM(Path.ROUTED).ipv6("fd00::10", "2001:db8::1");
    }

    @Test
    void toFrame_arpRequest_isTheKnownBytes() {
        Packet packet = Packet.fromVM(Path.HOST)
                .broadcast()
                .arpRequest("10.0.0.2", "10.0.0.1")
                .build();

        assertThat(HexFormat.of().formatHex(packet.toFrame()))
                .isEqualTo("ffffffffffff" + "525400000001" + "0806" + "0001080006040001" + "525400000001" + "0a000002"
                        + "000000000000" + "0a000001");
    }

    @Test
    void toFrame_ipv4Udp_isTheKnownBytes() {
        // The header is the worked example of RFC 1071's checksum that textbooks use, with protocol 17.
        Packet packet = Packet.fromVM(Path.ROUTED)
                .ipv4("192.168.0.1", "192.168.0.199")
                .udp(1, 2)
                .identification(0)
                .payload(new byte[87])
                .build();

        byte[] header = Arrays.copyOfRange(packet.toFrame(), 14, 34);

        assertThat(HexFormat.of().formatHex(header))
                .isEqualTo("4500007300000000" + "4011" + "f861" + "c0a80001c0a800c7");
    }

    @Test
    void toFrame_ipv6Tcp_isTheKnownBytes() {
        Packet packet = ipv6().tcp(40000, 443, "SYN,ACK")
                .tcpNumbers(0x01020304, 0x05060708)
                .trafficClass(0xb8)
                .identification(0x1234)
                .payload("hi".getBytes(StandardCharsets.US_ASCII))
                .build();

        String frame = HexFormat.of().formatHex(packet.toFrame());

        assertThat(frame.substring(28)).startsWith("6b801234" + "00160640");
        assertThat(frame.substring(108))
                .isEqualTo("9c4001bb" + "01020304" + "05060708" + "5012faf0" + "739c0000" + "6869");
    }

    @Test
    void toFrame_ipv4Fragments_haveOffsetAndWhetherMoreFollow() {
        List<Packet> fragments = ipv4().udp(1, 2).payload(new byte[40]).build().fragments(16);

        assertThat(fragments)
                .extracting(fragment -> ByteBuffer.wrap(fragment.toFrame()).getShort(20))
                .containsExactly((short) 0x2000, (short) 0x2002, (short) 0x0004);
    }

    @Test
    void toFrame_vlan_putsTheTagBeforeTheType() {
        byte[] frame =
                Packet.fromVM(Path.BRIDGED).vlan(5).etherType(0x88cc).build().toFrame();

        assertThat(HexFormat.of().formatHex(frame)).isEqualTo("525400fffffe" + "525400000001" + "81000005" + "88cc");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 7, 64, 1001})
    void toFrame_everyTransport_hasValidChecksums(int length) {
        byte[] payload = "x".repeat(length).getBytes(StandardCharsets.US_ASCII);
        for (Packet.Builder base : List.of(ipv4(), ipv6())) {
            assertChecksums(base.tcp(40000, 443, "PSH,ACK").payload(payload).build());
            assertChecksums(base.udp(40000, 53).payload(payload).build());
            assertChecksums(base.udpLite(40000, 53).payload(payload).build());
            assertChecksums(base.ping().payload(payload).build());
        }
    }

    private static void assertChecksums(Packet packet) {
        byte[] frame = packet.toFrame();
        boolean v4 = frame[12] == 0x08;
        int header = v4 ? 20 : 40;
        byte[] ip = Arrays.copyOfRange(frame, 14, 14 + header);
        byte[] transport = Arrays.copyOfRange(frame, 14 + header, frame.length);
        if (v4) {
            assertThat(Frames.checksum(ip)).isZero();
            assertThat(ByteBuffer.wrap(ip).getShort(2) & 0xffff).isEqualTo(frame.length - 14);
        } else {
            assertThat(ByteBuffer.wrap(ip).getShort(4) & 0xffff).isEqualTo(transport.length);
        }
        int protocol = v4 ? ip[9] : ip[6];
        ByteArrayOutputStream summed = new ByteArrayOutputStream();
        if (protocol != 1) {
            summed.writeBytes(Arrays.copyOfRange(ip, v4 ? 12 : 8, header));
            summed.writeBytes(ByteBuffer.allocate(8)
                    .putInt(transport.length)
                    .putInt(protocol & 0xff)
                    .array());
        }
        summed.writeBytes(transport);
        assertThat(Frames.checksum(summed.toByteArray())).as("%s", packet).isZero();
    }

    @Test
    void toFrame_sctp_hasItsOwnCheck() {
        byte[] frame = ipv4().sctp(1, 2).payload(new byte[] {1, 2, 3}).build().toFrame();
        ByteBuffer packet = ByteBuffer.wrap(Arrays.copyOfRange(frame, 34, frame.length));
        int check = packet.getInt(8);
        packet.putInt(8, 0);
        CRC32C crc = new CRC32C();
        crc.update(packet.array());

        assertThat(Integer.reverseBytes(check)).isEqualTo((int) crc.getValue());
        assertThat(packet.get(12)).as("the chunk is INIT").isEqualTo((byte) 1);
    }

    /** The payload is a parameter that receivers skip (type 0x8008), padded to a multiple of four (RFC 9260). */
    @ParameterizedTest
    @CsvSource({"0, 32, 20, 0", "3, 40, 27, 7", "4, 40, 28, 8"})
    void toFrame_sctp_carriesThePayloadAsAParameter(int payload, int length, int chunk, int parameter) {
        byte[] frame = ipv4().sctp(1, 2).payload(new byte[payload]).build().toFrame();
        ByteBuffer packet = ByteBuffer.wrap(Arrays.copyOfRange(frame, 34, frame.length));

        assertThat(packet.capacity()).isEqualTo(length);
        assertThat(packet.getShort(14)).isEqualTo((short) chunk);
        if (payload > 0) {
            assertThat(packet.getShort(32)).isEqualTo((short) 0x8008);
            assertThat(packet.getShort(34)).isEqualTo((short) parameter);
        }
    }

    @Test
    void fragments_together_carryTheWholeDatagram() {
        Packet whole =
                ipv4().udp(40000, 53).payload(new byte[50]).identification(7).build();

        List<Packet> fragments = whole.fragments(24);

        assertThat(fragments).hasSize(3);
        ByteArrayOutputStream joined = new ByteArrayOutputStream();
        for (Packet fragment : fragments) {
            byte[] frame = fragment.toFrame();
            assertThat(Frames.checksum(Arrays.copyOfRange(frame, 14, 34))).isZero();
            assertThat((ByteBuffer.wrap(frame).getShort(20) & 0x1fff) * 8).isEqualTo(joined.size());
            joined.writeBytes(Arrays.copyOfRange(frame, 34, frame.length));
        }
        byte[] expected = whole.toFrame();
        assertThat(joined.toByteArray()).isEqualTo(Arrays.copyOfRange(expected, 34, expected.length));
    }

    @Test
    void fragments_ofAFragmentOrTooShort_areRefused() {
        Packet whole = ipv4().udp(1, 2).payload(new byte[50]).build();

        assertThatThrownBy(() -> whole.fragments(24).get(1).fragments(8)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> whole.fragments(9)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> whole.fragments(64)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> whole.fragments(0)).isInstanceOf(InvalidValueException.class);
        Packet eight = ipv4().udp(1, 2).payload(new byte[8]).build();
        assertThat(eight.fragments(8)).hasSize(2);
        assertThatThrownBy(() -> eight.fragments(16)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> ipv6().udp(1, 2).payload(new byte[50]).build().fragments(8))
                .isInstanceOf(InvalidValueException.class);
    }

    @Test
    void reply_tcpHandshake_exchangesEverything() {
        Packet syn = ipv4().tcp(40000, 443).build();

        Packet synAck = syn.reply();

        assertThat(synAck.direction()).isEqualTo(Direction.TO_VM);
        assertThat(synAck)
                .isEqualTo(Packet.toVM(Path.ROUTED)
                        .ipv4("8.8.8.8", "192.168.101.10")
                        .tcp(443, 40000, "SYN", "ACK")
                        .tcpNumbers(1, 2)
                        .build());
        assertThat(synAck.reply().toString()).contains("[ACK]");
    }

    @Test
    void reply_pingAndArp_areAnswers() {
        assertThat(ipv4().ping().build().reply().toString()).contains("type 0 code 0");
        assertThat(ipv6().ping().build().reply().toString()).contains("type 129 code 0");
        assertThat(Packet.fromVM(Path.HOST)
                        .arpRequest("10.0.0.2", "10.0.0.1")
                        .build()
                        .reply()
                        .toString())
                .contains("arp reply, sender 10.0.0.1 at 52:54:00:ff:ff:fe, target 10.0.0.2 at 52:54:00:00:00:01");
    }

    @Test
    void error_carriesThePacketItIsAbout() {
        Packet packet = ipv4().udp(40000, 53).build();

        Packet error = packet.error("8.8.8.8", 3, 3);

        byte[] frame = error.toFrame();
        byte[] about = packet.toFrame();
        assertThat(Arrays.copyOfRange(frame, 42, 70)).isEqualTo(Arrays.copyOfRange(about, 14, 42));
        assertThat(error.direction()).isEqualTo(Direction.TO_VM);
        assertThatThrownBy(() -> packet.error("fd00::1", 1, 4)).isInstanceOf(InvalidValueException.class);
    }

    @Test
    void error_typeAndCodeOfAByte_areAllowed() {
        Packet packet = ipv4().udp(40000, 53).build();

        assertThat(typeAndCode(packet.error("8.8.8.8", 0, 255))).containsExactly(0, 255);
        assertThat(typeAndCode(packet.error("8.8.8.8", 255, 0))).containsExactly(255, 0);
        assertThatThrownBy(() -> packet.error("8.8.8.8", 256, 0)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> packet.error("8.8.8.8", -1, 0)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> packet.error("8.8.8.8", 0, 256)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> packet.error("8.8.8.8", 0, -1)).isInstanceOf(InvalidValueException.class);
    }

    private static int[] typeAndCode(Packet icmp) {
        byte[] frame = icmp.toFrame();
        return new int[] {frame[34] & 0xff, frame[35] & 0xff};
    }

    @Test
    void equals_isByValue() {
        assertThat(ipv4().tcp(1, 2).payload(new byte[] {1}).build())
                .isEqualTo(ipv4().tcp(1, 2).payload(new byte[] {1}).build())
                .hasSameHashCodeAs(ipv4().tcp(1, 2).payload(new byte[] {1}).build())
                .isNotEqualTo(ipv4().tcp(1, 2).payload(new byte[] {2}).build())
                .isNotEqualTo(
                        ipv4().tcp(1, 2).trafficClass(4).payload(new byte[] {1}).build())
                .isNotEqualTo(ipv4().udp(1, 2).payload(new byte[] {1}).build());
    }

    @Test
    void toString_saysTheWayAndTheContents() {
        assertThat(ipv4().tcp(40000, 443).build())
                .hasToString("from VM routed: 52:54:00:00:00:01 > 52:54:00:ff:ff:fe,"
                        + " tcp 192.168.101.10:40000 > 8.8.8.8:443 [SYN]");
        assertThat(ipv6().udp(1, 2).build()).asString().contains("udp [fd00::10]:1 > [2001:db8::1]:2");
        assertThat(Packet.toVM(Path.HOST).vlan(9).etherType(0x88cc).build())
                .hasToString("to VM from host: 52:54:00:ff:ff:fe > 52:54:00:00:00:01 vlan 9, ethertype 0x88cc");
        assertThat(ipv4().udp(1, 2).payload(new byte[24]).build().fragments(16))
                .map(Packet::toString)
                .satisfiesExactly(
                        first -> assertThat(first).endsWith(":2 fragment at 0 of more"),
                        last -> assertThat(last).endsWith(":2 fragment at 16, last"));
    }

    @Test
    void toString_arp_saysWhoAsksWhom() {
        Packet.Builder arp = Packet.fromVM(Path.BRIDGED);
        String addresses = ", sender 10.0.0.2 at 52:54:00:00:00:01, target 10.0.0.1 at 52:54:00:ff:ff:fe";

        assertThat(arp.arpReply("10.0.0.2", "10.0.0.1").build()).asString().endsWith(", arp reply" + addresses);
        assertThat(arp.arpRequest("10.0.0.2", "10.0.0.1").build())
                .asString()
                .contains(", arp request, sender 10.0.0.2 at");
        assertThat(arp.arp(0x8035, 3, "52:54:00:00:00:01", "10.0.0.2", "52:54:00:ff:ff:fe", "10.0.0.1")
                        .build())
                .asString()
                .endsWith(", rarp op 3" + addresses);
        assertThat(arp.arp(0x0806, 6, 0x800, 1, "52:54:00:00:00:01", "10.0.0.2", "52:54:00:ff:ff:fe", "10.0.0.1")
                        .build())
                .asString()
                .endsWith(", types 6 2048");
        assertThat(arp.arp(0x0806, 1, 0x801, 1, "52:54:00:00:00:01", "10.0.0.2", "52:54:00:ff:ff:fe", "10.0.0.1")
                        .build())
                .asString()
                .endsWith(", types 1 2049");
    }

    @Test
    void reply_otherProtocol_goesBack() {
        Packet reply = ipv4().protocol(47).build().reply();

        assertThat(reply)
                .hasToString("to VM routed: 52:54:00:ff:ff:fe > 52:54:00:00:00:01,"
                        + " protocol 47 8.8.8.8 > 192.168.101.10");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"010.0.0.1", "1.2.3", "1.2.3.256", "1.2.3.4/32", "example.com", "", "1.2.3.4 ", "::g", "1::2::3"
            })
    void ipv4_notAnAddress_isRefused(String address) {
        assertThatThrownBy(() -> Packet.fromVM(Path.HOST).ipv4(address, "10.0.0.1"))
                .isInstanceOf(InvalidValueException.class);
    }

    @Test
    void build_impossibleValues_areRefused() {
        assertThatThrownBy(() -> ipv4().build()).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> ipv4().tcp(1, 65536)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> ipv4().tcp(1, 2, "ECN")).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> ipv4().vlan(4096)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> ipv4().from("52:54:00:00:00")).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> ipv4().udp(1, 2).tcpNumbers(1, 1)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> ipv4().ping().ipv6("::1", "::2").build()).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> Packet.fromVM(Path.HOST).ipv4("::1", "::2")).isInstanceOf(InvalidValueException.class);
    }
}
