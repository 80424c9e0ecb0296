package dev.agentvm.libvirt.internal.network;

import dev.agentvm.network.IPv4Address;
import java.util.Optional;
import java.util.Set;

/** What this library looks at on the host, read anew at each call. A seam for tests. Safe for use by many threads. */
public interface HostView {
    /** The contents of a file, without blanks around; empty if it cannot be read. */
    Optional<String> read(String path);

    /** Whether a program of that name is where libvirt looks for programs. */
    boolean hasProgram(String name);

    /** Whether this process may read and write that file. */
    boolean isUsable(String path);

    /** Whether this process may read what passes the host's network interfaces. */
    boolean mayCapture();

    /** What a command prints that ends well within two seconds; empty if it does not. */
    Optional<String> run(String... command);

    /** All IPv4 addresses of the host that others than itself could reach, on whatever interface. */
    Set<IPv4Address> addresses();

    /** The host that this program runs on. */
    static HostView local() {
        return new LocalHost();
    }
}
