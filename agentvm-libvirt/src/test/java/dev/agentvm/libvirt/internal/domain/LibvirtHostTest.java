package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.FailureContext;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.internal.connection.DomainListing;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.DomainState;
import dev.agentvm.libvirt.internal.connection.Domains;
import dev.agentvm.libvirt.internal.connection.GuestAgents;
import dev.agentvm.libvirt.internal.connection.HostFacts;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent;
import dev.agentvm.libvirt.internal.connection.LibvirtListener;
import dev.agentvm.libvirt.internal.connection.NetworkFilters;
import dev.agentvm.libvirt.internal.connection.Networks;
import dev.agentvm.libvirt.internal.network.Stub;
import dev.agentvm.libvirt.internal.xml.OwnerXml;
import dev.agentvm.metrics.MetricsSink;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a libvirt that answers as a test says. */
class LibvirtHostTest {
    private static final DomainState RUNNING = new DomainState(DomainState.State.RUNNING, 0);

    @TempDir
    Path directory = Path.of("");

    private final List<DomainRef> running = IntStream.range(0, 5)
            .mapToObj(i -> new DomainRef(UUID.randomUUID(), "vm" + i))
            .toList();
    private final Stub<Domains> domains = Stub.of(Domains.class)
            .on(
                    "list",
                    running.stream()
                            .map(domain -> new DomainListing(domain, RUNNING, Optional.of("<mark/>")))
                            .toList())
            .on("xml", arguments -> domainXml((DomainRef) arguments[0]))
            .on("state", Optional.of(RUNNING));
    private final Stub<Networks> networks = Stub.of(Networks.class).on("lookup", Optional.empty());
    private final CompletableFuture<LibvirtListener> listener = new CompletableFuture<>();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private LibvirtHost host;

    private static String domainXml(DomainRef domain) {
        return "<domain><name>" + domain.name() + "</name><uuid>" + domain.uuid() + "</uuid><metadata>"
                + "<a:owner xmlns:a='" + OwnerXml.NAMESPACE + "' id='x'/></metadata><devices><interface type='network'>"
                + "<mac address='52:54:c0:a8:65:0a'/><source network='agentvm'/></interface></devices></domain>";
    }

    @BeforeEach
    void open() {
        HostFacts facts = Stub.of(HostFacts.class)
                .on("uri", "qemu:///system")
                .on("hostname", "alpha")
                .on("capabilitiesXml", "<capabilities/>")
                .get();
        Libvirt libvirt = Stub.of(Libvirt.class)
                .on("host", facts)
                .on("domains", domains.get())
                .on("networks", networks.get())
                .on("filters", Stub.of(NetworkFilters.class).get())
                .on("agents", Stub.of(GuestAgents.class).get())
                .on("addListener", arguments -> listener.complete((LibvirtListener) arguments[0]))
                .on("close", true)
                .get();
        Settings settings = TestDriverSettings.of(directory, event -> {});
        Parts parts = Parts.open(settings, libvirt);
        host = new LibvirtHost(
                parts, GuardProgram.guard(settings, parts.journals().ownerId()), MetricsSink.none());
    }

    @AfterEach
    void close() {
        threads.shutdownNow();
        host.close();
    }

    /** Each VM would try the connection again for itself, and ask for all. */
    @Test
    void connectionLostAgainWhileVMsAreAskedFor_theOthersAreNotAsked() {
        List<VM> held = host.list();
        assertThat(held).hasSize(5);
        AtomicInteger asked = new AtomicInteger();
        domains.on("state", arguments -> {
            asked.incrementAndGet();
            throw new HypervisorUnavailableException("libvirt is away", FailureContext.of("state"));
        });

        listener.join().onEvent(new LibvirtEvent.ConnectionRegained());

        Awaitility.await()
                .during(Duration.ofMillis(300))
                .atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(asked).hasValue(1));
        assertThat(held).hasSize(5);
    }

    @Test
    void find_domainThatEndsWhileItIsLookedAt_isNotFound() {
        domains.on("state", Optional.empty());

        assertThat(host.find("vm0")).isEmpty();
    }

    @Test
    void find_libvirtThatIsSlow_holdsUpNoEvents() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch answer = new CountDownLatch(1);
        networks.on("lookup", arguments -> {
            asked.countDown();
            awaitAnswer(answer);
            return Optional.empty();
        });
        CompletableFuture<Optional<VM>> search = CompletableFuture.supplyAsync(() -> host.find("vm0"), threads);
        assertThat(asked.await(10, TimeUnit.SECONDS)).isTrue();

        LibvirtEvent ofAnother =
                new LibvirtEvent.AgentLifecycle(running.get(1), true, LibvirtEvent.AgentReason.CHANNEL);
        CompletableFuture<Void> told =
                CompletableFuture.runAsync(() -> listener.join().onEvent(ofAnother), threads);
        try {
            told.get(10, TimeUnit.SECONDS);
            assertThat(search).isNotDone();
        } finally {
            answer.countDown();
        }
        assertThat(search.get(10, TimeUnit.SECONDS)).isPresent();
    }

    private static void awaitAnswer(CountDownLatch answer) {
        try {
            assertThat(answer.await(20, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Whether others use it is asked of libvirt, which takes its time. */
    @Test
    void idleVM_thatIsUsedWhileOthersAreAsked_isKept() {
        LibvirtVM vm = (LibvirtVM) host.find("vm0").orElseThrow();
        AtomicInteger asked = new AtomicInteger();
        AtomicInteger destroyed = new AtomicInteger();
        domains.on("setMetadata", true)
                .on("destroy", arguments -> destroyed.incrementAndGet() > 0)
                .on("xml", arguments -> {
                    if (asked.getAndIncrement() == 0) {
                        vm.activity().begin();
                    }
                    return domainXml((DomainRef) arguments[0]);
                });

        host.watch(
                vm,
                new VMTemplate.Builder()
                        .name("vm0")
                        .idleTimeout(Duration.ofMillis(50))
                        .build());

        Awaitility.await().until(() -> asked.get() > 0);
        Awaitility.await()
                .during(Duration.ofMillis(300))
                .atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(destroyed).hasValue(0));
        assertThat(vm.endReason()).isEmpty();
    }
}
