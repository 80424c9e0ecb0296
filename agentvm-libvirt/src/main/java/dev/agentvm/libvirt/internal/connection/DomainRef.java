package dev.agentvm.libvirt.internal.connection;

import java.util.Objects;
import java.util.UUID;

/**
 * A domain: found by its UUID, called by its name in messages.
 *
 * @param uuid what libvirt looks it up by
 * @param name its name
 */
public record DomainRef(UUID uuid, String name) {
    /** Both are required. */
    public DomainRef {
        Objects.requireNonNull(uuid, "uuid");
        Objects.requireNonNull(name, "name");
    }

    @Override
    public String toString() {
        return name + " (" + uuid + ")";
    }
}
