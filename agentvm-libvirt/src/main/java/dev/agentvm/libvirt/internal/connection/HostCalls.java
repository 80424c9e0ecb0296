package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.connection.Errors.Operation;
import dev.agentvm.libvirt.internal.nativeaccess.NativeConnection;
import dev.agentvm.libvirt.internal.nativeaccess.NativeLibvirt;
import java.util.Optional;

/** {@link HostFacts} over the control connection. */
final class HostCalls implements HostFacts {
    private final Calls calls;

    HostCalls(Lane lane, Scope scope) {
        this.calls = new Calls(lane, scope);
    }

    @Override
    public LibvirtVersion libraryVersion() {
        return calls.get(operation("library version"), c -> LibvirtVersion.of(NativeLibvirt.version()));
    }

    @Override
    public LibvirtVersion daemonVersion() {
        return calls.get(operation("daemon version"), c -> LibvirtVersion.of(c.daemonVersion()));
    }

    @Override
    public LibvirtVersion hypervisorVersion() {
        return calls.get(operation("hypervisor version"), c -> LibvirtVersion.of(c.hypervisorVersion()));
    }

    @Override
    public String uri() {
        return calls.get(operation("URI"), NativeConnection::uri);
    }

    @Override
    public String hostname() {
        return calls.get(operation("hostname"), NativeConnection::hostname);
    }

    @Override
    public String capabilitiesXml() {
        return calls.get(operation("capabilities"), NativeConnection::capabilities);
    }

    @Override
    public String domainCapabilitiesXml(
            Optional<String> emulator, Optional<String> arch, Optional<String> machine, Optional<String> virtType) {
        return calls.get(
                operation("domain capabilities"),
                c -> c.domainCapabilities(
                        emulator.orElse(null), arch.orElse(null), machine.orElse(null), virtType.orElse(null)));
    }

    private static Operation operation(String name) {
        return new Operation(name, null);
    }
}
