package dev.agentvm.libvirt.internal.connection;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.AgentVMException;
import dev.agentvm.GuestAgentException;
import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import dev.agentvm.libvirt.internal.nativeaccess.LibvirtError;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class ErrorsTest {
    private static AgentVMException agentFailure(int code) {
        DomainRef domain = new DomainRef(new UUID(0, 1), "vm");
        return Errors.agentFailure(new LibvirtError(code, 0, "why"), new Errors.Operation("agent", domain));
    }

    @Test
    void agentFailure_domainPaused_mayBeTriedAgain() {
        AgentVMException failure = agentFailure(ErrorCode.OPERATION_INVALID);

        assertThat(failure).isInstanceOf(GuestAgentException.class);
        assertThat(failure.retryable()).isTrue();
    }

    @Test
    void agentFailure_agentRefuses_isFinal() {
        AgentVMException failure = agentFailure(ErrorCode.INTERNAL_ERROR);

        assertThat(failure).isInstanceOf(GuestAgentException.class);
        assertThat(failure.retryable()).isFalse();
    }
}
