package dev.agentvm.libvirt.internal.storage;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.StoragePools;
import dev.agentvm.libvirt.internal.xml.FormatXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.internal.xml.PermissionsXml;
import dev.agentvm.libvirt.internal.xml.SizeXml;
import dev.agentvm.libvirt.internal.xml.StoragePoolXml;
import dev.agentvm.libvirt.internal.xml.StorageVolumeXml;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A libvirt storage pool of our own, which is made at first use. Safe for use by many threads. */
public final class VolumePool {
    private static final Logger LOG = LoggerFactory.getLogger(VolumePool.class);
    private static final FailureContext CONTEXT = FailureContext.of("prepare the storage pool");
    private static final int ATTEMPTS = 5;
    private static final Set<String> IN_MEMORY = Set.of("tmpfs", "ramfs");

    private final Libvirt libvirt;
    private final String pool;
    private final Path directory;
    /** Whether the pool of that name has been seen to be what it should be. */
    private volatile boolean ours;

    /**
     * A pool that nothing is asked of yet.
     *
     * @param libvirt where it is
     * @param name its name
     * @param directory where its files lie on the host
     */
    public VolumePool(Libvirt libvirt, String name, Path directory) {
        this.libvirt = libvirt;
        this.pool = name;
        this.directory = directory;
    }

    /** The pool's name. */
    public String name() {
        return pool;
    }

    /** Whether what it holds lies in the host's memory. */
    public boolean isInMemory() {
        return isInMemory(directory);
    }

    static boolean isInMemory(Path directory) {
        try {
            return IN_MEMORY.contains(Files.getFileStore(directory).type());
        } catch (IOException e) {
            LOG.debug("it is not known what {} lies on", directory, e);
            return false;
        }
    }

    /** Makes a volume, in the pool that is made if it is not there. */
    Volume create(StorageVolumeXml volume) {
        ensure();
        String name = Objects.requireNonNull(volume.name);
        // A volume that is made after the caller gave up is deleted.
        String path = libvirt.withUndo(() -> delete(name)).storage().createVolume(pool, LibvirtXml.write(volume));
        return new Volume(pool, name, path);
    }

    /** Makes a volume of that many bytes, which may hold secrets. */
    Volume createRaw(String name, long size) {
        return create(renderRaw(name, size));
    }

    /** Readable by nobody but root until libvirt hands it to QEMU. */
    static StorageVolumeXml renderRaw(String name, long size) {
        StorageVolumeXml volume = new StorageVolumeXml();
        volume.name = name;
        volume.capacity = SizeXml.bytes(size);
        volume.target = new StorageVolumeXml.Target();
        volume.target.format = FormatXml.of("raw");
        volume.target.permissions = new PermissionsXml();
        volume.target.permissions.mode = "0600";
        return volume;
    }

    /** Writes the first bytes of a volume. */
    void upload(Volume volume, byte[] bytes) {
        libvirt.storage().uploadVolume(pool, volume.name(), bytes);
    }

    /** Deletes a volume, if it is there. */
    public void delete(String volume) {
        libvirt.storage().deleteVolume(pool, volume);
    }

    /** The names of its volumes, each with the file that it is an overlay of, if it is of one; none if there is no pool. */
    public Map<String, Optional<Path>> overlays() {
        Map<String, Optional<Path>> overlays = new LinkedHashMap<>();
        if (libvirt.storage()
                .lookupPool(pool)
                .filter(StoragePools.PoolInfo::active)
                .isPresent()) {
            for (String name : libvirt.storage().listVolumes(pool)) {
                // One that is deleted meanwhile is nobody's any more.
                libvirt.storage()
                        .volumeXml(pool, name)
                        .ifPresent(xml -> overlays.put(name, below(LibvirtXml.read(xml, StorageVolumeXml.class))));
            }
        }
        return overlays;
    }

    private static Optional<Path> below(StorageVolumeXml volume) {
        return Optional.ofNullable(volume.backingStore)
                .flatMap(store -> Optional.ofNullable(store.path))
                .map(Path::of);
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
    private void ensure() {
        @Nullable AgentVMException last = null;
        for (int attempt = 0; true; attempt++) {
            Optional<StoragePools.PoolInfo> found = libvirt.storage().lookupPool(pool);
            boolean active = found.isPresent() && found.get().active();
            if (active && ours) {
                return;
            }
            if (attempt == ATTEMPTS) {
                throw last != null
                        ? last
                        : new AgentVMException("The storage pool '" + pool + "' does not stay active", CONTEXT);
            }
            try {
                if (found.isEmpty()) {
                    libvirt.storage().definePool(LibvirtXml.write(render(pool, directory)));
                }
                requireOurs();
                ours = true;
                if (!active) {
                    libvirt.storage().buildPool(pool);
                    libvirt.storage().startPool(pool);
                    libvirt.storage().setAutostart(pool, true);
                }
            } catch (HostNotReadyException e) {
                throw e;
            } catch (AgentVMException e) {
                // Another program may have been quicker; the next look tells.
                LOG.debug("pool {}: {}", pool, e.getMessage());
                last = e;
            }
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
