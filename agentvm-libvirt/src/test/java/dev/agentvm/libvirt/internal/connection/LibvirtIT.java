package dev.agentvm.libvirt.internal.connection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.AgentVMException;
import dev.agentvm.GuestAgentException;
import dev.agentvm.VMAlreadyExistsException;
import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(180)
class LibvirtIT {
    private static final String URI = "qemu:///system";
    private static final Duration PROMPT = Duration.ofSeconds(3);

    private Libvirt libvirt;

    @BeforeEach
    void open() {
        libvirt = Libvirt.open(LibvirtOptions.of(URI));
    }

    @AfterEach
    void close() {
        libvirt.close();
    }

    @Test
    void host_facts() {
        assertThat(libvirt.host().daemonVersion()).isGreaterThanOrEqualTo(new LibvirtVersion(8, 0, 0));
        assertThat(libvirt.host().hypervisorVersion()).isGreaterThanOrEqualTo(new LibvirtVersion(5, 0, 0));
        assertThat(libvirt.host().uri()).isEqualTo(URI);
        assertThat(libvirt.host()
                        .domainCapabilitiesXml(
                                Optional.empty(), Optional.of("x86_64"), Optional.of("q35"), Optional.of("qemu")))
                .contains("<domainCapabilities>", "<machine>pc-q35");
    }

    @Test
    void life_ofAGuest() {
        TinyGuest guest = new TinyGuest(libvirt)
                .create(libvirt, EnumSet.of(CreateFlag.START_PAUSED, CreateFlag.AUTODESTROY, CreateFlag.VALIDATE));
        assertThat(libvirt.domains().state(guest.domain).orElseThrow().state()).isEqualTo(DomainState.State.PAUSED);
        assertThatThrownBy(() -> guest.create(libvirt, EnumSet.of(CreateFlag.START_PAUSED)))
                .isInstanceOf(VMAlreadyExistsException.class);
        assertThat(libvirt.domains().list(TestDriver.NAMESPACE))
                .filteredOn(line -> line.domain().equals(guest.domain))
                .singleElement()
                .satisfies(line -> assertThat(line.metadata())
                        .hasValueSatisfying(xml -> assertThat(xml).contains(">me<")));
        libvirt.domains().setMetadata(guest.domain, "t", TestDriver.NAMESPACE, Optional.of("<owner>you</owner>"));
        assertThat(libvirt.domains().xml(guest.domain)).contains(">you<");

        Collector console = new Collector();
        ByteStream stream = libvirt.consoles().openConsole(guest.domain, console);
        libvirt.domains().resume(guest.domain);
        guest.awaitAgent();
        assertThat(libvirt.agents().command(guest.domain, "{\"execute\":\"guest-ping\"}", PROMPT))
                .isEqualTo("{\"return\":{}}");
        assertThat(guest.exec(libvirt, "echo 'gr\u00fcn \u65e5\u672c'")).isEqualTo("gr\u00fcn \u65e5\u672c\n");
        assertThatThrownBy(() -> libvirt.agents().command(guest.domain, "{\"execute\":\"guest-nonsense\"}", PROMPT))
                .isInstanceOfSatisfying(
                        GuestAgentException.class,
                        e -> assertThat(e.retryable()).isFalse())
                .hasMessageContaining("guest-nonsense");
        assertThat(console.text()).contains("agentvm tiny guest: up");
        assertThat(stream.open()).isTrue();

        assertThat(libvirt.domains().destroy(guest.domain)).isTrue();
        assertThat(libvirt.domains().destroy(guest.domain)).isFalse();
        assertThat(guest.awaitStop()).isEqualTo("destroyed");
        assertThat(console.end.orTimeout(5, TimeUnit.SECONDS).join()).isEmpty();
        assertThat(stream.open()).isFalse();
        assertThat(libvirt.domains().state(guest.domain)).isEmpty();
    }

    @Test
    void console_bulkArrivesWhole_closesPromptly_andCanBeTaken() {
        TinyGuest guest = TinyGuest.started(libvirt);
        guest.awaitAgent();
        Collector first = new Collector();
        ByteStream console = libvirt.consoles().openConsole(guest.domain, first);
        // QEMU drops what a guest prints until it has noticed, by looking once a second, that somebody listens.
        Awaitility.await().until(() -> {
            guest.exec(libvirt, "echo heard >/dev/ttyS0");
            return first.text().contains("heard");
        });
        String mark = "the end of it";
        guest.begin(
                libvirt,
                "stty -opost </dev/ttyS0; head -c 300000 /dev/zero | tr '\\0' x >/dev/ttyS0; echo '" + mark
                        + "' >/dev/ttyS0");
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> first.text().contains(mark));
        assertThat(first.text().chars().filter(c -> c == 'x').count()).isEqualTo(300_000);

        Collector second = new Collector();
        ByteStream taken = libvirt.consoles().openConsole(guest.domain, second);
        first.end.orTimeout(5, TimeUnit.SECONDS).join();
        guest.exec(libvirt, "echo second >/dev/ttyS0");
        Awaitility.await().until(() -> second.text().contains("second"));
        assertThat(first.text()).doesNotContain("second");

        long begun = System.nanoTime();
        taken.close();
        taken.close();
        assertThat(second.end.orTimeout(5, TimeUnit.SECONDS).join()).isEmpty();
        assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(PROMPT);
        console.close();
        assertThat(guest.exec(libvirt, "echo alive")).isEqualTo("alive\n");
    }

    @Test
    void channel_carriesBytesBothWays() {
        TinyGuest guest = TinyGuest.started(libvirt);
        guest.awaitAgent();
        guest.begin(
                libvirt,
                "for n in /sys/class/virtio-ports/*; do grep -q " + TinyGuest.CHANNEL
                        + " $n/name && port=/dev/${n##*/}; done; exec 3<>$port; cat <&3 >&3");
        Collector echo = new Collector();
        try (ByteStream channel = libvirt.consoles().openChannel(guest.domain, TinyGuest.CHANNEL, echo)) {
            byte[] sent = "0123456789abcdef".repeat(40_000).getBytes(StandardCharsets.US_ASCII);
            channel.send(ByteBuffer.wrap(sent));
            Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> echo.size() == sent.length);
            assertThat(echo.text()).isEqualTo(new String(sent, StandardCharsets.US_ASCII));
        }
        assertThat(echo.end.orTimeout(5, TimeUnit.SECONDS).join()).isEmpty();
    }

    @Test
    void close_endsWhatWasTiedToIt_andLeavesNothing() {
        // What is one per process is there after this.
        TinyGuest.started(libvirt).awaitAgent();
        libvirt.close();
        Leaks before = Leaks.now();

        Libvirt other = Libvirt.open(LibvirtOptions.of(URI));
        TinyGuest guest = TinyGuest.started(other);
        Collector console = new Collector();
        other.consoles().openConsole(guest.domain, console);
        guest.awaitAgent();
        guest.exec(other, "true");
        other.close();
        assertThat(console.end).isCompletedWithValue(Optional.empty());
        before.assertNone();

        libvirt = Libvirt.open(LibvirtOptions.of(URI));
        Awaitility.await().until(() -> libvirt.domains().state(guest.domain).isEmpty());
    }

    @Test
    void networks_updateInForceAndInTheDefinition() {
        String name = TestDriver.name("net");
        Networks networks = libvirt.networks();
        networks.define(TestDriver.network(name, 91));
        try {
            assertThat(networks.start(name)).isTrue();
            assertThat(networks.start(name)).isFalse();
            String host = "<host mac='52:54:00:00:00:01' name='a' ip='10.9.91.5'/>";
            networks.updateDhcpHost(name, Networks.UpdateCommand.ADD_LAST, host);
            assertThat(networks.xml(name)).contains("10.9.91.5");
            assertThat(networks.inactiveXml(name)).contains("10.9.91.5");
            assertThatThrownBy(() -> networks.updateDhcpHost(name, Networks.UpdateCommand.ADD_LAST, host))
                    .isInstanceOf(AgentVMException.class);
            networks.updateDhcpHost(name, Networks.UpdateCommand.DELETE, host);
            assertThat(networks.xml(name)).doesNotContain("10.9.91.5");
            assertThat(networks.inactiveXml(name)).doesNotContain("10.9.91.5");
            assertThat(networks.leases(name)).isEmpty();
            assertThat(networks.destroy(name)).isTrue();
            assertThat(networks.destroy(name)).isFalse();
        } finally {
            assertThat(networks.undefine(name)).isTrue();
        }
        assertThat(networks.lookup(name)).isEmpty();
    }

    @Test
    void filters_defineLookupUndefine() {
        String name = TestDriver.name("filter");
        UUID uuid = UUID.randomUUID();
        NetworkFilters filters = libvirt.filters();
        String xml = "<filter name='" + name + "' chain='root'><uuid>" + uuid
                + "</uuid><rule action='drop' direction='inout' priority='500'><all/></rule></filter>";
        assertThat(filters.lookup(name)).isEmpty();
        assertThat(filters.undefine(name)).isFalse();
        assertThat(filters.define(xml)).isEqualTo(new NetworkFilters.Info(name, uuid));
        assertThat(filters.lookup(name)).contains(new NetworkFilters.Info(name, uuid));
        assertThat(filters.lookup(uuid)).contains(new NetworkFilters.Info(name, uuid));
        assertThat(filters.xml(name)).hasValueSatisfying(x -> assertThat(x).contains("<all/>"));
        assertThat(filters.list()).contains(name);
        assertThat(filters.binding("no-such-tap")).isEmpty();
        assertThat(filters.undefine(name)).isTrue();
        assertThat(filters.xml(name)).isEmpty();
        assertThatThrownBy(() -> filters.define(xml.replace("<all/>", "<bogus/>")))
                .isInstanceOfSatisfying(
                        AgentVMException.class,
                        e -> assertThat(e.libvirtCode()).hasValue(ErrorCode.XML_INVALID_SCHEMA));
    }

    @Test
    void storage_volumesAreFiles(@TempDir Path directory) throws IOException {
        String pool = TestDriver.name("pool");
        StoragePools storage = libvirt.storage();
        Path target = directory.resolve("pool");
        storage.definePool(
                "<pool type='dir'><name>" + pool + "</name><target><path>" + target + "</path></target></pool>");
        try {
            storage.buildPool(pool);
            assertThat(storage.startPool(pool)).isTrue();
            String xml = "<volume><name>v.qcow2</name><capacity unit='MiB'>8</capacity>"
                    + "<target><format type='qcow2'/></target></volume>";
            String path = storage.createVolume(pool, xml);
            assertThat(Path.of(path)).isEqualTo(target.resolve("v.qcow2")).exists();
            assertThatThrownBy(() -> storage.createVolume(pool, xml))
                    .isInstanceOfSatisfying(
                            AgentVMException.class,
                            e -> assertThat(e.libvirtCode()).hasValue(ErrorCode.STORAGE_VOL_EXIST));
            Files.writeString(target.resolve("stray"), "x");
            storage.refreshPool(pool);
            assertThat(storage.listVolumes(pool)).containsExactlyInAnyOrder("v.qcow2", "stray");
            assertThat(storage.deleteVolume(pool, "v.qcow2")).isTrue();
            assertThat(storage.deleteVolume(pool, "v.qcow2")).isFalse();
            assertThat(Path.of(path)).doesNotExist();
            assertThat(storage.destroyPool(pool)).isTrue();
            assertThat(storage.destroyPool(pool)).isFalse();
        } finally {
            assertThat(storage.undefinePool(pool)).isTrue();
        }
    }
}
