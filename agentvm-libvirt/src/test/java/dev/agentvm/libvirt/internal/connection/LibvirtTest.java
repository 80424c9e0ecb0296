package dev.agentvm.libvirt.internal.connection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.AgentVMException;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.VMAlreadyExistsException;
import dev.agentvm.VMNotFoundException;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent.DomainLifecycle;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent.LifecycleType;
import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;

@TestInstance(Lifecycle.PER_CLASS)
class LibvirtTest {
    private Libvirt libvirt;

    @BeforeAll
    void open() {
        libvirt = Libvirt.open(LibvirtOptions.of(TestDriver.URI));
    }

    @AfterAll
    void close() {
        libvirt.close();
    }

    @Test
    void host_facts() {
        HostFacts host = libvirt.host();
        assertThat(host.libraryVersion()).isGreaterThanOrEqualTo(new LibvirtVersion(8, 0, 0));
        assertThat(host.daemonVersion()).isEqualTo(host.libraryVersion());
        assertThat(host.uri()).isEqualTo(TestDriver.URI);
        assertThat(host.hostname()).isNotEmpty();
        assertThat(host.capabilitiesXml()).contains("<capabilities>");
        assertThatThrownBy(() -> host.domainCapabilitiesXml(
                        Optional.empty(), Optional.empty(), Optional.empty(), Optional.of("test")))
                .as("the test driver has none")
                .isInstanceOfSatisfying(
                        AgentVMException.class, e -> assertThat(e.libvirtCode()).hasValue(ErrorCode.NO_SUPPORT));
    }

    @Test
    void create_lives_isListed_andEnds() {
        UUID uuid = UUID.randomUUID();
        String name = TestDriver.name("vm");
        DomainRef domain = libvirt.domains()
                .create(
                        TestDriver.domain(name, uuid, "grün & 日本".replace("&", "&amp;")),
                        EnumSet.of(CreateFlag.VALIDATE));
        assertThat(domain).isEqualTo(new DomainRef(uuid, name));
        assertThat(libvirt.domains().state(domain).orElseThrow().state()).isEqualTo(DomainState.State.RUNNING);
        assertThat(libvirt.domains().lookup(name)).contains(domain);
        assertThat(libvirt.domains().lookup(uuid)).contains(domain);
        assertThat(libvirt.domains().xml(domain)).contains("<description>grün &amp; 日本</description>");

        DomainListing line = libvirt.domains().list(TestDriver.NAMESPACE).stream()
                .filter(l -> l.domain().equals(domain))
                .findAny()
                .orElseThrow();
        assertThat(line.metadata()).hasValueSatisfying(xml -> assertThat(xml).contains("grün &amp; 日本"));
        assertThat(libvirt.domains().list("urn:other"))
                .filteredOn(l -> l.domain().equals(domain))
                .allSatisfy(l -> assertThat(l.metadata()).isEmpty());

        libvirt.domains().suspend(domain);
        assertThat(libvirt.domains().state(domain).orElseThrow().state()).isEqualTo(DomainState.State.PAUSED);
        libvirt.domains().resume(domain);
        assertThat(libvirt.domains().state(domain).orElseThrow().state()).isEqualTo(DomainState.State.RUNNING);

        assertThat(libvirt.domains().destroy(domain)).isTrue();
        assertThat(libvirt.domains().destroy(domain)).isFalse();
        assertThat(libvirt.domains().state(domain)).isEmpty();
        assertThat(libvirt.domains().lookup(uuid)).isEmpty();
        assertThat(libvirt.domains().undefine(domain)).isFalse();
    }

    @Test
    void missingDomain_everyCall_saysSo() {
        DomainRef nobody = new DomainRef(UUID.randomUUID(), "nobody");
        for (Runnable call : List.<Runnable>of(
                () -> libvirt.domains().resume(nobody),
                () -> libvirt.domains().suspend(nobody),
                () -> libvirt.domains().xml(nobody),
                () -> libvirt.consoles().openConsole(nobody, new Collector()),
                () -> libvirt.agents().command(nobody, "{\"execute\":\"guest-ping\"}", Duration.ofSeconds(5)))) {
            assertThatThrownBy(call::run).isInstanceOfSatisfying(VMNotFoundException.class, e -> {
                assertThat(e.vmName()).contains("nobody");
                assertThat(e.libvirtCode()).hasValue(ErrorCode.NO_DOMAIN);
                assertThat(e.libvirtDomain()).isPresent();
                assertThat(e).hasMessageContaining("nobody");
            });
        }
    }

    @Test
    void create_takenName_saysSo() {
        String name = TestDriver.name("vm");
        DomainRef domain = libvirt.domains().create(TestDriver.domain(name, UUID.randomUUID(), "a"), Set.of());
        try {
            assertThatThrownBy(
                            () -> libvirt.domains().create(TestDriver.domain(name, UUID.randomUUID(), "b"), Set.of()))
                    .isInstanceOf(VMAlreadyExistsException.class);
        } finally {
            libvirt.domains().destroy(domain);
        }
    }

    @Test
    void create_invalidXml_refusedBySchema() {
        String xml = TestDriver.domain(TestDriver.name("vm"), UUID.randomUUID(), "a")
                .replace("</domain>", "<bogus/></domain>");
        assertThatThrownBy(() -> libvirt.domains().create(xml, Set.of(CreateFlag.VALIDATE)))
                .isExactlyInstanceOf(AgentVMException.class)
                .isInstanceOfSatisfying(
                        AgentVMException.class, e -> assertThat(e.libvirtCode()).hasValue(ErrorCode.XML_INVALID_SCHEMA))
                .hasMessageContaining("bogus");
    }

    @Test
    void events_arriveInOrder_offTheEventLoop() throws InterruptedException {
        BlockingQueue<DomainLifecycle> events = new LinkedBlockingQueue<>();
        BlockingQueue<String> threads = new LinkedBlockingQueue<>();
        DomainRef expected = new DomainRef(UUID.randomUUID(), TestDriver.name("vm"));
        LibvirtListener listener = event -> {
            if (event instanceof DomainLifecycle lifecycle && lifecycle.domain().equals(expected)) {
                threads.add(Thread.currentThread().getName());
                events.add(lifecycle);
            }
        };
        libvirt.addListener(listener);
        libvirt.addListener(event -> {
            throw new IllegalStateException("a listener that fails disturbs no other");
        });
        try {
            DomainRef domain =
                    libvirt.domains().create(TestDriver.domain(expected.name(), expected.uuid(), "a"), Set.of());
            libvirt.domains().suspend(domain);
            libvirt.domains().resume(domain);
            libvirt.domains().destroy(domain);
            List<LifecycleType> types = new ArrayList<>();
            String lastDetail = "";
            for (int i = 0; i < 4; i++) {
                DomainLifecycle next = Objects.requireNonNull(events.poll(5, TimeUnit.SECONDS));
                types.add(next.type());
                lastDetail = next.detailText();
            }
            assertThat(types)
                    .containsExactly(
                            LifecycleType.STARTED,
                            LifecycleType.SUSPENDED,
                            LifecycleType.RESUMED,
                            LifecycleType.STOPPED);
            assertThat(lastDetail).isEqualTo("destroyed");
            assertThat(threads).allMatch(name -> name.startsWith("agentvm-libvirt-notify"));
        } finally {
            libvirt.removeListener(listener);
        }
    }

    @Test
    void networks_defineStartStop() {
        String name = TestDriver.name("net");
        Networks networks = libvirt.networks();
        assertThat(networks.lookup(name)).isEmpty();
        assertThat(networks.undefine(name)).isFalse();
        assertThat(networks.destroy(name)).isFalse();

        Networks.Info defined = networks.define(TestDriver.network(name, 77));
        assertThat(defined.name()).isEqualTo(name);
        assertThat(defined.active()).isFalse();
        assertThat(networks.start(name)).isTrue();
        assertThat(networks.start(name)).isFalse();
        networks.setAutostart(name, true);
        assertThat(networks.lookup(name)).hasValueSatisfying(info -> {
            assertThat(info.active()).isTrue();
            assertThat(info.persistent()).isTrue();
            assertThat(info.uuid()).isEqualTo(defined.uuid());
        });
        assertThat(networks.list()).extracting(Networks.Info::name).contains(name);

        String host = "<host mac='52:54:00:00:00:01' name='a' ip='10.9.77.5'/>";
        networks.updateDhcpHost(name, Networks.UpdateCommand.ADD_LAST, host);
        assertThat(networks.xml(name)).contains("10.9.77.5");
        assertThatThrownBy(() -> networks.updateDhcpHost(name, Networks.UpdateCommand.ADD_LAST, host))
                .isInstanceOf(AgentVMException.class);
        networks.updateDhcpHost(name, Networks.UpdateCommand.DELETE, host);
        assertThat(networks.xml(name)).doesNotContain("10.9.77.5");

        assertThat(networks.destroy(name)).isTrue();
        assertThat(networks.undefine(name)).isTrue();
        assertThat(networks.undefine(name)).isFalse();
        assertThatThrownBy(
                        () -> networks.define(TestDriver.network(name, 78).replace("</network>", "<bogus/></network>")))
                .isInstanceOfSatisfying(
                        AgentVMException.class,
                        e -> assertThat(e.libvirtCode()).hasValue(ErrorCode.XML_INVALID_SCHEMA));
    }

    @Test
    void storage_poolsAndVolumes() {
        String pool = TestDriver.name("pool");
        StoragePools storage = libvirt.storage();
        assertThat(storage.lookupPool(pool)).isEmpty();
        assertThat(storage.volumePath(pool, "v")).isEmpty();
        storage.definePool("<pool type='dir'><name>" + pool + "</name><target><path>/nowhere</path></target></pool>");
        storage.buildPool(pool);
        assertThat(storage.startPool(pool)).isTrue();
        assertThat(storage.startPool(pool)).isFalse();
        storage.setAutostart(pool, true);
        storage.refreshPool(pool);
        assertThat(storage.lookupPool(pool))
                .hasValueSatisfying(info -> assertThat(info.active()).isTrue());
        assertThat(storage.listPools()).extracting(StoragePools.PoolInfo::name).contains(pool);
        assertThat(storage.poolXml(pool)).contains("/nowhere");

        String xml = "<volume><name>v</name><capacity unit='MiB'>1</capacity></volume>";
        assertThat(storage.createVolume(pool, xml)).isEqualTo("/nowhere/v");
        assertThat(storage.volumePath(pool, "v")).contains("/nowhere/v");
        assertThat(storage.volumeXml(pool, "v"))
                .hasValueSatisfying(v -> assertThat(v).contains("<name>v</name>"));
        assertThat(storage.listVolumes(pool)).containsExactly("v");
        assertThatThrownBy(() -> storage.createVolume(pool, xml))
                .isInstanceOfSatisfying(
                        AgentVMException.class, e -> assertThat(e.libvirtCode()).hasValue(ErrorCode.OPERATION_FAILED));
        assertThat(storage.deleteVolume(pool, "v")).isTrue();
        assertThat(storage.deleteVolume(pool, "v")).isFalse();

        assertThat(storage.destroyPool(pool)).isTrue();
        assertThat(storage.destroyPool(pool)).isFalse();
        assertThat(storage.undefinePool(pool)).isTrue();
        assertThat(storage.undefinePool(pool)).isFalse();
    }

    @Test
    void errors_fromManyThreads_areTheRightOnes() throws Exception {
        for (ExecutorService executor : executors()) {
            try {
                List<Future<Integer>> wrong = IntStream.range(0, 16)
                        .mapToObj(thread -> executor.submit(() -> wrongErrors(thread)))
                        .toList();
                for (Future<Integer> count : wrong) {
                    assertThat(count.get(60, TimeUnit.SECONDS)).isZero();
                }
            } finally {
                executor.shutdownNow();
            }
        }
    }

    private int wrongErrors(int thread) {
        int wrong = 0;
        for (int i = 0; i < 200; i++) {
            DomainRef nobody = new DomainRef(UUID.randomUUID(), "nobody-" + thread + "-" + i);
            String network = "no-net-" + thread + "-" + i;
            try {
                libvirt.domains().resume(nobody);
                wrong++;
            } catch (VMNotFoundException e) {
                wrong += e.libvirtCode().orElse(0) == ErrorCode.NO_DOMAIN ? 0 : 1;
            }
            try {
                libvirt.networks().xml(network);
                wrong++;
            } catch (AgentVMException e) {
                wrong += e.libvirtCode().orElse(0) == ErrorCode.NO_NETWORK
                                && String.valueOf(e.getMessage()).contains(network)
                        ? 0
                        : 1;
            }
        }
        return wrong;
    }

    /** Platform threads, and virtual ones where there are any. */
    private static List<ExecutorService> executors() throws ReflectiveOperationException {
        List<ExecutorService> executors = new ArrayList<>();
        executors.add(Executors.newFixedThreadPool(16));
        if (Runtime.version().feature() >= 21) {
            executors.add((ExecutorService)
                    Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null));
        }
        return executors;
    }

    @Test
    void interrupted_caller_getsResultOrException_andKeepsTheFlag() {
        for (int i = 0; i < 100; i++) {
            Thread.currentThread().interrupt();
            try {
                assertThat(libvirt.host().capabilitiesXml()).isNotEmpty();
            } catch (AgentVMException e) {
                assertThat(e.retryable()).isTrue();
                assertThat(e).hasMessageContaining("interrupted");
            }
            assertThat(Thread.interrupted()).isTrue();
        }
        assertThat(libvirt.host().hostname()).isNotEmpty();
    }

    @Test
    void closed_libvirt_refuses() {
        Libvirt other = Libvirt.open(LibvirtOptions.of(TestDriver.URI));
        other.close();
        other.close();
        assertThatThrownBy(() -> other.host().hostname())
                .isInstanceOf(HypervisorUnavailableException.class)
                .hasMessageContaining("closed");
        assertThatThrownBy(() ->
                        other.agents().command(new DomainRef(UUID.randomUUID(), "a"), "{}", Duration.ofSeconds(1)))
                .isInstanceOf(HypervisorUnavailableException.class);
        assertThat(other.connected()).isFalse();
    }

    @Test
    void open_withoutDaemon_saysWhatWasTried() {
        assertThatThrownBy(() -> Libvirt.open(LibvirtOptions.of("qemu:///system?socket=/nowhere/libvirt-sock")))
                .isInstanceOf(HypervisorUnavailableException.class)
                .hasMessageContainingAll(
                        "qemu:///system", "/nowhere/libvirt-sock does not exist", "user ", "systemctl");
    }

    @Test
    void open_badUri_saysSo() {
        assertThatThrownBy(() -> Libvirt.open(LibvirtOptions.of("nonsense:///x")))
                .isInstanceOf(HypervisorUnavailableException.class)
                .hasMessageContainingAll("nonsense:///x", "Check the URI");
    }
}
