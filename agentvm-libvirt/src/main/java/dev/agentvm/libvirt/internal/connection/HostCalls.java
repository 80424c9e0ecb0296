package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.connection.Errors.Operation;
import dev.agentvm.libvirt.internal.nativeaccess.NativeConnection;
import dev.agentvm.libvirt.internal.nativeaccess.NativeLibvirt;
import java.util.Optional;

/** {@link HostFacts} over control connections. */
final class HostCalls implements HostFacts {
    private final Calls calls;

    HostCalls(Lane lane, Scope scope) {
        this.calls = new Calls(lane, scope);
    }

    @Override
    public LibvirtVersion libraryVersion() {
        return calls.read(operation("library version"), c -> LibvirtVersion.of(NativeLibvirt.version()));
    }

    @Override
    public LibvirtVersion daemonVersion() {
        return calls.read(operation("daemon version"), c -> LibvirtVersion.of(c.daemonVersion()));
    }

    @Override
    public LibvirtVersion hypervisorVersion() {
        return calls.read(operation("hypervisor version"), c -> LibvirtVersion.of(c.hypervisorVersion()));
    }

    @Override
    public String uri() {
        return calls.read(operation("URI"), NativeConnection::uri);
    }

    @Override
    public String hostname() {
        return calls.read(operation("hostname"), NativeConnection::hostname);
    }

    @Override
    public String capabilitiesXml() {
        return calls.read(operation("capabilities"), NativeConnection::capabilities);
    }

    @Override
    public String domainCapabilitiesXml(
            Optional<String> emulator, Optional<String> arch, Optional<String> machine, Optional<String> virtType) {
        return calls.read(
                operation("domain capabilities"),
                c -> c.domainCapabilities(
                        emulator.orElse(null), arch.orElse(null), machine.orElse(null), virtType.orElse(null)));
    }

    private static Operation operation(String name) {
        return new Operation(name, null);
    }
}
