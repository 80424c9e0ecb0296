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
        return agentFailure(new LibvirtError(code, 0, "why"));
    }

    private static AgentVMException agentFailure(LibvirtError error) {
        DomainRef domain = new DomainRef(new UUID(0, 1), "vm");
        return Errors.agentFailure(error, new Errors.Operation("agent", domain));
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

    @Test
    void agentFailure_answerWithoutAnEnd_isOfTheAgent() {
        String text = "No complete agent response found in 10485760 bytes: Numerical result out of range";

        AgentVMException failure = agentFailure(new LibvirtError(ErrorCode.SYSTEM_ERROR, ErrorCode.FROM_QEMU, text));

        assertThat(failure).isInstanceOf(GuestAgentException.class).hasMessageContaining(text);
        assertThat(failure.retryable()).isTrue();
    }

    @Test
    void agentFailure_connectionBreaks_isNotOfTheAgent() {
        AgentVMException failure =
                agentFailure(new LibvirtError(ErrorCode.SYSTEM_ERROR, ErrorCode.FROM_RPC, "Connection reset by peer"));

        assertThat(failure).isNotInstanceOf(GuestAgentException.class);
    }
}
