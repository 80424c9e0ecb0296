package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.VMAlreadyExistsException;
import dev.agentvm.VMNotFoundException;
import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import dev.agentvm.libvirt.internal.nativeaccess.LibvirtError;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Makes of each failure of a call the exception that tells a caller what to do about it. */
final class Errors {
    private Errors() {}

    /** What was being done, to which domain if it was one. */
    record Operation(String name, @Nullable DomainRef domain) {
        FailureContext context() {
            FailureContext context = FailureContext.of(name);
            return domain == null ? context : context.vm(domain.name());
        }

        String text() {
            return domain == null ? name : name + " of VM '" + domain.name() + "'";
        }
    }

    static AgentVMException failure(Throwable failure, Operation operation) {
        if (failure instanceof Error e) {
            throw e;
        }
        if (failure instanceof LibvirtError e) {
            return libvirt(e, operation);
        }
        if (failure instanceof UnreachableException e) {
            return unreachable(e, operation);
        }
        return new AgentVMException(operation.text() + " failed: " + failure, operation.context(), failure);
    }

    static AgentVMException timeout(Operation operation, Duration timeout) {
        return new OperationTimeoutException(
                operation.text() + ": libvirt has not answered in " + Durations.text(timeout),
                operation.context().retryable(true));
    }

    /** The caller was interrupted; sets the flag again. */
    static AgentVMException interrupted(Operation operation, InterruptedException cause) {
        Thread.currentThread().interrupt();
        return new AgentVMException(
                operation.text() + ": interrupted while waiting for libvirt",
                operation.context().retryable(true),
                cause);
    }

    static RuntimeException closed() {
        return new UnreachableException("the connection to libvirt has been closed by this program", false, null, null);
    }

    private static AgentVMException unreachable(UnreachableException e, Operation operation) {
        FailureContext context = operation.context().retryable(e.retryable());
        LibvirtError error = e.error();
        if (error != null) {
            context = context.libvirt(error.code(), error.domain());
        }
        return new HypervisorUnavailableException(operation.text() + ": " + e.getMessage(), context, e);
    }

    private static AgentVMException libvirt(LibvirtError e, Operation operation) {
        FailureContext context = operation.context().libvirt(e.code(), e.domain());
        String message = operation.text() + " failed: " + e.text();
        if (exists(e)) {
            return new VMAlreadyExistsException(message, context, e);
        }
        return switch (e.code()) {
            case ErrorCode.NO_DOMAIN -> new VMNotFoundException(message, context, e);
            case ErrorCode.AUTH_FAILED,
                    ErrorCode.AUTH_CANCELLED,
                    ErrorCode.AUTH_UNAVAILABLE,
                    ErrorCode.NO_CONNECT,
                    ErrorCode.INVALID_CONN -> new HypervisorUnavailableException(message, context, e);
            case ErrorCode.AGENT_UNRESPONSIVE -> new GuestAgentException(message, context.retryable(true), e);
            case ErrorCode.AGENT_UNSYNCED -> new GuestAgentException(message, context.retryable(true), e);
            case ErrorCode.AGENT_COMMAND_FAILED -> new GuestAgentException(message, context, e);
            case ErrorCode.AGENT_COMMAND_TIMEOUT, ErrorCode.OPERATION_TIMEOUT ->
                new OperationTimeoutException(message, context.retryable(true), e);
            case ErrorCode.RESOURCE_BUSY -> new AgentVMException(message, context.retryable(true), e);
            case ErrorCode.ACCESS_DENIED, ErrorCode.OPERATION_DENIED ->
                new AgentVMException(
                        message + ". libvirt's access control refuses this to the user of this process", context, e);
            default -> new AgentVMException(message, context, e);
        };
    }

    /** The failure of a guest-agent call: some codes mean the agent only here. */
    static AgentVMException agentFailure(Throwable failure, Operation operation) {
        if (failure instanceof LibvirtError e) {
            FailureContext context = operation.context().libvirt(e.code(), e.domain());
            String message = operation.text() + " failed: " + e.text();
            if (e.code() == ErrorCode.ARGUMENT_UNSUPPORTED) {
                return new GuestAgentException(
                        message + ". The domain has no channel org.qemu.guest_agent.0", context, e);
            }
            if (e.is(ErrorCode.OPERATION_INVALID)) {
                // So libvirt refuses while the domain is paused.
                return new GuestAgentException(message, context.retryable(true), e);
            }
            if (e.is(ErrorCode.INTERNAL_ERROR, ErrorCode.OPERATION_FAILED)) {
                return new GuestAgentException(message, context, e);
            }
            if (e.is(ErrorCode.SYSTEM_ERROR) && e.domain() == ErrorCode.FROM_QEMU) {
                // An answer that does not end within 10 MiB, or a channel that breaks: libvirt gives the agent up.
                return new GuestAgentException(message, context.retryable(true), e);
            }
        }
        return failure(failure, operation);
    }

    /** libvirt has a code of its own for this, and rarely uses it. */
    private static boolean exists(LibvirtError e) {
        if (e.code() == ErrorCode.DOM_EXIST) {
            return true;
        }
        String text = e.text().toLowerCase(Locale.ROOT);
        return e.is(ErrorCode.OPERATION_FAILED, ErrorCode.OPERATION_INVALID)
                && text.contains("domain")
                && (text.contains("already exists") || text.contains("already active"));
    }
}
