package dev.agentvm.libvirt.internal.nativeaccess;

import static dev.agentvm.libvirt.internal.nativeaccess.Memories.check;
import static dev.agentvm.libvirt.internal.nativeaccess.Memories.take;
import static dev.agentvm.libvirt.internal.nativeaccess.Memories.takeList;

import com.sun.jna.Pointer;
import java.util.List;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Storage pools and volumes: each call looks its object up, uses it and frees it. */
public final class NativeStorage {
    private final Pointer connection;

    NativeStorage(Pointer connection) {
        this.connection = connection;
    }

    /** Makes a value of a pool. */
    public interface PoolReader<T> {
        T of(String name, UUID uuid, boolean active);
    }

    /** Finds a pool by its name. */
    public <T> T byName(String name, PoolReader<T> reader) {
        return with(name, p -> read(p, reader));
    }

    /** {@code virConnectListAllStoragePools}. */
    public <T> List<T> list(PoolReader<T> reader) {
        return takeList(
                array -> Virt.INSTANCE.virConnectListAllStoragePools(connection, array, 0),
                p -> read(p, reader),
                Virt.INSTANCE::virStoragePoolFree);
    }

    /** {@code virStoragePoolDefineXML}. */
    public <T> T define(String xml, PoolReader<T> reader) {
        return using(Virt.INSTANCE.virStoragePoolDefineXML(connection, xml, 0), p -> read(p, reader));
    }

    /** Whether the pool is active. */
    public boolean active(String name) {
        return with(name, p -> check(Virt.INSTANCE.virStoragePoolIsActive(p)) == 1);
    }

    /** {@code virStoragePoolBuild}. */
    public void build(String name) {
        with(name, p -> check(Virt.INSTANCE.virStoragePoolBuild(p, 0)));
    }

    /** {@code virStoragePoolCreate}. */
    public void start(String name) {
        with(name, p -> check(Virt.INSTANCE.virStoragePoolCreate(p, 0)));
    }

    /** {@code virStoragePoolSetAutostart}. */
    public void setAutostart(String name, boolean autostart) {
        with(name, p -> check(Virt.INSTANCE.virStoragePoolSetAutostart(p, autostart ? 1 : 0)));
    }

    /** {@code virStoragePoolRefresh}. */
    public void refresh(String name) {
        with(name, p -> check(Virt.INSTANCE.virStoragePoolRefresh(p, 0)));
    }

    /** {@code virStoragePoolGetXMLDesc}. */
    public String xml(String name) {
        return with(name, p -> take(Virt.INSTANCE.virStoragePoolGetXMLDesc(p, 0)));
    }

    /** {@code virStoragePoolDestroy}. */
    public void destroy(String name) {
        with(name, p -> check(Virt.INSTANCE.virStoragePoolDestroy(p)));
    }

    /** {@code virStoragePoolUndefine}. */
    public void undefine(String name) {
        with(name, p -> check(Virt.INSTANCE.virStoragePoolUndefine(p)));
    }

    /** {@code virStorageVolCreateXML}; returns the path. */
    public String createVolume(String pool, String xml) {
        return with(
                pool,
                p -> usingVolume(
                        Virt.INSTANCE.virStorageVolCreateXML(p, xml, 0),
                        v -> take(Virt.INSTANCE.virStorageVolGetPath(v))));
    }

    /** {@code virStorageVolGetPath}. */
    public String volumePath(String pool, String volume) {
        return withVolume(pool, volume, v -> take(Virt.INSTANCE.virStorageVolGetPath(v)));
    }

    /** {@code virStorageVolGetXMLDesc}. */
    public String volumeXml(String pool, String volume) {
        return withVolume(pool, volume, v -> take(Virt.INSTANCE.virStorageVolGetXMLDesc(v, 0)));
    }

    /** {@code virStorageVolDelete}. */
    public void deleteVolume(String pool, String volume) {
        withVolume(pool, volume, v -> check(Virt.INSTANCE.virStorageVolDelete(v, 0)));
    }

    /** {@code virStorageVolUpload}: the volume's first bytes; waits until libvirt has written them. */
    public void uploadVolume(String pool, String volume, byte[] bytes) {
        withVolume(pool, volume, v -> {
            NativeStream.send(connection, bytes, s -> Virt.INSTANCE.virStorageVolUpload(v, s, 0, bytes.length, 0));
            return true;
        });
    }

    /** {@code virStoragePoolListAllVolumes}: the names. */
    public List<String> listVolumes(String pool) {
        return with(
                pool,
                p -> takeList(
                        array -> Virt.INSTANCE.virStoragePoolListAllVolumes(p, array, 0),
                        Virt.INSTANCE::virStorageVolGetName,
                        Virt.INSTANCE::virStorageVolFree));
    }

    private static <T> T read(Pointer pool, PoolReader<T> reader) {
        return reader.of(
                Virt.INSTANCE.virStoragePoolGetName(pool),
                Memories.uuid(pool, Virt.INSTANCE::virStoragePoolGetUUIDString),
                check(Virt.INSTANCE.virStoragePoolIsActive(pool)) == 1);
    }

    private <T> T with(String name, Function<Pointer, T> call) {
        return using(Virt.INSTANCE.virStoragePoolLookupByName(connection, name), call);
    }

    private <T> T withVolume(String pool, String volume, Function<Pointer, T> call) {
        return with(pool, p -> usingVolume(Virt.INSTANCE.virStorageVolLookupByName(p, volume), call));
    }

    private static <T> T using(@Nullable Pointer pool, Function<Pointer, T> call) {
        Pointer present = check(pool);
        try {
            return call.apply(present);
        } finally {
            Virt.INSTANCE.virStoragePoolFree(present);
        }
    }

    private static <T> T usingVolume(@Nullable Pointer volume, Function<Pointer, T> call) {
        Pointer present = check(volume);
        try {
            return call.apply(present);
        } finally {
            Virt.INSTANCE.virStorageVolFree(present);
        }
    }
}
