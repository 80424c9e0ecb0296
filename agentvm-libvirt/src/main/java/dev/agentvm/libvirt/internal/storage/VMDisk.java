package dev.agentvm.libvirt.internal.storage;

import java.util.Optional;

/**
 * A VM's own disk, a qcow2 volume.
 *
 * @param volume where it is
 * @param backing what it is an overlay of; a blank disk has nothing
 */
public record VMDisk(Volume volume, Optional<BootSource.Backing> backing) {}
