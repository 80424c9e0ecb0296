package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.LastErrorException;

/** Sessions of processes, which signals from a terminal do not cross. */
public final class Sessions {
    private Sessions() {}

    /** Makes this process the leader of a session of its own, without a terminal, unless it leads its group already. */
    public static void begin() {
        try {
            Libc.INSTANCE.setsid();
        } catch (LastErrorException e) {
            // EPERM, the only one: it leads a group, which is then its own.
            return;
        }
    }
}
