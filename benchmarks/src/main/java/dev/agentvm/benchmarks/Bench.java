package dev.agentvm.benchmarks;

import dev.agentvm.Accelerator;
import dev.agentvm.GuestImage;
import dev.agentvm.NamedImage;
import dev.agentvm.Resources;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.domain.DomainPlan;
import dev.agentvm.libvirt.internal.domain.DomainRenderer;
import dev.agentvm.libvirt.internal.nativeaccess.UserId;
import dev.agentvm.libvirt.internal.network.AddressPool;
import dev.agentvm.libvirt.internal.network.Attached;
import dev.agentvm.libvirt.internal.network.HostView;
import dev.agentvm.libvirt.internal.network.ManagedNetwork;
import dev.agentvm.libvirt.internal.network.NetworkSettings;
import dev.agentvm.libvirt.internal.storage.BootSource;
import dev.agentvm.libvirt.internal.storage.ImageDirectory;
import dev.agentvm.libvirt.internal.storage.Overlays;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.libvirt.internal.storage.Volume;
import dev.agentvm.libvirt.internal.storage.VolumePool;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.network.BandwidthLimit;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** What benchmarks use to make domains themselves that are as the library makes them. */
final class Bench {
    static final String NAME = "bench";
    /** The least, with busybox. */
    static final NamedImage IMAGE = GuestImage.named("tiny");

    /** And what agents work in. */
    static final List<NamedImage> IMAGES = List.of(IMAGE, GuestImage.named("debian"));

    private static final String POOL = "agentvm";
    private static final Path POOL_DIRECTORY = Path.of("/var/lib/libvirt/agentvm");
    private static final Path IMAGE_DIRECTORY = Path.of("/var/lib/agentvm/images");

    /** A lab's disks are on a tmpfs. */
    private static final int LAYERS_IN_MEMORY = 1;

    private Bench() {}

    /** The library, with its files where this class expects them. */
    static LibvirtHypervisor hypervisor() {
        return new LibvirtHypervisor.Builder()
                .imageDirectory(IMAGE_DIRECTORY)
                .storagePool(POOL, POOL_DIRECTORY)
                .connect();
    }

    /** Nothing but a name and an image. */
    static VMTemplate template(GuestImage image) {
        return new VMTemplate.Builder().name(NAME).image(image).build();
    }

    /** What runs the guests, which the lab has found out. */
    static Accelerator accelerator() {
        String wanted = System.getenv().getOrDefault(LibvirtHypervisor.Builder.ACCELERATOR_VARIABLE, "kvm");
        return Arrays.stream(Accelerator.values())
                .filter(value -> value.name().toLowerCase(Locale.ROOT).equals(wanted))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("unknown accelerator " + wanted));
    }

    static BootSource boot() {
        return new ImageDirectory(IMAGE_DIRECTORY).resolve(IMAGE);
    }

    static Overlays overlays(Libvirt libvirt) {
        return new Overlays(new VolumePool(libvirt, POOL, POOL_DIRECTORY));
    }

    /** The disk that {@link Overlays} makes for a VM of that id, before it is made. */
    static VMDisk disk(UUID vm, BootSource boot) {
        String volume = Overlays.volumeName(vm);
        return new VMDisk(
                new Volume(POOL, volume, POOL_DIRECTORY.resolve(volume).toString()), boot.backing());
    }

    static ManagedNetwork network(Libvirt libvirt) {
        return ManagedNetwork.ensure(libvirt, NetworkSettings.standard(), HostView.local());
    }

    /** A place on the network for that VM. */
    static Attached reserve(Libvirt libvirt, ManagedNetwork network, UUID vm) {
        return network.attach(new AddressPool(libvirt).reserve(network, vm), HostView.local());
    }

    /** The domain that the library makes for a template that has nothing but its name and image. */
    static DomainXml domain(UUID vm, VMDisk disk, BootSource boot, Resources resources, Card card) {
        return DomainRenderer.render(new DomainPlan(
                vm,
                NAME,
                accelerator(),
                false,
                resources,
                boot,
                disk,
                LAYERS_IN_MEMORY,
                Optional.empty(),
                Optional.empty(),
                Optional.of(new DomainPlan.Card(
                        card.attached().vm().mac(),
                        new DomainPlan.Link.Network(card.network().name()),
                        "bench" + vm.toString().substring(0, 8),
                        card.filter(),
                        BandwidthLimit.unlimited())),
                NAME,
                UserId.own(),
                Map.of(),
                Instant.EPOCH,
                Optional.empty()));
    }

    /**
     * A network card.
     *
     * @param network what it is plugged into
     * @param attached whose it is
     * @param filter the name of the filter that binds it
     */
    record Card(ManagedNetwork network, Attached attached, String filter) {}
}
