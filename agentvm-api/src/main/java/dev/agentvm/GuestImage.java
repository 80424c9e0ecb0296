package dev.agentvm;

import java.nio.file.Path;

/**
 * What a VM boots: a named image of the hypervisor's image directory, a disk, or a kernel. An image is never written;
 * each VM works on a disk of its own.
 */
public sealed interface GuestImage permits NamedImage, DiskImage, KernelImage {
    /**
     * The image of that name in the hypervisor's image directory.
     *
     * @param name 1 to 64 characters of A-Z a-z 0-9 _ . -, the first a letter or digit
     */
    static NamedImage named(String name) {
        return new NamedImage(name);
    }

    /** A disk in qcow2 format that its firmware boots by BIOS. */
    static DiskImage disk(Path disk) {
        return new DiskImage.Builder().disk(disk).build();
    }

    /** A Linux kernel with its initial RAM disk. */
    static KernelImage kernel(Path kernel, Path initrd, String commandLine) {
        return new KernelImage.Builder()
                .kernel(kernel)
                .initrd(initrd)
                .commandLine(commandLine)
                .build();
    }
}
