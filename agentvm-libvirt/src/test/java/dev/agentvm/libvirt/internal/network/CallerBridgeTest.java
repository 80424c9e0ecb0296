package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.HostNotReadyException;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkMode;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CallerBridgeTest {
    private static final UUID VM = UUID.fromString("7d4fbd8e-6c1b-4a5d-9d0e-1f2a3b4c5d6e");
    private static final String KEY = VM + "-06:7d:4f:bd:8e:6c";
    private static final Instant NOW = Instant.ofEpochSecond(1000);
    private static final NetworkMode.Bridge MODE = NetworkMode.bridge("br0", "10.44.0.53", "9.9.9.9");
    private static final String HEADING = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n";
    /** 10.44.0.0/24 and 81.2.69.0/24 are on the bridge; the default route leads over 192.168.7.1, and 10.99.0.0/16 over 10.44.0.1. */
    private static final String ROUTES = HEADING
            + "eth0 00000000 0107A8C0 0003 0 0 0 00000000 0 0 0\n"
            + "br0 00002C0A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
            + "br0 00450251 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
            + "br0 0000630A 01002C0A 0003 0 0 0 0000FFFF 0 0 0\n";

    private final Map<String, String> files = new HashMap<>(Map.of("/proc/net/route", ROUTES));
    private final Set<IPv4Address> addresses = new HashSet<>(Set.of(IPv4Address.of("10.44.0.254")));
    private final HostView host = Stub.of(HostView.class)
            .on("read", arguments -> Optional.ofNullable(files.get(arguments[0])))
            .on("addresses", arguments -> new HostAddresses(addresses, Set.of(Cidr.of("10.44.0.64/28"))))
            .get();

    private Attached attach(NetworkMode.Bridge mode, String address) {
        return new CallerBridge(mode).attach(VM, IPv4Address.of(address), host);
    }

    private Optional<IPv4Address> leased(String notes) {
        files.put(CallerBridge.LEASES, notes);
        return new CallerBridge(MODE).leased(VM, host, NOW);
    }

    @Test
    void mac_ofVM_followsFromItsIdOutsideOfWhatOthersGive() {
        assertThat(CallerBridge.mac(VM)).isEqualTo(MacAddress.of("06:7d:4f:bd:8e:6c"));
        assertThat(AddressPool.Reservation.of("agentvm", CallerBridge.mac(VM))).isEmpty();
    }

    @Test
    void attach_addressOfTheBridge_closesItsNeighboursAndTheHost() {
        Attached attached = attach(MODE, "10.44.0.9");

        assertThat(attached.gatewayMac()).isEmpty();
        assertThat(attached.vm().gateway()).isEmpty();
        assertThat(attached.vm().subnet()).hasToString("10.44.0.0/24");
        assertThat(attached.vm().resolvers()).isEqualTo(MODE.resolvers());
        assertThat(attached.vm().hostAddresses()).isEqualTo(addresses);
        assertThat(attached.vm().hostBlocks()).containsExactly(Cidr.of("10.44.0.64/28"));
        assertThat(attached.loopbackRouted()).isFalse();
        files.put("/proc/sys/net/ipv4/conf/br0/route_localnet", "1");
        assertThat(attach(MODE, "81.2.69.9").loopbackRouted()).isTrue();
    }

    @ParameterizedTest
    @CsvSource({
        "10.44.0.254, one of the host's own",
        "10.44.0.70, one of the host's own",
        "10.44.0.53, that of a resolver",
        "10.44.0.1, that of a router",
        "192.168.7.1, that of a router",
        "10.44.0.0, a whole network",
        "10.44.0.255, a whole network",
        "10.45.0.9, in none of the networks",
        "10.99.0.9, in none of the networks",
        "8.8.8.8, in none of the networks",
        "169.254.169.254, link-local",
        "192.0.2.7, RFC 6890",
        "224.0.0.1, RFC 1112",
        "0.0.0.0, RFC 1122",
        "127.0.0.1, RFC 1122"
    })
    void attach_leaseThatNoVMMayHave_isRefused(String address, String why) {
        assertThatExceptionOfType(HostNotReadyException.class)
                .isThrownBy(() -> attach(MODE, address))
                .withMessageContainingAll("'br0'", address, why, "DHCP server");
    }

    @Test
    void attach_hostWithoutNetworkOnTheBridge_takesPrivateAddressesOnly() {
        files.put("/proc/net/route", HEADING);

        assertThat(attach(MODE, "10.44.0.9").vm().subnet()).hasToString("10.44.0.9/32");
        assertThatExceptionOfType(HostNotReadyException.class)
                .isThrownBy(() -> attach(MODE, "81.2.69.9"))
                .withMessageContainingAll("is public", "ip route add NETWORK dev br0");
    }

    @Test
    void attach_fixedAddressOutsideOfTheHostsNetworks_isTheCallersWord() {
        assertThat(attach(MODE.withAddress("10.45.0.9"), "10.45.0.9").vm().subnet())
                .hasToString("10.45.0.9/32");
    }

    @Test
    void leased_notes_areReadForThisVMAlone() {
        assertThat(new CallerBridge(MODE).leased(VM, host, NOW)).isEmpty();
        assertThat(leased("")).isEmpty();
        assertThat(leased("2000 " + UUID.randomUUID() + "-06:7d:4f:bd:8e:6c 10.44.0.9 10.44.0.1"))
                .isEmpty();
        assertThat(leased("2000 " + VM + "-06:00:00:00:00:01 10.44.0.9 10.44.0.1"))
                .isEmpty();
        assertThat(leased("2000 " + KEY + " 10.44.0.8 10.44.0.1\n2000 " + KEY + " 10.44.0.9 10.44.0.1"))
                .contains(IPv4Address.of("10.44.0.9"));
        assertThat(leased("4294967295 " + KEY + " 10.44.0.9 0.0.0.0")).isPresent();
    }

    @Test
    void leased_endedOrHalfWritten_isNone() {
        assertThat(leased("1000 " + KEY + " 10.44.0.9 10.44.0.1")).isEmpty();
        assertThat(leased("2000 " + KEY + " 10.44.0.9 10.44.0.1\n0 " + KEY + " 10.44.0.9 10.44.0.1"))
                .isEmpty();
        assertThat(leased("2000 " + KEY + " 10.4")).isEmpty();
    }
}
