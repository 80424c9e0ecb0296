package dev.agentvm.libvirt.internal.connection;

import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Storage pools and their volumes, by name; errors, timeouts and threads as {@link Libvirt} says. */
public interface StoragePools {
    /** A pool. */
    record PoolInfo(String name, UUID uuid, boolean active) {}

    /** A pool by its name. */
    Optional<PoolInfo> lookupPool(String name);

    /** All pools. */
    List<PoolInfo> listPools();

    /** Defines a persistent pool, or redefines the one of the same name and UUID. */
    PoolInfo definePool(String xml);

    /** Makes what the pool stands on, such as its directory. */
    void buildPool(String name);

    /**
     * Starts a pool.
     *
     * @return whether it was this call that started it; {@code false} if it was active
     */
    boolean startPool(String name);

    /** Whether libvirt starts the pool with the host. */
    void setAutostart(String name, boolean autostart);

    /** Looks for volumes that came or went without libvirt. */
    void refreshPool(String name);

    /** The XML of a pool. */
    String poolXml(String name);

    /**
     * Stops a pool; its volumes stay.
     *
     * @return whether there was one to stop
     */
    boolean destroyPool(String name);

    /**
     * Removes the definition of a pool; its volumes stay.
     *
     * @return whether there was one
     */
    boolean undefinePool(String name);

    /**
     * Creates a volume.
     *
     * @return its path on the host
     */
    String createVolume(String pool, String xml);

    /** Writes the first bytes of a volume; by libvirt, so that who may use libvirt need not be able to write there. */
    void uploadVolume(String pool, String volume, byte[] bytes);

    /** The path of a volume on the host, or empty if there is no such volume (or no such pool). */
    Optional<String> volumePath(String pool, String volume);

    /** The XML of a volume, or empty if there is no such volume (or no such pool). */
    Optional<String> volumeXml(String pool, String volume);

    /** The names of the volumes that libvirt knows in a pool. */
    List<String> listVolumes(String pool);

    /**
     * Deletes a volume.
     *
     * @return whether there was one
     */
    boolean deleteVolume(String pool, String volume);
}
