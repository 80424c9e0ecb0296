package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** A VM uses the image, which therefore stays; the message names the VM. Destroy it first. */
public class ImageInUseException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public ImageInUseException(String message, FailureContext context) {
        super(message, context);
    }

    /** A failure that {@code cause} led to. */
    public ImageInUseException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
    }
}
