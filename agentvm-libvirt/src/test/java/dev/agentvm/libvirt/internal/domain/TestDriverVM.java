package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.event.VMEventListener;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Domains;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.journal.Resource;
import dev.agentvm.libvirt.internal.storage.BootSource;
import dev.agentvm.libvirt.internal.storage.Overlays;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.spi.VMEventSource;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A host on libvirt's own test driver, and one VM there: a domain that can be paused and destroyed, though no guest runs in
 * it. What libvirt answers about domains can be altered.
 */
final class TestDriverVM implements AutoCloseable {
    static final BootSource BLANK =
            new BootSource.FromKernel(Path.of("/kernel"), Optional.empty(), "", Optional.empty());

    private final DomainRef domain = new DomainRef(UUID.randomUUID(), "vm-" + UUID.randomUUID());
    private final Map<String, Function<Object[], Object>> answers = new ConcurrentHashMap<>();
    private final Libvirt real;
    private final LibvirtHost host;
    private final VMEventSource events;
    private final LibvirtVM vm;
    private final Ledger ledger;
    private @Nullable VMDisk disk;
    private @Nullable Snapshots snapshots;

    TestDriverVM(Path directory, VMEventListener listener) {
        Settings settings = TestDriverSettings.of(directory, listener);
        Parts parts = Parts.open(settings);
        real = parts.libvirt();
        host = new LibvirtHost(
                new Parts(
                        Altered.domains(real, answers),
                        parts.journals(),
                        parts.images(),
                        parts.volumes(),
                        parts.networking(),
                        parts.taps(),
                        parts.events(),
                        parts.sampling(),
                        parts.requirements(),
                        parts.clock()),
                GuardProgram.guard(settings, parts.journals().ownerId()),
                settings.metrics());
        events = VMEventSource.ofLaunch(
                parts.events(), parts.clock(), VMIdentity.of(domain.uuid(), domain.name()), Optional.empty());
        ledger = new Ledger(parts.journals().begin(domain.uuid(), domain.name(), false), List.of());
        vm = host.register(new LibvirtVM.Identity(domain, Map.of(), List.of(), true), events, ledger);
    }

    /** Makes its disk and its domain. */
    void create(BootSource boot) {
        create(boot, unused -> {});
    }

    /**
     * Makes its disk and its domain.
     *
     * @param again what makes its domain anew when it is put back to before the boot
     */
    void create(BootSource boot, Consumer<VMDisk> again) {
        Parts parts = host.parts();
        ledger.announce(Resource.VOLUME, parts.volumes().name(), Overlays.volumeName(domain.uuid()));
        VMDisk own = new Overlays(parts.volumes()).create(domain.uuid(), boot, 1);
        ledger.announce(Resource.DOMAIN, domain.uuid().toString(), domain.name());
        DomainRef made = real.domains()
                .create(
                        "<domain type='test'><name>" + domain.name() + "</name><uuid>" + domain.uuid() + "</uuid>"
                                + "<memory unit='MiB'>64</memory><os><type arch='i686'>hvm</type></os>"
                                + "<devices><disk type='file' device='disk'><source file='"
                                + own.volume().path() + "'/><target dev='" + DomainRenderer.OWN_DISK
                                + "' bus='virtio'/></disk></devices></domain>",
                        Set.of());
        Blueprint blueprint = new Blueprint(made, boot, false, Optional.empty(), Duration.ofSeconds(1), again);
        Layers layers = new Layers(domain.uuid(), parts.volumes(), ledger, own, 1);
        snapshots = new Snapshots(host, vm, blueprint, new Return(host, vm, blueprint), layers, own);
        disk = own;
    }

    /** Its launch is complete; {@code tell} tells so. */
    void launched(Runnable tell) {
        vm.launched(snapshots(), new Standstill(host, vm), tell);
    }

    /** Calls of that name on domains are answered so from now on. */
    void on(String method, Function<Object[], Object> answer) {
        answers.put(method, answer);
    }

    /** Domains, as they really are. */
    Domains domains() {
        return real.domains();
    }

    LibvirtHost host() {
        return host;
    }

    LibvirtVM vm() {
        return vm;
    }

    VMEventSource events() {
        return events;
    }

    VMDisk disk() {
        return Objects.requireNonNull(disk);
    }

    Snapshots snapshots() {
        return Objects.requireNonNull(snapshots);
    }

    @Override
    public void close() {
        answers.clear();
        host.close();
    }
}
