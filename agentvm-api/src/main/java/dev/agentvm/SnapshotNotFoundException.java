package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** The VM has no snapshot of that name; the message lists those that it has. */
public class SnapshotNotFoundException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public SnapshotNotFoundException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public SnapshotNotFoundException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
