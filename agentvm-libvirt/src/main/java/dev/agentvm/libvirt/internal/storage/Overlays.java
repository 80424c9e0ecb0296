package dev.agentvm.libvirt.internal.storage;

import dev.agentvm.DiskFormat;
import dev.agentvm.InvalidTemplateException;
import dev.agentvm.libvirt.internal.xml.FormatXml;
import dev.agentvm.libvirt.internal.xml.PermissionsXml;
import dev.agentvm.libvirt.internal.xml.SizeXml;
import dev.agentvm.libvirt.internal.xml.StorageVolumeXml;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;

/** The disks that VMs work on: qcow2 volumes of a storage pool of our own. Safe for use by many threads. */
public final class Overlays {
    private static final long GIB = 1L << 30;
    private static final int UUID_LENGTH = 36;

    private final VolumePool pool;

    /** Volumes of {@code pool}. */
    public Overlays(VolumePool pool) {
        this.pool = pool;
    }

    /** The name of the volume of the VM of that id. */
    public static String volumeName(UUID id) {
        return id + ".qcow2";
    }

    /** The id of the VM whose volume has that name, if it is one of a VM. */
    public static Optional<UUID> vm(String volumeName) {
        try {
            return Optional.of(UUID.fromString(volumeName.substring(0, Math.min(UUID_LENGTH, volumeName.length()))));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
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
        return create(volumeName(id), List.of(), backing, diskGiB);
    }

    /**
     * Makes a VM another disk.
     *
     * @param name the volume's
     * @param layers the volumes that it is an overlay of, as in {@link VMDisk}
     * @param backing what these are an overlay of
     * @param diskGiB the size that the guest sees
     */
    public VMDisk create(String name, List<Volume> layers, Optional<BootSource.Backing> backing, int diskGiB) {
        Optional<BootSource.Backing> below = layers.isEmpty()
                ? backing
                : Optional.of(new BootSource.Backing(Path.of(layers.get(0).path()), DiskFormat.QCOW2));
        return new VMDisk(pool.create(render(name, below, diskGiB)), layers, backing);
    }

    /** The name of one of the volumes that the VM of that id gets later, for snapshots; the first is number 1. */
    public static String volumeName(UUID id, int number) {
        return id + "-" + number + ".qcow2";
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
