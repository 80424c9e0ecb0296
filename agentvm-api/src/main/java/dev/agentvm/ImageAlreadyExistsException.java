package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** An image of that name exists already; nothing was changed. Choose another name, or remove the other image. */
public class ImageAlreadyExistsException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public ImageAlreadyExistsException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public ImageAlreadyExistsException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
