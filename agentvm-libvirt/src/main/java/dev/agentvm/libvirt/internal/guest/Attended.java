package dev.agentvm.libvirt.internal.guest;

/** A started command that its starter knows to be busy elsewhere than on its streams. Safe for use by many threads. */
public interface Attended {
    /**
     * Says how closely it is looked after: each look costs the guest time that the command might need.
     *
     * @param closely whether what its streams bring, and its end, are to be known at once, as they are if nothing is said
     */
    void attend(boolean closely);
}
