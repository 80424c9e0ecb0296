package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** The VM has a snapshot of that name already; it is as it was. Choose another name, or delete it first. */
public class SnapshotAlreadyExistsException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public SnapshotAlreadyExistsException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public SnapshotAlreadyExistsException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
