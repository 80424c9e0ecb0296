package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RoutesTest {
    @Test
    void parse_kernelTable_leavesTheDefaultRouteOut() {
        String table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
                + "wan0\t00000000\t01450251\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
                + "agentvm0\t0065A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
                + "lo\t0100000A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n";

        assertThat(Routes.parse(table))
                .containsExactly(
                        new Routes.Route(Cidr.of("192.168.101.0/24"), "agentvm0", true),
                        new Routes.Route(Cidr.of("10.0.0.1/32"), "lo", true));
        assertThat(Routes.parse("")).isEmpty();
    }

    @Test
    void localAddresses_trie_areTheSingleOnes() {
        String trie = """
                Main:
                  +-- 0.0.0.0/0 3 0 5
                     |-- 0.0.0.0
                        /0 universe UNICAST
                Local:
                  +-- 127.0.0.0/8 2 0 2
                     |-- 127.0.0.0
                        /8 host LOCAL
                     |-- 127.0.0.1
                        /32 host LOCAL
                     |-- 81.2.69.2
                        /32 host LOCAL
                     |-- 81.2.69.255
                        /32 link BROADCAST
                """;

        assertThat(Routes.localAddresses(trie))
                .isEqualTo(Set.of(IPv4Address.of("127.0.0.1"), IPv4Address.of("81.2.69.2")));
    }

    @Test
    void addresses_thisHost_areNoLoopback() {
        assertThat(HostView.local().addresses()).noneMatch(Routes.LOOPBACK::contains);
    }
}
