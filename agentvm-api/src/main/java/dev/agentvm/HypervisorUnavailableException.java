package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** The hypervisor cannot be reached; the message says what was tried and what to install or grant. */
public class HypervisorUnavailableException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public HypervisorUnavailableException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public HypervisorUnavailableException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
