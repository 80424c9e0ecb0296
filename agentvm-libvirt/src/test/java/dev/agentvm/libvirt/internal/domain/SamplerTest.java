package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.VMState;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.event.VMRestored;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.DomainStatistics;
import dev.agentvm.libvirt.internal.connection.Domains;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.network.Stub;
import dev.agentvm.spi.VMEventSource;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SamplerTest {
    private static final int FLEET = 7;

    @TempDir
    Path directory = Path.of("");

    private final List<VMEvent> told = new CopyOnWriteArrayList<>();
    private final AtomicInteger calls = new AtomicInteger();
    private final Map<UUID, DomainStatistics> statistics = new HashMap<>();
    /** What happens when they have been read and not been told yet. */
    private Runnable meanwhile = () -> {};
    /** Any other call fails. */
    private final Sampler sampler = new Sampler(Stub.of(Libvirt.class)
            .on(
                    "domains",
                    Stub.of(Domains.class)
                            .on("statistics", arguments -> {
                                calls.incrementAndGet();
                                Map<UUID, DomainStatistics> read = Map.copyOf(statistics);
                                meanwhile.run();
                                return read;
                            })
                            .get())
            .get());

    private Parts parts;

    @BeforeEach
    void open() {
        parts = Parts.open(TestDriverSettings.of(directory, told::add));
    }

    @AfterEach
    void close() {
        parts.close();
    }

    /** A VM that runs; what it uses libvirt is asked for when it is sampled. */
    private LibvirtVM vm(int number) {
        DomainRef domain = new DomainRef(UUID.randomUUID(), "vm-" + number);
        statistics.put(domain.uuid(), received(number));
        return new LibvirtVM(
                parts,
                new LibvirtVM.Identity(domain, Map.of(), List.of(), true),
                VMState.RUNNING,
                new Common(new Activity(parts.clock(), mark -> {})),
                VMEventSource.ofForeign(parts.events(), parts.clock(), VMIdentity.of(domain.uuid(), domain.name())),
                () -> {});
    }

    private static DomainStatistics received(long bytes) {
        return new DomainStatistics(
                Optional.empty(),
                OptionalInt.empty(),
                OptionalLong.empty(),
                OptionalLong.of(bytes),
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalLong.empty());
    }

    @Test
    void sample_wholeFleet_isOneCallEachTimeAndItsOwnNumbersForEachVM() {
        List<LibvirtVM> fleet = IntStream.range(0, FLEET).mapToObj(this::vm).toList();

        sampler.sample(fleet);
        assertThat(calls).hasValue(1);
        sampler.sample(fleet);
        assertThat(calls).hasValue(2);

        assertThat(parts.events().close(Duration.ofSeconds(10))).isTrue();
        assertThat(told).hasSize(2 * FLEET).allSatisfy(event -> {
            TrafficSampled sample = (TrafficSampled) event;
            assertThat(sample.vm().name())
                    .isEqualTo("vm-" + sample.receivedBytes().getAsLong());
        });
        assertThat(told.stream().map(event -> event.vm().id()).distinct()).hasSize(FLEET);
    }

    @Test
    void sample_noVM_callsNobody() {
        sampler.sample(List.of());

        assertThat(calls).hasValue(0);
    }

    @Test
    void sample_vmThatEndsMeanwhile_isNotToldOfAfterItsEnd() {
        LibvirtVM vm = vm(1);
        meanwhile = () -> vm.events().closed("closed");

        sampler.sample(List.of(vm));

        assertThat(parts.events().close(Duration.ofSeconds(10))).isTrue();
        assertThat(told).singleElement().isInstanceOf(VMClosed.class);
    }

    @Test
    void sample_vmThatIsPutBackMeanwhile_isNotToldOfUntilTheNext() {
        LibvirtVM vm = vm(1);
        VMEventSource.Restore first = vm.events().restoring(Optional.empty());
        meanwhile = first::done;
        sampler.sample(List.of(vm));
        meanwhile = () -> vm.events().restoring(Optional.empty()).done();
        sampler.sample(List.of(vm));
        meanwhile = () -> {};
        sampler.sample(List.of(vm));

        assertThat(parts.events().close(Duration.ofSeconds(10))).isTrue();
        assertThat(told)
                .satisfiesExactly(
                        event -> assertThat(event).isInstanceOf(VMRestored.class),
                        event -> assertThat(event).isInstanceOf(VMRestored.class),
                        event -> assertThat(event).isInstanceOf(TrafficSampled.class));
    }

    @Test
    void sample_vmThatLibvirtNoLongerKnows_isLeftOut() {
        LibvirtVM gone = vm(1);
        statistics.clear();

        sampler.sample(List.of(gone, vm(2)));

        assertThat(parts.events().close(Duration.ofSeconds(10))).isTrue();
        assertThat(told)
                .singleElement()
                .satisfies(event -> assertThat(event.vm().name()).isEqualTo("vm-2"));
    }
}
