package dev.agentvm.libvirt.internal.storage;

import java.util.Optional;

/**
 * A VM's own disk, a qcow2 volume.
 *
 * @param pool the pool that holds it
 * @param volume its name there
 * @param path where it lies on the host
 * @param backing what it is an overlay of; a blank disk has nothing
 */
public record VMDisk(String pool, String volume, String path, Optional<BootSource.Backing> backing) {}
