package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** The VM no longer runs; the message says why: closed, ended by its guest, taken by a restart of libvirt, and so on. */
public class VMDestroyedException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public VMDestroyedException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public VMDestroyedException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
