package dev.agentvm.libvirt.internal.network;

import java.nio.file.Path;
import java.util.Optional;

/** What this library looks at on the host, read anew at each call. A seam for tests. Safe for use by many threads. */
public interface HostView {
    /** Where a service reads taps for those who may not, if nothing else is said. */
    Path FLOW_LOG_SOCKET = Path.of("/run/agentvm/flowlog.sock");

    /** The contents of a file, without blanks around; empty if it cannot be read. */
    Optional<String> read(String path);

    /** Whether a program of that name is where libvirt looks for programs. */
    boolean hasProgram(String name);

    /** Whether this process may read and write that file. */
    boolean isUsable(String path);

    /** Whether what passes the taps of VMs can be read, by this process or by the service for it. */
    boolean mayCapture();

    /** Whether the kernel tells this process how many bytes a connection moved, if it counts them. */
    boolean mayCountConnections();

    /** What a program, from where libvirt looks for them, prints if it ends well within two seconds; else empty. */
    Optional<String> run(String... command);

    /** All IPv4 addresses of the host that others than itself could reach, on whatever interface. */
    HostAddresses addresses();

    /** The host that this program runs on. */
    static HostView local() {
        return local(FLOW_LOG_SOCKET);
    }

    /**
     * The same.
     *
     * @param flowLogSocket where a service reads taps for those who may not
     */
    static HostView local(Path flowLogSocket) {
        return new LocalHost(flowLogSocket);
    }
}
