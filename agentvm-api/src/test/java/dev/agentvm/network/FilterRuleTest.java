package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FilterRuleTest {
    @Test
    void allow_wholeRule_keepsWhatWasSaid() {
        FilterRule rule = FilterRule.allow().tcp(5432).to("10.20.0.7/32").because(" the test database ");
        assertThat(rule.protocol()).isEqualTo(Protocol.TCP);
        assertThat(rule.ports()).containsExactly(PortRange.of(5432)).isUnmodifiable();
        assertThat(rule.destinations()).containsExactly(Cidr.of("10.20.0.7")).isUnmodifiable();
        assertThat(rule.reason()).isEqualTo("the test database");
        assertThat(rule.opensFloor()).isTrue();
        assertThat(rule).hasToString("tcp 5432 to 10.20.0.7/32 because the test database");
    }

    @Test
    void allow_withoutDestination_meansThePublicInternet() {
        FilterRule rule = FilterRule.allow().udp(PortRange.of(3478, 3481)).because("STUN");
        assertThat(rule.protocol()).isEqualTo(Protocol.UDP);
        assertThat(rule.destinations()).isEmpty();
        assertThat(rule.opensFloor()).isFalse();
        assertThat(rule).hasToString("udp 3478-3481 to the public Internet because STUN");
    }

    @Test
    void allow_ping_hasNoPorts() {
        FilterRule rule = FilterRule.allow().ping().to("9.9.9.9", "1.1.1.1").because("probes");
        assertThat(rule.protocol()).isEqualTo(Protocol.ICMP_ECHO);
        assertThat(rule.ports()).isEmpty();
        assertThat(rule.opensFloor()).isFalse();
        assertThat(rule).hasToString("ping to 1.1.1.1/32, 9.9.9.9/32 because probes");
    }

    @Test
    void ports_neighboursAndOverlaps_areMergedAndSorted() {
        assertThat(FilterRule.allow()
                        .tcp(443, 80, 81, 443)
                        .tcp(PortRange.of(8000, 8080), PortRange.of(8080, 8090), PortRange.of(8010, 8020))
                        .tcp(65535, 65534, 1)
                        .because("x")
                        .ports())
                .containsExactly(
                        PortRange.of(1),
                        PortRange.of(80, 81),
                        PortRange.of(443),
                        PortRange.of(8000, 8090),
                        PortRange.of(65534, 65535));
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 0, 65536, Integer.MAX_VALUE})
    void tcpAndUdp_portOutOfBounds_isRefused(int port) {
        assertThatThrownBy(() -> FilterRule.allow().tcp(port)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> FilterRule.allow().udp(80, port)).isInstanceOf(InvalidValueException.class);
    }

    @Test
    void allow_opensNothing_isRefused() {
        assertThatThrownBy(() -> FilterRule.allow().because("why not"))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("opens nothing");
        assertThatThrownBy(() -> FilterRule.allow().to("9.9.9.9").because("why not"))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("opens nothing");
        assertThatThrownBy(() -> FilterRule.allow().tcp(new int[0]))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("opens nothing");
        assertThatThrownBy(() -> FilterRule.allow().udp(new PortRange[0]))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("opens nothing");
        assertThatThrownBy(() -> FilterRule.allow().tcp(80).to(new String[0]))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("names no address");
    }

    @Test
    void allow_twoProtocols_isRefused() {
        assertThatThrownBy(() -> FilterRule.allow().tcp(53).udp(53))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("TCP and UDP")
                .hasMessageContaining("a rule for each");
        assertThatThrownBy(() -> FilterRule.allow().ping().tcp(53)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> FilterRule.allow().udp(53).ping()).isInstanceOf(InvalidValueException.class);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "\t\n",
                "two\nlines",
                "two\u2028lines",
                "two\u2029lines",
                "nul\0",
                "escape\u001b[2J",
                "turned \u202egnihtemos",
                "zero\u200bwidth",
                "lone \ud800 surrogate",
                "next\u0085line"
            })
    void because_emptyOrMisleading_isRefusedInOneReadableLine(String reason) {
        assertThatThrownBy(() -> FilterRule.allow().tcp(80).because(reason))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("because '")
                .message()
                .matches("[^\\p{Cntrl}\\u0085\\u2028\\u2029\\u202e\\u200b\\ud800]*");
    }

    @Test
    void because_lengthAtAndOverItsBound_isTakenAndRefused() {
        FilterRule.Draft draft = FilterRule.allow().tcp(80);
        assertThat(draft.because("x").reason()).hasSize(1);
        assertThat(draft.because("x".repeat(200)).reason()).hasSize(200);
        assertThatThrownBy(() -> draft.because("x".repeat(201)))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("1 to 200 characters");
    }

    @Test
    void because_textOfOtherLanguages_isKept() {
        assertThat(FilterRule.allow()
                        .tcp(80)
                        .because("für die Spiegelserver <&> 测试")
                        .reason())
                .isEqualTo("für die Spiegelserver <&> 测试");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0.0.0.0/0",
                "8.0.0.0/6",
                "128.0.0.0/1",
                "192.0.0.0/8",
                "192.0.2.0/23",
                "100.0.0.0/8",
                "169.254.0.0/15",
                "172.0.0.0/8",
                "192.160.0.0/11",
                "198.16.0.0/12",
                "0.0.0.0/7",
                "126.0.0.0/7",
                "192.0.0.0/2"
            })
    void to_blockAcrossTheFloorsEdge_isRefused(String destination) {
        assertThatThrownBy(() -> FilterRule.allow().tcp(80).to(destination))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("to '" + destination + "'")
                .hasMessageContaining("holds public addresses and the closed range");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "127.0.0.1",
                "127.0.0.0/8",
                "0.0.0.0",
                "0.0.0.0/8",
                "224.0.0.0/3",
                "224.0.0.251",
                "239.255.255.250",
                "240.0.0.0/4",
                "255.255.255.255"
            })
    void to_addressThatNoPacketReaches_isRefused(String destination) {
        assertThatThrownBy(() -> FilterRule.allow().tcp(80).to(destination))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("opens nothing");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "010.0.0.1",
                "1.2.3",
                "1.2.3.4/33",
                "10.0.0.1/8",
                "example.org",
                "::1",
                "fe80::/10",
                "",
                "../",
                "<to>"
            })
    void to_noIPv4AddressOrBlock_isRefused(String destination) {
        assertThatThrownBy(() -> FilterRule.allow().tcp(80).to(destination))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("cidr '");
    }

    @ParameterizedTest
    @CsvSource({
        "10.0.0.0/8, true",
        "10.20.0.7, true",
        "169.254.169.254, true",
        "100.64.0.0/10, true",
        "192.0.2.0/24, true",
        "198.18.0.0/15, true",
        "9.9.9.0/24, false",
        "11.0.0.0/8, false"
    })
    void to_blockOnOneSideOfTheFloor_saysWhetherItOpensIt(String destination, boolean opens) {
        assertThat(FilterRule.allow().tcp(80).to(destination).because("x").opensFloor())
                .isEqualTo(opens);
        assertThat(FilterRule.allow()
                        .tcp(80)
                        .to("1.1.1.1", destination)
                        .because("x")
                        .opensFloor())
                .isEqualTo(opens);
    }

    @Test
    void to_severalAndRepeated_areSortedOnce() {
        assertThat(FilterRule.allow()
                        .tcp(80)
                        .to("192.168.7.7", "10.0.0.0/8")
                        .to(Cidr.of("9.9.9.9"), Cidr.of("10.0.0.0/8"))
                        .because("x")
                        .destinations())
                .containsExactly(Cidr.of("9.9.9.9"), Cidr.of("10.0.0.0/8"), Cidr.of("192.168.7.7"));
    }

    @Test
    void because_draftGoesOn_leavesTheFirstRuleAsItWas() {
        FilterRule.Draft draft = FilterRule.allow().tcp(80).to("9.9.9.9");
        FilterRule first = draft.because("one");
        draft.tcp(443).to("1.1.1.1");
        assertThat(first.ports()).containsExactly(PortRange.of(80));
        assertThat(first.destinations()).containsExactly(Cidr.of("9.9.9.9"));
    }

    @Test
    void equals_eachPartDiffering_isFalse() {
        FilterRule rule = FilterRule.allow().tcp(80, 81).to("9.9.9.9").because("x");
        FilterRule same =
                FilterRule.allow().to("9.9.9.9/32").tcp(PortRange.of(80, 81)).because("x");
        assertThat(rule)
                .isEqualTo(same)
                .hasSameHashCodeAs(same)
                .isNotEqualTo(FilterRule.allow().udp(80, 81).to("9.9.9.9").because("x"))
                .isNotEqualTo(FilterRule.allow().tcp(80).to("9.9.9.9").because("x"))
                .isNotEqualTo(FilterRule.allow().tcp(80, 81).to("9.9.9.8").because("x"))
                .isNotEqualTo(FilterRule.allow().tcp(80, 81).because("x"))
                .isNotEqualTo(FilterRule.allow().tcp(80, 81).to("9.9.9.9").because("y"))
                .isNotEqualTo(rule.toString())
                .isNotEqualTo(null);
        assertThat(rule.hashCode())
                .isNotEqualTo(FilterRule.allow().tcp(80, 81).because("x").hashCode());
    }

    @Test
    void protocol_hasPorts_exceptPing() {
        assertThat(Protocol.TCP.hasPorts()).isTrue();
        assertThat(Protocol.UDP.hasPorts()).isTrue();
        assertThat(Protocol.ICMP_ECHO.hasPorts()).isFalse();
    }
}
