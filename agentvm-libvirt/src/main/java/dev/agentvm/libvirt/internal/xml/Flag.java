package dev.agentvm.libvirt.internal.xml;

/** An element without content that says all by being there, such as {@code <readonly/>}. */
public final class Flag {
    /** The element, present. Having no state it may be shared. */
    public static Flag present() {
        return new Flag();
    }
}
