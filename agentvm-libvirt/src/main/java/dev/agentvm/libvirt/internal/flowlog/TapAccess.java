package dev.agentvm.libvirt.internal.flowlog;

import java.nio.file.attribute.UserPrincipal;
import java.util.Optional;
import java.util.UUID;

/** Who may read which tap. Safe for use by many threads. */
@FunctionalInterface
public interface TapAccess {
    /** The tap of a VM that {@code user} has launched; empty if there is no such VM, whatever else there is. */
    Optional<String> tap(UUID vm, UserPrincipal user);
}
