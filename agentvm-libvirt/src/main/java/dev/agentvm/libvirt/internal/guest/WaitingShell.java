package dev.agentvm.libvirt.internal.guest;

import java.util.List;

/**
 * A shell in the guest, in a session of its own, that waits for what it shall become.
 *
 * @param pid its process
 * @param number the number of the command that it becomes
 * @param end the line after which nothing more comes
 * @param control the handle of the pipe that it reads
 * @param out the handle of the file that its standard output goes to
 * @param err the same of standard error
 */
record WaitingShell(long pid, long number, String end, long control, long out, long err) {
    /** The handles. */
    List<Long> handles() {
        return List.of(control, out, err);
    }
}
