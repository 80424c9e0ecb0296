package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.event.VMPaused;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.journal.Resource;
import dev.agentvm.libvirt.internal.storage.BootSource;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.libvirt.internal.storage.Volume;
import dev.agentvm.spi.VMEventSource;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On libvirt's own test driver, whose domains can be paused, though no guest runs in them. */
class StandstillTest {
    @TempDir
    Path directory = Path.of("");

    private final DomainRef domain = new DomainRef(UUID.randomUUID(), "still-" + UUID.randomUUID());
    private final List<VMEvent> told = new CopyOnWriteArrayList<>();
    private LibvirtHost host;
    private VMEventSource events;

    @BeforeEach
    void open() {
        host = LibvirtHost.openAsIs(TestDriverSettings.of(directory, told::add));
        events = VMEventSource.ofLaunch(
                host.parts().events(),
                host.parts().clock(),
                VMIdentity.of(domain.uuid(), domain.name()),
                Optional.empty());
    }

    @AfterEach
    void close() {
        host.close();
    }

    @Test
    void pause_asSoonAsTheVMIsLaunched_isToldAfterTheLaunch() {
        Ledger ledger = new Ledger(host.parts().journals().begin(domain.uuid(), domain.name(), false), List.of());
        LibvirtVM vm = launching(ledger);
        Thread other = new Thread(vm::pause);

        vm.launched(snapshots(vm, ledger), new Standstill(host, vm), () -> {
            other.start();
            await().until(() -> vm.changes().hasQueuedThreads() || !other.isAlive());
            events.launched(new VMLaunched.Builder());
        });

        await().until(() -> told.stream().anyMatch(VMPaused.class::isInstance));
        assertThat(told)
                .filteredOn(event -> event instanceof VMLaunched || event instanceof VMPaused)
                .extracting(event -> event instanceof VMLaunched ? "launched" : "paused")
                .containsExactly("launched", "paused");
    }

    private LibvirtVM launching(Ledger ledger) {
        LibvirtVM vm = host.register(new LibvirtVM.Identity(domain, Map.of(), List.of(), true), events, ledger);
        ledger.announce(Resource.DOMAIN, domain.uuid().toString(), domain.name());
        host.parts()
                .libvirt()
                .domains()
                .create(
                        "<domain type='test'><name>" + domain.name() + "</name><uuid>" + domain.uuid() + "</uuid>"
                                + "<memory unit='MiB'>64</memory><os><type arch='i686'>hvm</type></os></domain>",
                        Set.of());
        return vm;
    }

    private Snapshots snapshots(LibvirtVM vm, Ledger ledger) {
        VMDisk disk = new VMDisk(new Volume("agentvm", "disk", "/disk"), Optional.empty());
        Blueprint blueprint = new Blueprint(
                domain,
                new BootSource.FromKernel(Path.of("/kernel"), Optional.empty(), "", Optional.empty()),
                false,
                Optional.empty(),
                Duration.ofMinutes(1),
                unused -> {});
        Layers layers = new Layers(domain.uuid(), host.parts().volumes(), ledger, disk, 1);
        return new Snapshots(host, vm, blueprint, new Return(host, vm, blueprint), layers, disk);
    }
}
