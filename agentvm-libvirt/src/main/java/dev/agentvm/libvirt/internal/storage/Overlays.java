package dev.agentvm.libvirt.internal.storage;

import dev.agentvm.InvalidTemplateException;
import dev.agentvm.libvirt.internal.xml.FormatXml;
import dev.agentvm.libvirt.internal.xml.PermissionsXml;
import dev.agentvm.libvirt.internal.xml.SizeXml;
import dev.agentvm.libvirt.internal.xml.StorageVolumeXml;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;

/** The disks that VMs work on: qcow2 volumes of a storage pool of our own. Safe for use by many threads. */
public final class Overlays {
    private static final long GIB = 1L << 30;

    private final VolumePool pool;

    /** Volumes of {@code pool}. */
    public Overlays(VolumePool pool) {
        this.pool = pool;
    }

    /** The name of the volume of the VM of that id. */
    public static String volumeName(UUID id) {
        return id + ".qcow2";
    }

    /**
     * Makes a VM's disk.
     *
     * @param id the VM's
     * @param boot what it boots
     * @param diskGiB the size that the guest sees
     * @throws InvalidTemplateException if that is less than the image's own size
     */
    public VMDisk create(UUID id, BootSource boot, int diskGiB) {
        Optional<BootSource.Backing> backing = boot.backing();
        backing.ifPresent(image -> requireRoom(image, diskGiB));
        String volume = volumeName(id);
        return new VMDisk(pool.create(render(volume, backing, diskGiB)), backing);
    }

    private static void requireRoom(BootSource.Backing image, int diskGiB) {
        long size = VirtualSize.of(image);
        if (size > diskGiB * GIB) {
            throw new InvalidTemplateException(
                    "resources.diskGiB",
                    diskGiB,
                    "must be at least " + (size + GIB - 1) / GIB + ", the size of the image " + image.file());
        }
    }

    /** The volume, readable by nobody but root until libvirt hands it to QEMU. */
    static StorageVolumeXml render(String name, Optional<BootSource.Backing> backing, int diskGiB) {
        StorageVolumeXml volume = new StorageVolumeXml();
        volume.name = name;
        volume.capacity = SizeXml.gib(diskGiB);
        volume.allocation = SizeXml.bytes(0);
        volume.target = new StorageVolumeXml.Target();
        volume.target.format = FormatXml.of("qcow2");
        volume.target.permissions = new PermissionsXml();
        volume.target.permissions.mode = "0600";
        backing.ifPresent(image -> {
            volume.backingStore = new StorageVolumeXml.BackingStore();
            volume.backingStore.path = image.file().toString();
            volume.backingStore.format = FormatXml.of(image.format().name().toLowerCase(Locale.ROOT));
        });
        return volume;
    }
}
