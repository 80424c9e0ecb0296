package dev.agentvm;

import java.io.Serializable;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * What was being done, to which VM, when something failed. Immutable, safe for use by many threads.
 */
public final class FailureContext implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String operation;
    private final @Nullable String vmName;
    private final boolean retryable;
    private final @Nullable Integer libvirtCode;
    private final @Nullable Integer libvirtDomain;

    private FailureContext(
            String operation,
            @Nullable String vmName,
            boolean retryable,
            @Nullable Integer libvirtCode,
            @Nullable Integer libvirtDomain) {
        this.operation = Objects.requireNonNull(operation, "operation");
        this.vmName = vmName;
        this.retryable = retryable;
        this.libvirtCode = libvirtCode;
        this.libvirtDomain = libvirtDomain;
    }

    /** A context for {@code operation}, a short phrase such as {@code "launch"}; of no VM, not worth a retry. */
    public static FailureContext of(String operation) {
        return new FailureContext(operation, null, false, null, null);
    }

    /** This context, for the VM of that name. */
    public FailureContext vm(String name) {
        return new FailureContext(
                operation, Objects.requireNonNull(name, "name"), retryable, libvirtCode, libvirtDomain);
    }

    /** This context, saying whether the same call may succeed later without any change by the caller. */
    public FailureContext retryable(boolean value) {
        return new FailureContext(operation, vmName, value, libvirtCode, libvirtDomain);
    }

    /** This context, with libvirt's error number ({@code virErrorNumber}) and origin ({@code virErrorDomain}). */
    public FailureContext libvirt(int code, int domain) {
        return new FailureContext(operation, vmName, retryable, code, domain);
    }

    /** What was being done. */
    public String operation() {
        return operation;
    }

    /** The VM it was done to, if it was one VM. */
    public Optional<String> vmName() {
        return Optional.ofNullable(vmName);
    }

    /** Whether the same call may succeed later without any change by the caller. */
    public boolean retryable() {
        return retryable;
    }

    /** libvirt's {@code virErrorNumber}, if libvirt reported the failure. */
    public OptionalInt libvirtCode() {
        return libvirtCode == null ? OptionalInt.empty() : OptionalInt.of(libvirtCode);
    }

    /** libvirt's {@code virErrorDomain}, if libvirt reported the failure. */
    public OptionalInt libvirtDomain() {
        return libvirtDomain == null ? OptionalInt.empty() : OptionalInt.of(libvirtDomain);
    }
}
