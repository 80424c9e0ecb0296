package dev.agentvm.libvirt.internal.xml;

import org.jspecify.annotations.Nullable;

/** {@code <permissions>} of a pool's directory or a volume. */
public final class PermissionsXml {
    /** Octal digits. */
    public @Nullable String mode;

    /** A numeric user, −1 for libvirt's choice. */
    public @Nullable Long owner;

    /** A numeric group, −1 for libvirt's choice. */
    public @Nullable Long group;

    /** The security label. */
    public @Nullable String label;
}
