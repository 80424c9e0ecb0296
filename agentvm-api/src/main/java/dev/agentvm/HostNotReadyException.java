package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** The host lacks something that a promise rests on; the message says which check failed and how to mend it. */
public class HostNotReadyException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public HostNotReadyException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public HostNotReadyException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
