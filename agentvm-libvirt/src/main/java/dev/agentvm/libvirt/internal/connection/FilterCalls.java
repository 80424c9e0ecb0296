package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.connection.Errors.Operation;
import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** {@link NetworkFilters} over control connections. */
final class FilterCalls implements NetworkFilters {
    private final Calls calls;

    FilterCalls(Lane lane, Scope scope) {
        this.calls = new Calls(lane, scope);
    }

    @Override
    public Info define(String xml) {
        return calls.get(
                new Operation("network filter definition", null),
                c -> c.filters().define(xml, Info::new));
    }

    @Override
    public Optional<Info> lookup(String name) {
        return calls.find(operation("lookup", name), c -> c.filters().byName(name, Info::new), ErrorCode.NO_NWFILTER);
    }

    @Override
    public Optional<Info> lookup(UUID uuid) {
        return calls.find(
                operation("lookup", uuid.toString()), c -> c.filters().byUuid(uuid, Info::new), ErrorCode.NO_NWFILTER);
    }

    @Override
    public Optional<String> xml(String name) {
        return calls.find(operation("XML", name), c -> c.filters().xml(name), ErrorCode.NO_NWFILTER);
    }

    @Override
    public List<String> list() {
        return calls.read(
                new Operation("list of network filters", null), c -> c.filters().list());
    }

    @Override
    public boolean undefine(String name) {
        return calls.done(operation("undefine", name), c -> c.filters().undefine(name), ErrorCode.NO_NWFILTER);
    }

    @Override
    public Optional<Binding> binding(String portDevice) {
        return calls.find(
                new Operation("network filter binding of '" + portDevice + "'", null),
                c -> c.filters().binding(portDevice, Binding::new),
                ErrorCode.NO_NWFILTER_BINDING);
    }

    private static Operation operation(String what, String name) {
        return new Operation(what + " of network filter '" + name + "'", null);
    }
}
