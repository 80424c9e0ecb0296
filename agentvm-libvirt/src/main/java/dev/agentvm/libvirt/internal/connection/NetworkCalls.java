package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.connection.Errors.Operation;
import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import dev.agentvm.libvirt.internal.nativeaccess.LibvirtError;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** {@link Networks} over control connections. */
final class NetworkCalls implements Networks {
    private final Calls calls;

    NetworkCalls(Lane lane, Scope scope) {
        this.calls = new Calls(lane, scope);
    }

    @Override
    public Optional<Info> lookup(String name) {
        return calls.find(operation("lookup", name), c -> c.networks().byName(name, Info::new), ErrorCode.NO_NETWORK);
    }

    @Override
    public List<Info> list() {
        return calls.read(
                new Operation("list of networks", null), c -> c.networks().list(Info::new));
    }

    @Override
    public Info define(String xml) {
        return calls.get(
                new Operation("network definition", null), c -> c.networks().define(xml, Info::new));
    }

    @Override
    public boolean start(String name) {
        return calls.get(operation("start", name), c -> {
            try {
                c.networks().start(name);
                return true;
            } catch (LibvirtError e) {
                if (e.is(ErrorCode.OPERATION_INVALID) && c.networks().active(name)) {
                    return false;
                }
                throw e;
            }
        });
    }

    @Override
    public void setAutostart(String name, boolean autostart) {
        calls.run(operation("autostart", name), c -> c.networks().setAutostart(name, autostart));
    }

    @Override
    public String xml(String name) {
        return calls.read(operation("XML", name), c -> c.networks().xml(name, false));
    }

    @Override
    public String inactiveXml(String name) {
        return calls.read(operation("XML", name), c -> c.networks().xml(name, true));
    }

    @Override
    public void updateDhcpHost(String name, UpdateCommand command, String hostXml) {
        calls.run(operation("update", name), c -> c.networks().updateDhcpHost(name, command.number(), hostXml));
    }

    @Override
    public boolean destroy(String name) {
        return calls.get(operation("destroy", name), c -> {
            try {
                c.networks().destroy(name);
                return true;
            } catch (LibvirtError e) {
                if (e.is(ErrorCode.NO_NETWORK)
                        || (e.is(ErrorCode.OPERATION_INVALID) && !c.networks().active(name))) {
                    return false;
                }
                throw e;
            }
        });
    }

    @Override
    public boolean undefine(String name) {
        return calls.done(operation("undefine", name), c -> c.networks().undefine(name), ErrorCode.NO_NETWORK);
    }

    @Override
    public List<Lease> leases(String name) {
        return calls.read(
                operation("leases", name),
                c -> c.networks()
                        .leases(
                                name,
                                (mac, address, hostname, expires) -> new Lease(
                                        Objects.requireNonNullElse(mac, ""),
                                        Objects.requireNonNullElse(address, ""),
                                        Objects.requireNonNullElse(hostname, ""),
                                        expires)));
    }

    private static Operation operation(String what, String name) {
        return new Operation(what + " of network '" + name + "'", null);
    }
}
