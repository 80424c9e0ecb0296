package dev.agentvm.libvirt.internal.storage;

import dev.agentvm.libvirt.internal.xml.FormatXml;
import dev.agentvm.libvirt.internal.xml.PermissionsXml;
import dev.agentvm.libvirt.internal.xml.SizeXml;
import dev.agentvm.libvirt.internal.xml.StorageVolumeXml;
import java.util.UUID;

/** Files for the memory of VMs: volumes, so that they can be removed by libvirt as all else. Safe for use by many threads. */
public final class SavedMemories {
    private final VolumePool pool;

    /** Volumes of {@code pool}. */
    public SavedMemories(VolumePool pool) {
        this.pool = pool;
    }

    /** The name of one of the volumes of the VM of that id. */
    public static String volumeName(UUID id, int number) {
        return id + "-" + number + ".save";
    }

    /** Makes an empty one, for libvirt to write into. */
    public Volume create(String name) {
        return pool.create(render(name));
    }

    /** The volume, which holds all that the guest had in memory: readable by nobody but root. */
    static StorageVolumeXml render(String name) {
        StorageVolumeXml volume = new StorageVolumeXml();
        volume.name = name;
        volume.capacity = SizeXml.bytes(0);
        volume.target = new StorageVolumeXml.Target();
        volume.target.format = FormatXml.of("raw");
        volume.target.permissions = new PermissionsXml();
        volume.target.permissions.mode = "0600";
        return volume;
    }
}
