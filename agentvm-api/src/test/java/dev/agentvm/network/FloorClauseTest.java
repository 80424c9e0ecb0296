package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class FloorClauseTest {
    @ParameterizedTest
    @CsvSource({
        "0.0.0.0, LOCAL",
        "0.255.255.255, LOCAL",
        "10.0.0.0, PRIVATE",
        "10.255.255.255, PRIVATE",
        "100.64.0.0, SHARED",
        "100.127.255.255, SHARED",
        "127.0.0.1, LOCAL",
        "169.254.0.0, LINK_LOCAL",
        "169.254.169.254, LINK_LOCAL",
        "172.16.0.0, PRIVATE",
        "172.31.255.255, PRIVATE",
        "192.0.0.8, SPECIAL",
        "192.0.2.1, SPECIAL",
        "168.63.129.16, METADATA",
        "192.168.0.0, PRIVATE",
        "192.168.255.255, PRIVATE",
        "198.18.0.0, SPECIAL",
        "198.19.255.255, SPECIAL",
        "198.51.100.7, SPECIAL",
        "203.0.113.7, SPECIAL",
        "224.0.0.1, MULTICAST_RESERVED",
        "239.255.255.255, MULTICAST_RESERVED",
        "240.0.0.0, MULTICAST_RESERVED",
        "255.255.255.255, MULTICAST_RESERVED"
    })
    void ofDestination_closedAddress_namesItsClause(String address, FloorClause clause) {
        assertThat(FloorClause.ofDestination(IPv4Address.of(address))).contains(clause);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "1.0.0.0",
                "9.255.255.255",
                "11.0.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "126.255.255.255",
                "128.0.0.0",
                "140.82.112.3",
                "169.253.255.255",
                "169.255.0.0",
                "172.15.255.255",
                "172.32.0.0",
                "192.0.1.0",
                "192.0.3.0",
                "168.63.129.15",
                "168.63.129.17",
                "192.88.99.1",
                "192.167.255.255",
                "192.169.0.0",
                "198.17.255.255",
                "198.20.0.0",
                "198.51.99.255",
                "198.51.101.0",
                "203.0.112.255",
                "203.0.114.0",
                "223.255.255.255"
            })
    void ofDestination_publicAddress_isEmpty(String address) {
        assertThat(FloorClause.ofDestination(IPv4Address.of(address))).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void clause_any_hasAReasonAndSortedRanges(FloorClause clause) {
        assertThat(clause.reason()).isNotBlank();
        assertThat(clause.ranges()).isSorted().isUnmodifiable();
    }

    @Test
    void closedRanges_all_areSortedAndApart() {
        assertThat(FloorClause.closedRanges()).isSorted().isUnmodifiable().hasSize(14);
        for (Cidr a : FloorClause.closedRanges()) {
            assertThat(FloorClause.closedRanges().stream().filter(a::overlaps)).containsExactly(a);
        }
    }
}
