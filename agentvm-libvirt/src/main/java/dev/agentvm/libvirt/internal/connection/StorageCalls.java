package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.connection.Errors.Operation;
import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import dev.agentvm.libvirt.internal.nativeaccess.LibvirtError;
import java.util.List;
import java.util.Optional;

/** {@link StoragePools} over control connections. */
final class StorageCalls implements StoragePools {
    private final Calls calls;

    StorageCalls(Lane lane, Scope scope) {
        this.calls = new Calls(lane, scope);
    }

    @Override
    public Optional<PoolInfo> lookupPool(String name) {
        return calls.find(
                pool("lookup", name), c -> c.storage().byName(name, PoolInfo::new), ErrorCode.NO_STORAGE_POOL);
    }

    @Override
    public List<PoolInfo> listPools() {
        return calls.read(
                new Operation("list of storage pools", null), c -> c.storage().list(PoolInfo::new));
    }

    @Override
    public PoolInfo definePool(String xml) {
        return calls.get(
                new Operation("storage pool definition", null), c -> c.storage().define(xml, PoolInfo::new));
    }

    @Override
    public void buildPool(String name) {
        calls.run(pool("build", name), c -> c.storage().build(name));
    }

    @Override
    public boolean startPool(String name) {
        return calls.get(pool("start", name), c -> {
            try {
                c.storage().start(name);
                return true;
            } catch (LibvirtError e) {
                if (e.is(ErrorCode.OPERATION_INVALID) && c.storage().active(name)) {
                    return false;
                }
                throw e;
            }
        });
    }

    @Override
    public void setAutostart(String name, boolean autostart) {
        calls.run(pool("autostart", name), c -> c.storage().setAutostart(name, autostart));
    }

    @Override
    public void refreshPool(String name) {
        calls.run(pool("refresh", name), c -> c.storage().refresh(name));
    }

    @Override
    public String poolXml(String name) {
        return calls.read(pool("XML", name), c -> c.storage().xml(name));
    }

    @Override
    public boolean destroyPool(String name) {
        return calls.get(pool("stop", name), c -> {
            try {
                c.storage().destroy(name);
                return true;
            } catch (LibvirtError e) {
                if (e.is(ErrorCode.NO_STORAGE_POOL)
                        || (e.is(ErrorCode.OPERATION_INVALID) && !c.storage().active(name))) {
                    return false;
                }
                throw e;
            }
        });
    }

    @Override
    public boolean undefinePool(String name) {
        return calls.done(pool("undefine", name), c -> c.storage().undefine(name), ErrorCode.NO_STORAGE_POOL);
    }

    @Override
    public String createVolume(String pool, String xml) {
        return calls.get(pool("new volume", pool), c -> c.storage().createVolume(pool, xml));
    }

    @Override
    public void uploadVolume(String pool, String volume, byte[] bytes) {
        calls.run(volume("upload", pool, volume), c -> c.storage().uploadVolume(pool, volume, bytes));
    }

    @Override
    public Optional<String> volumePath(String pool, String volume) {
        return calls.find(
                volume("path", pool, volume),
                c -> c.storage().volumePath(pool, volume),
                ErrorCode.NO_STORAGE_VOL,
                ErrorCode.NO_STORAGE_POOL);
    }

    @Override
    public Optional<String> volumeXml(String pool, String volume) {
        return calls.find(
                volume("XML", pool, volume),
                c -> c.storage().volumeXml(pool, volume),
                ErrorCode.NO_STORAGE_VOL,
                ErrorCode.NO_STORAGE_POOL);
    }

    @Override
    public List<String> listVolumes(String pool) {
        return calls.read(pool("list of volumes", pool), c -> c.storage().listVolumes(pool));
    }

    @Override
    public boolean deleteVolume(String pool, String volume) {
        return calls.done(
                volume("deletion", pool, volume),
                c -> c.storage().deleteVolume(pool, volume),
                ErrorCode.NO_STORAGE_VOL,
                ErrorCode.NO_STORAGE_POOL);
    }

    private static Operation pool(String what, String name) {
        return new Operation(what + " of storage pool '" + name + "'", null);
    }

    private static Operation volume(String what, String pool, String name) {
        return new Operation(what + " of volume '" + name + "' in storage pool '" + pool + "'", null);
    }
}
