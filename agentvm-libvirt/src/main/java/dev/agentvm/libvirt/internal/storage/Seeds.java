package dev.agentvm.libvirt.internal.storage;

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
        Volume seed = pool.createRaw(volumeName(id), content.length);
        pool.upload(seed, content);
        return seed;
    }
}
