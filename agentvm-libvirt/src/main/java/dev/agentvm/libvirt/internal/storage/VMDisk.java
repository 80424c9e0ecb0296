package dev.agentvm.libvirt.internal.storage;

import java.util.List;
import java.util.Optional;

/**
 * A VM's own disk, a qcow2 volume.
 *
 * @param volume where it is
 * @param layers what it is an overlay of: earlier volumes of the VM, the latest first, each an overlay of the next
 * @param backing what the last of these is an overlay of; a blank disk has nothing
 */
public record VMDisk(Volume volume, List<Volume> layers, Optional<BootSource.Backing> backing) {
    /** Copies the list. */
    public VMDisk {
        layers = List.copyOf(layers);
    }

    /** A disk without layers. */
    public VMDisk(Volume volume, Optional<BootSource.Backing> backing) {
        this(volume, List.of(), backing);
    }
}
