package dev.agentvm;

import java.nio.file.Path;
import java.util.Optional;
import org.immutables.value.Value;

/** A Linux kernel that QEMU loads itself, with an optional root disk. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract non-sealed class KernelImage implements GuestImage, WithKernelImage {
    KernelImage() {}

    /** The kernel, an absolute path on the hypervisor's host. */
    public abstract Path kernel();

    /** The initial RAM disk, an absolute path on the hypervisor's host. */
    public abstract Optional<Path> initrd();

    /** What the kernel is told, such as {@code root=/dev/vda console=ttyS0}; one line of at most 2000 characters. */
    public abstract String commandLine();

    /** The root disk, an absolute path on the hypervisor's host; without one the VM's disk is blank. */
    public abstract Optional<Path> disk();

    /** How the root disk is stored; qcow2 if not said. */
    @Value.Default
    public DiskFormat diskFormat() {
        return DiskFormat.QCOW2;
    }

    @Value.Check
    void check() {
        ImagePaths.check("kernel", kernel());
        initrd().ifPresent(path -> ImagePaths.check("initrd", path));
        disk().ifPresent(path -> ImagePaths.check("disk", path));
        if (commandLine().length() > 2000 || !Checks.isXmlLine(commandLine())) {
            throw new InvalidValueException(
                    "commandLine", commandLine(), "must be one line of at most 2000 characters");
        }
    }

    /** A builder that starts with this image. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /**
     * Makes a {@link KernelImage}; {@code build()} throws {@link InvalidValueException} that names the field. Not
     * thread-safe.
     */
    public static final class Builder extends ImmutableKernelImage.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
