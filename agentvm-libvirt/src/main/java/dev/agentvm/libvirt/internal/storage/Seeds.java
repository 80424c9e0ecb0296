package dev.agentvm.libvirt.internal.storage;

import dev.agentvm.libvirt.internal.xml.FormatXml;
import dev.agentvm.libvirt.internal.xml.PermissionsXml;
import dev.agentvm.libvirt.internal.xml.SizeXml;
import dev.agentvm.libvirt.internal.xml.StorageVolumeXml;
import java.util.UUID;

/**
 * The disks that tell guests what to become at their first boot: small raw volumes, beside the VMs' own disks. Safe for
 * use by many threads.
 */
public final class Seeds {
    private final VolumePool pool;

    /** Volumes of {@code pool}. */
    public Seeds(VolumePool pool) {
        this.pool = pool;
    }

    /** The name of the volume of the VM of that id. */
    public static String volumeName(UUID id) {
        return id + "-seed.iso";
    }

    /**
     * Makes a VM's seed.
     *
     * @param id the VM's
     * @param content all that it holds
     */
    public Volume create(UUID id, byte[] content) {
        Volume seed = pool.create(render(volumeName(id), content.length));
        pool.upload(seed, content);
        return seed;
    }

    /** The volume, which may hold secrets: readable by nobody but root until libvirt hands it to QEMU. */
    static StorageVolumeXml render(String name, int size) {
        StorageVolumeXml volume = new StorageVolumeXml();
        volume.name = name;
        volume.capacity = SizeXml.bytes(size);
        volume.target = new StorageVolumeXml.Target();
        volume.target.format = FormatXml.of("raw");
        volume.target.permissions = new PermissionsXml();
        volume.target.permissions.mode = "0600";
        return volume;
    }
}
