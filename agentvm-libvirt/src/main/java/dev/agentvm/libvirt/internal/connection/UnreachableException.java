package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.nativeaccess.LibvirtError;
import org.jspecify.annotations.Nullable;

/** On a library thread: libvirt cannot be reached. {@link Errors} makes of it what the caller sees. */
class UnreachableException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final boolean retryable;
    private final @Nullable LibvirtError error;

    UnreachableException(String message, boolean retryable, @Nullable LibvirtError error, @Nullable Throwable cause) {
        super(message, cause);
        this.retryable = retryable;
        this.error = error;
    }

    boolean retryable() {
        return retryable;
    }

    @Nullable LibvirtError error() {
        return error;
    }
}
