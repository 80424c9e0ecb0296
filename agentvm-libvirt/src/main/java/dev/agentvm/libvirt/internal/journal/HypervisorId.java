package dev.agentvm.libvirt.internal.journal;

import java.util.Collections;
import java.util.Set;

/**
 * What tells a libvirt from others whose programs share the state directory.
 *
 * @param uri how it is reached, which is the same on many hosts
 * @param host all that its host is called; each may change, such as a name, or the UUID that libvirt makes up at each start
 *     where the hardware has none; empty if it is not known
 */
public record HypervisorId(String uri, Set<String> host) {
    /** Copies the names. */
    public HypervisorId {
        host = Set.copyOf(host);
    }

    /** Whether both are one, as far as is known: one name in common is enough. */
    public boolean isSame(HypervisorId other) {
        return uri.equals(other.uri) && !Collections.disjoint(host, other.host);
    }

    /** Whether the other is on a host that is not known, and might be this one. */
    boolean mayBe(HypervisorId other) {
        return uri.equals(other.uri) && other.host.isEmpty();
    }
}
