package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** A domain of that name exists already; nothing was changed. Choose another name, or destroy the other VM. */
public class VMAlreadyExistsException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public VMAlreadyExistsException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public VMAlreadyExistsException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
