package dev.agentvm.benchmarks;

import dev.agentvm.LaunchStep;
import dev.agentvm.Resources;
import dev.agentvm.libvirt.internal.connection.CreateFlag;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent;
import dev.agentvm.libvirt.internal.connection.LibvirtListener;
import dev.agentvm.libvirt.internal.network.AddressPool;
import dev.agentvm.libvirt.internal.network.Attached;
import dev.agentvm.libvirt.internal.network.FilterCompiler;
import dev.agentvm.libvirt.internal.network.FilterRenderer;
import dev.agentvm.libvirt.internal.network.ManagedNetwork;
import dev.agentvm.libvirt.internal.storage.BootSource;
import dev.agentvm.libvirt.internal.storage.Overlays;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.libvirt.internal.xml.FormatXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.internal.xml.PermissionsXml;
import dev.agentvm.libvirt.internal.xml.SizeXml;
import dev.agentvm.libvirt.internal.xml.StorageVolumeXml;
import dev.agentvm.network.NetworkPolicy;
import java.util.EnumSet;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * The least that gets libvirt to the same VM: its documents are written beforehand, and nothing is checked, written down
 * or watched. Volume, filter, domain, resume, and the same event awaited.
 */
final class DirectVM implements AutoCloseable {
    private static final long TIMEOUT_SECONDS = 120;

    private final Libvirt libvirt;
    private final DomainRef domain;
    private final VMDisk disk;
    private final String volumeXml;
    private final String filterName;
    private final String filterXml;
    private final String domainXml;

    private DirectVM(Libvirt libvirt, UUID vm, VMDisk disk, String volumeXml, String filterXml, String domainXml) {
        this.libvirt = libvirt;
        this.domain = new DomainRef(vm, Bench.NAME);
        this.disk = disk;
        this.volumeXml = volumeXml;
        this.filterName = FilterRenderer.name(vm);
        this.filterXml = filterXml;
        this.domainXml = domainXml;
    }

    /** Writes the documents, and takes an address. */
    static DirectVM prepare(Libvirt libvirt, ManagedNetwork network, Resources resources, NetworkPolicy policy) {
        UUID vm = UUID.randomUUID();
        BootSource boot = Bench.boot();
        VMDisk disk = Bench.disk(vm, boot);
        Attached attached = Bench.reserve(libvirt, network, vm);
        Bench.Card card = new Bench.Card(network, attached, FilterRenderer.name(vm));
        return new DirectVM(
                libvirt,
                vm,
                disk,
                LibvirtXml.write(volume(disk, resources)),
                LibvirtXml.write(
                        FilterRenderer.render(FilterCompiler.compile(policy, attached, policy.denied()), vm, vm)),
                LibvirtXml.write(Bench.domain(vm, disk, boot, resources, card)));
    }

    private static StorageVolumeXml volume(VMDisk disk, Resources resources) {
        StorageVolumeXml volume = new StorageVolumeXml();
        volume.name = disk.volume().name();
        volume.capacity = SizeXml.gib(resources.diskGiB());
        volume.allocation = SizeXml.bytes(0);
        StorageVolumeXml.Target target = new StorageVolumeXml.Target();
        target.format = FormatXml.of("qcow2");
        target.permissions = new PermissionsXml();
        target.permissions.mode = "0600";
        volume.target = target;
        disk.backing().ifPresent(image -> {
            StorageVolumeXml.BackingStore backing = new StorageVolumeXml.BackingStore();
            backing.path = image.file().toString();
            backing.format = FormatXml.of(image.format().name().toLowerCase(Locale.ROOT));
            volume.backingStore = backing;
        });
        return volume;
    }

    DomainRef domain() {
        return domain;
    }

    /** Launches it, until its agent is there. */
    void launch(StepTimes times) throws InterruptedException {
        CountDownLatch agent = new CountDownLatch(1);
        LibvirtListener listener = event -> {
            if (event instanceof LibvirtEvent.AgentLifecycle change
                    && change.connected()
                    && change.domain().uuid().equals(domain.uuid())) {
                agent.countDown();
            }
        };
        libvirt.addListener(listener);
        try {
            libvirt.storage().createVolume(disk.volume().pool(), volumeXml);
            times.done(LaunchStep.DISK_MADE);
            libvirt.filters().define(filterXml);
            times.done(LaunchStep.POLICY_DEFINED);
            libvirt.domains().create(domainXml, EnumSet.of(CreateFlag.START_PAUSED, CreateFlag.AUTODESTROY));
            times.done(LaunchStep.DOMAIN_CREATED);
            libvirt.domains().resume(domain);
            times.done(LaunchStep.RESUMED);
            if (!agent.await(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
                throw new IllegalStateException("no guest agent within " + TIMEOUT_SECONDS + " s");
            }
            times.done(LaunchStep.AGENT_READY);
        } finally {
            libvirt.removeListener(listener);
        }
    }

    /** Removes all of it. */
    @Override
    public void close() {
        libvirt.domains().destroy(domain);
        libvirt.filters().undefine(filterName);
        libvirt.storage().deleteVolume(disk.volume().pool(), Overlays.volumeName(domain.uuid()));
        new AddressPool(libvirt).release(domain.uuid());
    }
}
