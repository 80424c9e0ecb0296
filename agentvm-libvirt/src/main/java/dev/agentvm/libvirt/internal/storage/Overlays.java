package dev.agentvm.libvirt.internal.storage;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.HostNotReadyException;
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
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The disks that VMs work on: qcow2 volumes of a libvirt storage pool of our own. Safe for use by many threads.
 */
public final class Overlays {
    private static final Logger LOG = LoggerFactory.getLogger(Overlays.class);
    private static final FailureContext CONTEXT = FailureContext.of("prepare the storage pool");
    private static final int ATTEMPTS = 5;
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
        // A volume that is made after the caller gave up is deleted.
        String path = libvirt.withUndo(() -> delete(volume))
                .storage()
                .createVolume(pool, LibvirtXml.write(render(volume, backing, diskGiB)));
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

    /** Programs that do this at the same moment, or died in the middle of it, end with the same pool. */
    private void ensurePool() {
        @Nullable AgentVMException last = null;
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Optional<StoragePools.PoolInfo> found = libvirt.storage().lookupPool(pool);
            if (found.isPresent() && found.get().active()) {
                return;
            }
            try {
                if (found.isEmpty()) {
                    libvirt.storage().definePool(LibvirtXml.write(render(pool, directory)));
                }
                requireOurs();
                libvirt.storage().buildPool(pool);
                libvirt.storage().startPool(pool);
                libvirt.storage().setAutostart(pool, true);
            } catch (HostNotReadyException e) {
                throw e;
            } catch (AgentVMException e) {
                // Another program may have been quicker; the next look tells.
                LOG.debug("pool {}: {}", pool, e.getMessage());
                last = e;
            }
        }
        if (libvirt.storage()
                .lookupPool(pool)
                .filter(StoragePools.PoolInfo::active)
                .isEmpty()) {
            throw last != null
                    ? last
                    : new AgentVMException("The storage pool '" + pool + "' does not stay active", CONTEXT);
        }
    }

    private void requireOurs() {
        StoragePoolXml actual = LibvirtXml.read(libvirt.storage().poolXml(pool), StoragePoolXml.class);
        String path = actual.target == null ? null : actual.target.path;
        if (!"dir".equals(actual.type) || !directory.toString().equals(path)) {
            throw new HostNotReadyException(
                    "The storage pool '" + pool + "' is a " + actual.type + " pool at " + path + ", not a directory at "
                            + directory + "; remove it, or choose another with storagePool(…)",
                    CONTEXT);
        }
    }
}
