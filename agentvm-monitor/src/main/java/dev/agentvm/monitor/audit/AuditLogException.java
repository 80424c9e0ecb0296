package dev.agentvm.monitor.audit;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import org.jspecify.annotations.Nullable;

/** A log cannot be opened or read; the message says which file is at fault and what to do. */
public final class AuditLogException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    AuditLogException(String message, String operation, @Nullable Throwable cause) {
        super(message, FailureContext.of(operation), cause);
    }
}
