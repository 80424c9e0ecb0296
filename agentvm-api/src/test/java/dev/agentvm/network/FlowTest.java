package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import java.util.OptionalInt;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class FlowTest {
    @Test
    void tcp_address_goesFromTheVMThere() {
        Flow flow = Flow.tcp("140.82.112.3", 443);
        assertThat(flow.direction()).isEqualTo(Flow.Direction.FROM_VM);
        assertThat(flow.etherType()).isEqualTo(0x0800);
        assertThat(flow.destination()).contains(IPv4Address.of("140.82.112.3"));
        assertThat(flow.destinationName()).isEmpty();
        assertThat(flow.source()).isEmpty();
        assertThat(flow.sourceMac()).isEmpty();
        assertThat(flow.sourcePort()).isEmpty();
        assertThat(flow.ipProtocol()).hasValue(6);
        assertThat(flow.destinationPort()).hasValue(443);
        assertThat(flow.icmpType()).isEmpty();
    }

    @Test
    void factories_kinds_setProtocolAndDirection() {
        assertThat(Flow.udp("github.com", 53).ipProtocol()).hasValue(17);
        assertThat(Flow.udp("github.com", 53).destinationPort()).hasValue(53);
        assertThat(Flow.udp("github.com", 53).destinationName()).contains("github.com");
        assertThat(Flow.ping("9.9.9.9").ipProtocol()).hasValue(1);
        assertThat(Flow.ping("9.9.9.9").icmpType()).hasValue(8);
        for (Flow flow : new Flow[] {
            Flow.tcpToVM("9.9.9.9", 22), Flow.udpToVM("9.9.9.9", 22), Flow.pingToVM("9.9.9.9"),
        }) {
            assertThat(flow.direction()).isEqualTo(Flow.Direction.TO_VM);
            assertThat(flow.source()).contains(IPv4Address.of("9.9.9.9"));
            assertThat(flow.destination()).isEmpty();
        }
        assertThat(Flow.tcpToVM("9.9.9.9", 22).ipProtocol()).hasValue(6);
        assertThat(Flow.tcpToVM("9.9.9.9", 22).destinationPort()).hasValue(22);
        assertThat(Flow.udpToVM("9.9.9.9", 23).ipProtocol()).hasValue(17);
        assertThat(Flow.udpToVM("9.9.9.9", 23).destinationPort()).hasValue(23);
        assertThat(Flow.pingToVM("9.9.9.9").ipProtocol()).hasValue(1);
        assertThat(Flow.pingToVM("9.9.9.9").icmpType()).hasValue(8);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"github.com", "a", "a.b.", "_dmarc.example.org", "xn--bcher-kva.example", "1and1.com", "3com"})
    void tcp_hostName_isTakenAsAName(String name) {
        assertThat(Flow.tcp(name, 443).destinationName()).contains(name);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                ".",
                "1.2.3",
                "010.0.0.1",
                "256.1.1.1",
                "2130706433",
                "0x7f000001",
                "0X7F.1",
                "0x",
                "127.0x1",
                "0x7f.0.0.1",
                "a.1",
                "1.2.3.4.",
                "1.2.3.4/32",
                "10.0.0.0/8",
                "::1",
                "[::1]",
                "a..b",
                ".a",
                "-a.org",
                "a b",
                "github.com\n",
                "git\0hub.com",
                "<script>",
                "bücher.example",
                "user@host",
                "host:443",
                "../etc"
            })
    void tcp_neitherAddressNorName_isRefused(String text) {
        assertThatThrownBy(() -> Flow.tcp(text, 443)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> Flow.tcpToVM(text, 443)).isInstanceOf(InvalidValueException.class);
    }

    @Test
    void tcp_nameOrLabelTooLong_isRefused() {
        String label = "a".repeat(63);
        String longest = (label + ".").repeat(3) + "a".repeat(61);
        assertThat(longest).hasSize(253);
        assertThat(Flow.tcp(longest, 443).destinationName()).contains(longest);
        assertThatThrownBy(() -> Flow.tcp(longest + "a", 443)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> Flow.tcp("a".repeat(64) + ".org", 443)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> Flow.tcp("www." + "a".repeat(64), 443)).isInstanceOf(InvalidValueException.class);
    }

    static Stream<Arguments> numbers() {
        return Stream.of(
                Arguments.of("etherType", 65535, (Setter) (b, v) -> b.etherType(v)),
                Arguments.of("ipProtocol", 255, (Setter) (b, v) -> b.ipProtocol(v)),
                Arguments.of("sourcePort", 65535, (Setter) (b, v) -> b.sourcePort(v)),
                Arguments.of("destinationPort", 65535, (Setter) (b, v) -> b.destinationPort(v)),
                Arguments.of("icmpType", 255, (Setter) (b, v) -> b.icmpType(v)));
    }

    interface Setter {
        Flow.Builder set(Flow.Builder builder, int value);
    }

    @ParameterizedTest
    @MethodSource("numbers")
    void build_numberAtAndOverItsBounds_isTakenAndRefused(String field, int most, Setter setter) {
        for (int value : new int[] {0, most}) {
            Flow.Builder whole = Flow.tcp("9.9.9.9", 443).toBuilder().icmpType(8);
            assertThat(setter.set(whole, value).build()).isNotNull();
        }
        for (int value : new int[] {-1, most + 1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            Flow.Builder whole = Flow.tcp("9.9.9.9", 443).toBuilder().icmpType(8);
            assertThatThrownBy(() -> setter.set(whole, value).build())
                    .isInstanceOf(InvalidValueException.class)
                    .hasMessage(field + " '" + value + "': must be from 0 to " + most);
        }
    }

    static Stream<Arguments> halves() {
        UnaryOperator<Flow.Builder> fromVM = b -> b.direction(Flow.Direction.FROM_VM);
        IPv4Address somewhere = IPv4Address.of("9.9.9.9");
        return Stream.of(
                half("direction", b -> b.ipProtocol(6)),
                half("ipProtocol", b -> fromVM.apply(b).destination(somewhere)),
                half("destination", b -> fromVM.apply(b).ipProtocol(47)),
                half("source", b -> b.direction(Flow.Direction.TO_VM).ipProtocol(47)),
                half(
                        "destinationPort",
                        b -> fromVM.apply(b).destination(somewhere).ipProtocol(6)),
                half(
                        "destinationPort",
                        b -> fromVM.apply(b).destination(somewhere).ipProtocol(17)),
                half("icmpType", b -> fromVM.apply(b).destination(somewhere).ipProtocol(1)),
                half(
                        "destinationName",
                        b -> fromVM.apply(b)
                                .destination(somewhere)
                                .destinationName("a.org")
                                .ipProtocol(47)));
    }

    private static Arguments half(String field, UnaryOperator<Flow.Builder> fill) {
        return Arguments.of(field, fill);
    }

    @ParameterizedTest
    @MethodSource("halves")
    void build_somethingMissingOrTwofold_isRefused(String field, UnaryOperator<Flow.Builder> fill) {
        assertThatThrownBy(() -> fill.apply(new Flow.Builder()).build())
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining(field);
    }

    @Test
    void build_otherEtherTypes_needNoAddresses() {
        Flow ipv6 = new Flow.Builder()
                .direction(Flow.Direction.FROM_VM)
                .etherType(0x86dd)
                .build();
        assertThat(ipv6.ipProtocol()).isEmpty();
        assertThat(ipv6.toBuilder().build()).isEqualTo(ipv6).hasSameHashCodeAs(ipv6);
        assertThat(ipv6.withIcmpType(OptionalInt.of(3)).icmpType()).hasValue(3);
    }
}
