package dev.agentvm.libvirt;

import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Which libvirts this library works with: the system's, on the host that the program runs on. For another host's, callers
 * would have to say its addresses, which are closed to VMs and change while they run, and nothing could be checked there.
 */
final class ConnectionUri {
    private static final Pattern LOCAL_SYSTEM = Pattern.compile("qemu(\\+unix)?:///system(\\?[!-~]*)?");

    private ConnectionUri() {}

    /** What is wrong with that URI, and what would be right; empty if nothing is. */
    static Optional<String> flaw(String uri) {
        if (LOCAL_SYSTEM.matcher(uri).matches()) {
            return Optional.empty();
        }
        if (uri.endsWith("/session")) {
            return Optional.of(
                    "must be qemu:///system: a session's libvirt has neither filters nor networks of its own."
                            + " Add the user to the group libvirt");
        }
        return Optional.of(
                "must be qemu:///system, or qemu+unix:///system?socket=PATH, of the host that the program runs"
                        + " on: images are read, and the host is checked, where the program runs. Run the program on the host"
                        + " of the VMs");
    }
}
