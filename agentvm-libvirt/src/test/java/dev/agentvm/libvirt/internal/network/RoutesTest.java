package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.network.Cidr;
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

    private static Routes.Entry entry(String table, String destination, boolean local) {
        return new Routes.Entry(table, Cidr.of(destination), local);
    }

    @Test
    void parseTrie_kernelTables_leavesEverythingOutAndTakesBroadcastForLocal() {
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
                     |-- 81.2.80.0
                        /24 host LOCAL
                Id 52:
                  +-- 100.64.0.0/10 2 0 2
                     |-- 100.64.0.0
                        /10 universe UNICAST
                     |-- 192.168.0.0
                        /16 universe BLACKHOLE
                Id 100:
                     |-- 0.0.0.0
                        /0 host LOCAL
                """;

        assertThat(Routes.parseTrie(trie))
                .containsExactly(
                        entry("Local", "127.0.0.0/8", true),
                        entry("Local", "127.0.0.1/32", true),
                        entry("Local", "81.2.69.2/32", true),
                        entry("Local", "81.2.69.255/32", true),
                        entry("Local", "81.2.80.0/24", true),
                        entry("52", "100.64.0.0/10", false));
        assertThat(Routes.parseTrie("")).isEmpty();
    }

    @Test
    void addresses_thisHost_areNoLoopback() {
        HostAddresses addresses = HostView.local().addresses();

        assertThat(addresses.single()).noneMatch(Routes.LOOPBACK::contains);
        assertThat(addresses.blocks()).noneMatch(Routes.LOOPBACK::overlaps);
    }
}
