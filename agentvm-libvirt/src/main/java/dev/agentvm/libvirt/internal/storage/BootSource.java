package dev.agentvm.libvirt.internal.storage;

import dev.agentvm.DiskFormat;
import dev.agentvm.DiskImage;
import dev.agentvm.Firmware;
import dev.agentvm.GuestImage;
import dev.agentvm.KernelImage;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/** What a VM boots, with all names resolved to files. */
public sealed interface BootSource {
    /** The disk that the VM's own disk is an overlay of, if there is one. */
    Optional<Backing> backing();

    /** All files that the VM boots. */
    default Stream<Path> files() {
        Stream<Path> disk = backing().map(Backing::file).stream();
        return this instanceof FromKernel kernel
                ? Stream.of(Stream.of(kernel.kernel()), kernel.initrd().stream(), disk)
                        .flatMap(files -> files)
                : disk;
    }

    /** Whether the VM's firmware is UEFI. */
    default boolean isUefi() {
        return this instanceof FromDisk disk && disk.firmware() == Firmware.UEFI;
    }

    /**
     * The firmware boots the VM's disk.
     *
     * @param firmware which one
     * @param disk the disk it boots
     */
    record FromDisk(Firmware firmware, Backing disk) implements BootSource {
        @Override
        public Optional<Backing> backing() {
            return Optional.of(disk);
        }
    }

    /**
     * QEMU loads a Linux kernel.
     *
     * @param kernel the kernel
     * @param initrd the initial RAM disk
     * @param commandLine what the kernel is told
     * @param backing the root disk
     */
    record FromKernel(Path kernel, Optional<Path> initrd, String commandLine, Optional<Backing> backing)
            implements BootSource {}

    /**
     * A disk image that is only read.
     *
     * @param file the image
     * @param format how it is stored
     */
    record Backing(Path file, DiskFormat format) {}

    /** What {@code image} says. */
    static BootSource of(DiskImage image) {
        return new FromDisk(image.firmware(), new Backing(image.disk(), image.format()));
    }

    /** What {@code image} says. */
    static BootSource of(KernelImage image) {
        return new FromKernel(
                image.kernel(),
                image.initrd(),
                image.commandLine(),
                image.disk().map(disk -> new Backing(disk, image.diskFormat())));
    }

    /** The image that says this. */
    default GuestImage toImage() {
        if (this instanceof FromKernel kernel) {
            KernelImage.Builder image = new KernelImage.Builder()
                    .kernel(kernel.kernel())
                    .initrd(kernel.initrd())
                    .commandLine(kernel.commandLine());
            kernel.backing().ifPresent(disk -> image.disk(disk.file()).diskFormat(disk.format()));
            return image.build();
        }
        FromDisk boot = (FromDisk) this;
        return new DiskImage.Builder()
                .disk(boot.disk().file())
                .format(boot.disk().format())
                .firmware(boot.firmware())
                .build();
    }
}
