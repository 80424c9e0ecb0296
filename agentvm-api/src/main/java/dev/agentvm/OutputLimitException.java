package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** A command wrote more than its {@link Command#outputLimit}; it was killed, and its output is lost. */
public class OutputLimitException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public OutputLimitException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public OutputLimitException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
