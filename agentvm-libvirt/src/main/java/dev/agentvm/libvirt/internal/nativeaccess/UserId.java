package dev.agentvm.libvirt.internal.nativeaccess;

/** The number of a user of this host. */
public final class UserId {
    private UserId() {}

    /** For whom this process runs, from 0 to 4,294,967,294. */
    public static long own() {
        return Integer.toUnsignedLong(Libc.INSTANCE.getuid());
    }
}
