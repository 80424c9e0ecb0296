package dev.agentvm.libvirt.internal.storage;

import java.util.UUID;

/**
 * Files for what VMs' UEFI firmware remembers. libvirt's own would have the VM's name, outlive it, and be read by the next
 * VM of that name; volumes are removed as all else. Safe for use by many threads.
 */
public final class FirmwareVariables {
    private final VolumePool pool;

    /** Volumes of {@code pool}. */
    public FirmwareVariables(VolumePool pool) {
        this.pool = pool;
    }

    /** The name of the volume of the VM of that id. */
    public static String volumeName(UUID id) {
        return id + ".nvram";
    }

    /** Makes an empty one, into which libvirt copies the firmware's template each time it creates the domain. */
    public Volume create(UUID id) {
        return pool.createRaw(volumeName(id), 0);
    }
}
