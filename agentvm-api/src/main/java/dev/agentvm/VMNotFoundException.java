package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** There is no VM of that name that belongs to this library. */
public class VMNotFoundException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public VMNotFoundException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public VMNotFoundException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
