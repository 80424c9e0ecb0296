package dev.agentvm.libvirt.internal.storage;

/**
 * A volume of a storage pool.
 *
 * @param pool the pool's name
 * @param name its name there
 * @param path where it lies on the host
 */
public record Volume(String pool, String name, String path) {}
