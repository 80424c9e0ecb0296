package dev.agentvm.pool;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;

/** The pool was closed, and lends no VM any more. */
public class PoolClosedException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** A failure without another throwable behind it. */
    public PoolClosedException(String message, FailureContext context) {
        super(message, context);
    }
}
