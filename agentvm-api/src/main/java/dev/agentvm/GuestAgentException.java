package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** The guest agent answers with an error, answers what cannot be understood, or does not answer. */
public class GuestAgentException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public GuestAgentException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public GuestAgentException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
