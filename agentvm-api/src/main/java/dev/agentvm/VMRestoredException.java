package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** The VM was put back to an earlier state, in which what was called for had not happened. The VM lives: call again. */
public class VMRestoredException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public VMRestoredException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public VMRestoredException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
