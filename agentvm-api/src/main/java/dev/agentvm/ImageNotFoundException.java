package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** No guest image is where the template says; the message lists the places that were searched. */
public class ImageNotFoundException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public ImageNotFoundException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public ImageNotFoundException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
