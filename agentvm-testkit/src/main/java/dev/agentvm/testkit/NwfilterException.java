package dev.agentvm.testkit;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;

/**
 * A filter that libvirt would not take, or that the simulator does not model. The {@link #kind()} tells which; the
 * message names the filter, the rule, and the element or attribute at fault.
 */
public final class NwfilterException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    /** At which point, and by whom, the filter is refused. */
    public enum Kind {
        /** libvirt refuses to define the filter. */
        DEFINE_REFUSED,
        /** libvirt accepts the definition, but cannot put it into force: a VM that uses it does not start. */
        START_REFUSED,
        /** libvirt may well accept it; the simulator does not know what would happen. */
        NOT_MODELLED
    }

    private final Kind kind;

    /**
     * A refusal.
     *
     * @param kind at which point
     * @param message what is refused and why
     */
    public NwfilterException(Kind kind, String message) {
        super(message, FailureContext.of("simulate nwfilter"));
        this.kind = kind;
    }

    /** At which point, and by whom, the filter is refused. */
    public Kind kind() {
        return kind;
    }
}
