package dev.agentvm.libvirt.internal.connection;

import java.util.Optional;

/** Facts about the library, the daemon and its host; errors, timeouts and threads as {@link Libvirt} says. */
public interface HostFacts {
    /** The version of the libvirt library in this process. */
    LibvirtVersion libraryVersion();

    /** The version of the libvirt daemon (of the library, where the URI has no daemon). */
    LibvirtVersion daemonVersion();

    /** The version of the hypervisor, such as QEMU's. */
    LibvirtVersion hypervisorVersion();

    /** The canonical URI of the connection. */
    String uri();

    /** The name of the host. */
    String hostname();

    /** {@code virConnectGetCapabilities}. */
    String capabilitiesXml();

    /** {@code virConnectGetDomainCapabilities}; what is empty is libvirt's choice. */
    String domainCapabilitiesXml(
            Optional<String> emulator, Optional<String> arch, Optional<String> machine, Optional<String> virtType);
}
