package dev.agentvm;

import java.nio.file.Path;

/**
 * What a VM boots: a named image of the hypervisor's image directory, a disk, or a kernel. An image is never written;
 * each VM works on a disk of its own. Immutable, safe for use by many threads.
 */
public sealed interface GuestImage permits NamedImage, DiskImage, KernelImage {
    /**
     * The image of that name in the hypervisor's image directory.
     *
     * @param name 1 to 64 characters of A-Z a-z 0-9 _ . -, the first a letter or digit
     * @throws InvalidValueException if it is another
     */
    static NamedImage named(String name) {
        return new NamedImage(name);
    }

    /**
     * A disk in qcow2 format that is booted by BIOS.
     *
     * @param disk its absolute path on the hypervisor's host
     * @throws InvalidValueException if it is no such path
     */
    static DiskImage disk(Path disk) {
        return new DiskImage.Builder().disk(disk).build();
    }

    /**
     * A Linux kernel with its initial RAM disk.
     *
     * @param kernel its absolute path on the hypervisor's host
     * @param initrd likewise
     * @param commandLine what the kernel is told, one line of at most 2000 characters
     * @throws InvalidValueException if one of them is not so
     */
    static KernelImage kernel(Path kernel, Path initrd, String commandLine) {
        return new KernelImage.Builder()
                .kernel(kernel)
                .initrd(initrd)
                .commandLine(commandLine)
                .build();
    }
}
