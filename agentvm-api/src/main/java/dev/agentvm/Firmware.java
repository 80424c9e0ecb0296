package dev.agentvm;

/** What boots a disk. */
public enum Firmware {
    /** SeaBIOS. */
    BIOS,
    /** EDK II, known as OVMF. */
    UEFI
}
