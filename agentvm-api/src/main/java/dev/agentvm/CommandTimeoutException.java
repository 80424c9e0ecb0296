package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** A command in the guest ran longer than its timeout. */
public class CommandTimeoutException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public CommandTimeoutException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public CommandTimeoutException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
