package dev.agentvm;

import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * The root of everything this library throws on purpose. There is one subclass for each thing that a caller can do
 * something about; the message says what was tried, what went wrong and how to mend it. Serialisable, with all that it
 * tells.
 */
public class AgentVMException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final FailureContext context;
    private volatile @Nullable String during;

    /** A failure without another throwable behind it. */
    public AgentVMException(String message, FailureContext context) {
        this(message, context, null);
    }

    /** A failure that {@code cause} led to. */
    public AgentVMException(String message, FailureContext context, @Nullable Throwable cause) {
        super(message, cause);
        this.context = Objects.requireNonNull(context, "context");
    }

    /**
     * Says within which larger operation this happened; the first to say so is kept, and leads the message.
     *
     * @return this exception
     */
    public synchronized AgentVMException during(String operation) {
        Objects.requireNonNull(operation, "operation");
        if (during == null) {
            during = operation;
        }
        return this;
    }

    @Override
    public String getMessage() {
        String message = String.valueOf(super.getMessage());
        return during == null ? message : during + ": " + message;
    }

    /** What was being done, a short phrase such as {@code "launch"}. */
    public String operation() {
        return context.operation();
    }

    /** The VM it was done to, if it was one VM. */
    public Optional<String> vmName() {
        return context.vmName();
    }

    /** Whether the same call may succeed later without any change by the caller. */
    public boolean retryable() {
        return context.retryable();
    }

    /** libvirt's {@code virErrorNumber}, if libvirt reported the failure. */
    public OptionalInt libvirtCode() {
        return context.libvirtCode();
    }

    /** libvirt's {@code virErrorDomain}, if libvirt reported the failure. */
    public OptionalInt libvirtDomain() {
        return context.libvirtDomain();
    }
}
