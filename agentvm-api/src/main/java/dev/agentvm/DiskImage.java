package dev.agentvm;

import java.nio.file.Path;
import org.immutables.value.Value;

/** A bootable disk. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract non-sealed class DiskImage implements GuestImage, WithDiskImage {
    DiskImage() {}

    /** The disk, an absolute path on the hypervisor's host. */
    public abstract Path disk();

    /** How it is stored; qcow2 if not said. */
    @Value.Default
    public DiskFormat format() {
        return DiskFormat.QCOW2;
    }

    /** What boots it; BIOS if not said. */
    @Value.Default
    public Firmware firmware() {
        return Firmware.BIOS;
    }

    @Value.Check
    void check() {
        ImagePaths.check("disk", disk());
    }

    /** A builder that starts with this image. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /**
     * Makes a {@link DiskImage}; {@code build()} throws {@link InvalidValueException} that names the field. Not
     * thread-safe.
     */
    public static final class Builder extends ImmutableDiskImage.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
