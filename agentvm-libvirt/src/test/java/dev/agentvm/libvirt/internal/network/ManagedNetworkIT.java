package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.HostNotReadyException;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.internal.xml.NetworkXml;
import dev.agentvm.libvirt.internal.xml.OwnerXml;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ManagedNetworkIT {
    private static final HostView HOST = HostView.local();
    private static final NetworkSettings SETTINGS = NetworkSettings.standard().withName("avnet");

    private final Libvirt libvirt = Libvirt.open(LibvirtOptions.of("qemu:///system"));

    @AfterEach
    void removeNetworks() {
        removeNetwork("avnet");
        removeNetwork("avother");
        libvirt.close();
    }

    private void removeNetwork(String name) {
        libvirt.networks().destroy(name);
        libvirt.networks().undefine(name);
    }

    private static ManagedNetwork ensure(Libvirt libvirt) {
        return ManagedNetwork.ensure(libvirt, SETTINGS, HOST);
    }

    @Test
    void ensure_nothingThere_makesARunningNetworkOnce() {
        ManagedNetwork first = ensure(libvirt);
        String xml = libvirt.networks().xml("avnet");
        ManagedNetwork second = ensure(libvirt);

        assertThat(second).isEqualTo(first);
        assertThat(libvirt.networks().xml("avnet")).isEqualTo(xml);
        assertThat(libvirt.networks().lookup("avnet").orElseThrow().active()).isTrue();
        assertThat(Shell.run("virsh", "-q", "net-info", "avnet")).containsPattern("Autostart: +yes");
        assertThat(Shell.run("cat", "/sys/class/net/avnet0/address").strip())
                .isEqualTo(first.gatewayMac().toString());
        assertThat(Shell.run("cat", "/sys/class/net/avnet0/bridge/stp_state").strip())
                .isEqualTo("0");
        assertThat(Shell.run("cat", "/proc/sys/net/ipv6/conf/avnet0/disable_ipv6")
                        .strip())
                .isEqualTo("1");
        assertThat(HOST.addresses().single()).contains(first.gateway());
    }

    @Test
    void ensure_stopped_startsItAgain() {
        ManagedNetwork first = ensure(libvirt);
        libvirt.networks().destroy("avnet");

        assertThat(ensure(libvirt)).isEqualTo(first);
        assertThat(libvirt.networks().lookup("avnet").orElseThrow().active()).isTrue();
    }

    @Test
    void ensure_subnetTakenByARoute_movesOn() {
        Cidr free = ensure(libvirt).subnet();
        removeNetwork("avnet");
        Cidr half = Cidr.of(free.base(), free.prefixLength() + 1);
        Shell.sh("ip link add avtaken type bridge; ip link set avtaken up; ip route add " + half + " dev avtaken");
        try {
            assertThat(ensure(libvirt).subnet()).isNotEqualTo(free);
            assertThatThrownBy(() -> ManagedNetwork.ensure(
                            libvirt, SETTINGS.withName("avother").withSubnet(free), HOST))
                    .isInstanceOf(HostNotReadyException.class)
                    .hasMessageContaining(free.toString())
                    .hasMessageContaining("avtaken");
        } finally {
            Shell.run("ip", "link", "del", "avtaken");
        }
    }

    @Test
    void ensure_subnetTakenByAnInactiveNetwork_movesOn() {
        ManagedNetwork first = ensure(libvirt);
        libvirt.networks().destroy("avnet");

        ManagedNetwork other = ManagedNetwork.ensure(libvirt, SETTINGS.withName("avother"), HOST);
        assertThat(other.subnet()).isNotEqualTo(first.subnet());
    }

    @Test
    void ensure_foreignNetworkOfThatName_isRefused() {
        NetworkXml xml = NetworkRenderer.render(SETTINGS, new Subnet(Cidr.of("10.77.0.0/24")), UUID.randomUUID());
        xml.metadata = null;
        libvirt.networks().define(LibvirtXml.write(xml));

        assertThatThrownBy(() -> ensure(libvirt))
                .isInstanceOf(HostNotReadyException.class)
                .hasMessageContaining("did not make");
        assertThat(ManagedNetwork.obstacle(libvirt, SETTINGS, HOST)).isPresent();
    }

    @Test
    void ensure_changedAndUnused_isMended() {
        ManagedNetwork first = ensure(libvirt);
        libvirt.networks().destroy("avnet");
        NetworkXml xml = LibvirtXml.read(libvirt.networks().inactiveXml("avnet"), NetworkXml.class);
        xml.port = null;
        libvirt.networks().define(LibvirtXml.write(xml));
        libvirt.networks().start("avnet");

        assertThat(ensure(libvirt)).isEqualTo(first);
        assertThat(libvirt.networks().xml("avnet")).contains("isolated='yes'");
        assertThat(libvirt.networks().inactiveXml("avnet")).contains(OwnerXml.NAMESPACE);
    }

    /** As {@code virsh net-edit} leaves it: with what this library never writes and so has no fields for. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "<portgroup name='all' default='yes'><bandwidth><inbound average='1'/></bandwidth></portgroup>",
                "<route address='10.77.9.0' prefix='24' gateway='GATEWAY'/>"
            })
    void ensure_changedInWhatTheLibraryDoesNotKnow_isMended(String change) {
        ManagedNetwork first = ensure(libvirt);
        String xml = libvirt.networks().xml("avnet");
        redefine(
                "<port isolated='yes'/>",
                change.replace("GATEWAY", first.gateway().toString().replaceAll("1$", "2")));
        String element = change.substring(0, change.indexOf(' '));
        assertThat(libvirt.networks().xml("avnet")).contains(element);

        assertThat(ensure(libvirt)).isEqualTo(first);
        assertThat(libvirt.networks().xml("avnet")).isEqualTo(xml);
        assertThat(libvirt.networks().inactiveXml("avnet")).doesNotContain(element);
    }

    @Test
    void ensure_notesOfOthers_stay() {
        ensure(libvirt);
        redefine(
                "<metadata>",
                "<theirs:note xmlns:theirs='https://example.com/theirs'>of the administrator</theirs:note>");

        ensure(libvirt);

        assertThat(libvirt.networks().xml("avnet")).contains("of the administrator");
    }

    private void redefine(String after, String more) {
        String xml = libvirt.networks().inactiveXml("avnet");
        libvirt.networks().destroy("avnet");
        libvirt.networks().define(xml.replace(after, after + more));
        libvirt.networks().start("avnet");
    }

    @Test
    void ensure_changedAndInUse_isRefused() {
        ManagedNetwork network = ensure(libvirt);
        UUID vm = UUID.randomUUID();
        AddressPool pool = new AddressPool(libvirt);
        assertThat(pool.reserve(network, vm).network()).isEqualTo(network.name());

        assertThatThrownBy(() -> ManagedNetwork.ensure(
                        libvirt, SETTINGS.withResolvers(List.of(IPv4Address.of("9.9.9.9"))), HOST))
                .isInstanceOf(HostNotReadyException.class)
                .hasMessageContaining("in use by 0 network cards and 1 reservations");
        assertThat(pool.release(vm)).isTrue();
    }

    @Test
    void ensure_changedAndOnlyOneOfALongerNameInUse_isMended() {
        ManagedNetwork network = ensure(libvirt);
        NetworkSettings longer = SETTINGS.withName("avnet-2");
        UUID vm = UUID.randomUUID();
        try {
            AddressPool.Reservation other =
                    new AddressPool(libvirt).reserve(ManagedNetwork.ensure(libvirt, longer, HOST), vm);
            assertThat(other.network()).isEqualTo("avnet-2");

            assertThat(ManagedNetwork.ensure(libvirt, SETTINGS.withResolvers(List.of(IPv4Address.of("9.9.9.9"))), HOST))
                    .isEqualTo(network);
        } finally {
            new AddressPool(libvirt).release(vm);
            removeNetwork("avnet-2");
        }
    }

    @Test
    void ensure_gatewayThatThisProgramDoesNotSee_isRefused() {
        HostView elsewhere = new PretendHost();

        assertThatThrownBy(() -> ManagedNetwork.ensure(libvirt, SETTINGS, elsewhere))
                .isInstanceOf(HostNotReadyException.class)
                .hasMessageContainingAll("another network namespace", "--network=host");
        assertThat(ManagedNetwork.obstacle(libvirt, SETTINGS, elsewhere).orElseThrow())
                .contains("another network namespace");
        assertThat(ManagedNetwork.obstacle(libvirt, SETTINGS, HOST)).isEmpty();
    }

    @Test
    void ensure_manyProgramsAtOnce_endWithOneNetwork() throws Exception {
        ExecutorService programs = Executors.newFixedThreadPool(4);
        try {
            for (int round = 0; round < 3; round++) {
                List<Future<ManagedNetwork>> results = new ArrayList<>();
                for (int i = 0; i < 4; i++) {
                    results.add(programs.submit(() -> {
                        try (Libvirt own = Libvirt.open(LibvirtOptions.of("qemu:///system"))) {
                            return ensure(own);
                        }
                    }));
                }
                Set<ManagedNetwork> networks = new HashSet<>();
                for (Future<ManagedNetwork> result : results) {
                    networks.add(result.get());
                }
                assertThat(networks).hasSize(1);
                libvirt.networks().destroy("avnet");
                libvirt.networks().undefine("avnet");
            }
        } finally {
            programs.shutdownNow();
        }
    }

    @Test
    void reserve_manyProgramsAtOnce_neverGiveAnAddressTwice() throws Exception {
        ManagedNetwork network = ManagedNetwork.ensure(libvirt, SETTINGS.withSubnet(Cidr.of("10.77.1.0/27")), HOST);
        ExecutorService programs = Executors.newFixedThreadPool(4);
        Map<UUID, AddressPool.Reservation> reservations = new ConcurrentHashMap<>();
        try {
            List<Future<?>> results = new ArrayList<>();
            for (int i = 0; i < 21; i++) {
                UUID vm = UUID.randomUUID();
                results.add(programs.submit(() -> reservations.put(vm, new AddressPool(libvirt).reserve(network, vm))));
            }
            for (Future<?> result : results) {
                result.get();
            }
        } finally {
            programs.shutdownNow();
        }
        // .10 to .30 of a /27.
        assertThat(Set.copyOf(reservations.values())).hasSize(21);
        AddressPool pool = new AddressPool(libvirt);
        assertThatThrownBy(() -> pool.reserve(network, UUID.randomUUID()))
                .isInstanceOf(HostNotReadyException.class)
                .hasMessageContaining("All 21 addresses");
        reservations.forEach((vm, reservation) -> {
            assertThat(pool.release(UUID.randomUUID())).isFalse();
            assertThat(pool.release(vm)).isTrue();
            assertThat(pool.release(vm)).isFalse();
        });
    }
}
