package dev.agentvm;

import org.jspecify.annotations.Nullable;

/**
 * A command could not be started in the guest: it has no such program or may not run it, or cannot enter the working
 * directory. Nothing was run.
 */
public class CommandStartException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public CommandStartException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public CommandStartException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
