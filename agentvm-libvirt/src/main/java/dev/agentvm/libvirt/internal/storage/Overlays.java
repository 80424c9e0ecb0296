package dev.agentvm.libvirt.internal.storage;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.InvalidTemplateException;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.StoragePools;
import dev.agentvm.libvirt.internal.xml.FormatXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.internal.xml.PermissionsXml;
import dev.agentvm.libvirt.internal.xml.SizeXml;
import dev.agentvm.libvirt.internal.xml.StoragePoolXml;
import dev.agentvm.libvirt.internal.xml.StorageVolumeXml;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;

/**
 * The disks that VMs work on: qcow2 volumes of a libvirt storage pool of our own. Safe for use by many threads.
 */
public final class Overlays {
    private static final long GIB = 1L << 30;

    private final Libvirt libvirt;
    private final String pool;
    private final Path directory;

    /**
     * Volumes of {@code pool}, which is made in {@code directory} at first use.
     *
     * @param libvirt where the pool is
     * @param pool its name
     * @param directory where its files lie on the host
     */
    public Overlays(Libvirt libvirt, String pool, Path directory) {
        this.libvirt = libvirt;
        this.pool = pool;
        this.directory = directory;
    }

    /** The pool's name. */
    public String pool() {
        return pool;
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
        ensurePool();
        String volume = volumeName(id);
        String path = libvirt.storage().createVolume(pool, LibvirtXml.write(render(volume, backing, diskGiB)));
        return new VMDisk(pool, volume, path, backing);
    }

    /** Deletes a volume that {@link #create} made; does nothing if it is gone. */
    public void delete(String volume) {
        libvirt.storage().deleteVolume(pool, volume);
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

    /** The pool, whose files only QEMU's user can get at, each by its own path. */
    static StoragePoolXml render(String name, Path directory) {
        StoragePoolXml pool = new StoragePoolXml();
        pool.type = "dir";
        pool.name = name;
        pool.target = new StoragePoolXml.Target();
        pool.target.path = directory.toString();
        pool.target.permissions = new PermissionsXml();
        pool.target.permissions.mode = "0711";
        return pool;
    }

    private void ensurePool() {
        Optional<StoragePools.PoolInfo> found = libvirt.storage().lookupPool(pool);
        if (found.isEmpty()) {
            define();
        } else if (found.get().active()) {
            return;
        }
        requireOurs();
        libvirt.storage().startPool(pool);
    }

    private void define() {
        try {
            libvirt.storage().definePool(LibvirtXml.write(render(pool, directory)));
            libvirt.storage().buildPool(pool);
            libvirt.storage().setAutostart(pool, true);
        } catch (AgentVMException e) {
            // Another program may have defined it just now.
            if (libvirt.storage().lookupPool(pool).isEmpty()) {
                throw e;
            }
        }
    }

    private void requireOurs() {
        StoragePoolXml actual = LibvirtXml.read(libvirt.storage().poolXml(pool), StoragePoolXml.class);
        String path = actual.target == null ? null : actual.target.path;
        if (!"dir".equals(actual.type) || !directory.toString().equals(path)) {
            throw new AgentVMException(
                    "The storage pool '" + pool + "' is a " + actual.type + " pool at " + path + ", not a directory at "
                            + directory + "; remove it, or choose another with storagePool(…)",
                    FailureContext.of("prepare the storage pool"));
        }
    }
}
