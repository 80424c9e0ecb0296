package dev.agentvm.libvirt.internal.storage;

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
        return pool.createRaw(name, 0);
    }
}
