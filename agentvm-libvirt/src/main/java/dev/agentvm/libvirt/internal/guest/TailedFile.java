package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.GuestAgentException;
import org.jspecify.annotations.Nullable;

/**
 * A file of the guest that is read as it grows. The place is kept here: a call that failed may have been made all the
 * same, so the next one goes to where the last answer got to, and nothing is skipped or read twice. Used by one thread.
 */
final class TailedFile {
    private final AgentCalls calls;
    private final Housekeeping housekeeping;
    private final String path;
    private final String mode;
    private @Nullable Long handle;
    private long position;

    /** @param mode one of fopen's */
    TailedFile(AgentCalls calls, Housekeeping housekeeping, String path, String mode) {
        this.calls = calls;
        this.housekeeping = housekeeping;
        this.path = path;
        this.mode = mode;
    }

    /** Reads on, up to {@code count} bytes; fewer mean that there is no more at present. */
    byte[] read(int count) {
        boolean opensIt = handle == null;
        try {
            return readOn(count);
        } catch (GuestAgentException e) {
            close();
            // An agent that has started anew knows none of its handles any more.
            if (opensIt || !AgentCalls.saysUnknown(e)) {
                throw e;
            }
        } catch (AgentVMException e) {
            close();
            throw e;
        }
        return read(count);
    }

    private byte[] readOn(int count) {
        byte[] bytes = calls.read(open(), count);
        position += bytes.length;
        return bytes;
    }

    private long open() {
        Long open = handle;
        if (open == null) {
            open = calls.open(path, mode);
            handle = open;
            if (position > 0) {
                calls.seek(open, position);
            }
        }
        return open;
    }

    /** How many bytes were read. */
    long position() {
        return position;
    }

    /** Lets go of it; reading on opens it again. */
    void close() {
        Long open = handle;
        if (open != null) {
            handle = null;
            housekeeping.closeLater(open);
        }
    }
}
