package dev.agentvm;

/** What runs a guest's instructions. */
public enum Accelerator {
    /** The CPU itself, kept apart by Linux's KVM. */
    KVM,
    /** QEMU's own emulation: many times slower, and not a boundary that QEMU's authors vouch for. */
    TCG
}
