package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** Something did not happen in the time given; what was begun has been undone. */
public class OperationTimeoutException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public OperationTimeoutException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public OperationTimeoutException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
