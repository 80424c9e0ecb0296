package dev.agentvm;

/** How a disk image is stored. It is always said, never guessed: a guest that could write a header could choose it. */
public enum DiskFormat {
    /** QEMU's copy-on-write format. */
    QCOW2,
    /** Just the bytes. */
    RAW
}
