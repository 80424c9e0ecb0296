package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class AgentVMExceptionTest {
    private static final FailureContext CONTEXT =
            FailureContext.of("launch").vm("vm-1").retryable(true).libvirt(38, 10);
    private static final Exception CAUSE = new IOException("refused");

    static Stream<AgentVMException> all() {
        return Stream.of(
                new AgentVMException("m", CONTEXT, CAUSE),
                new CommandTimeoutException("m", CONTEXT, CAUSE),
                new GuestAgentException("m", CONTEXT, CAUSE),
                new GuestFileException(GuestFileException.Reason.NO_SPACE, "m", CONTEXT, CAUSE),
                new HostNotReadyException("m", CONTEXT, CAUSE),
                new HypervisorUnavailableException("m", CONTEXT, CAUSE),
                new ImageNotFoundException("m", CONTEXT, CAUSE),
                new OperationTimeoutException("m", CONTEXT, CAUSE),
                new VMAlreadyExistsException("m", CONTEXT, CAUSE),
                new ImageAlreadyExistsException("m", CONTEXT, CAUSE),
                new ImageInUseException("m", CONTEXT, CAUSE),
                new VMDestroyedException("m", CONTEXT, CAUSE),
                new VMNotFoundException("m", CONTEXT, CAUSE));
    }

    static Stream<AgentVMException> withoutCause() {
        return Stream.of(
                new AgentVMException("m", CONTEXT),
                new CommandTimeoutException("m", CONTEXT),
                new GuestAgentException("m", CONTEXT),
                new GuestFileException(GuestFileException.Reason.NO_SPACE, "m", CONTEXT),
                new HostNotReadyException("m", CONTEXT),
                new HypervisorUnavailableException("m", CONTEXT),
                new ImageNotFoundException("m", CONTEXT),
                new OperationTimeoutException("m", CONTEXT),
                new VMAlreadyExistsException("m", CONTEXT),
                new ImageAlreadyExistsException("m", CONTEXT),
                new ImageInUseException("m", CONTEXT),
                new VMDestroyedException("m", CONTEXT),
                new VMNotFoundException("m", CONTEXT));
    }

    @ParameterizedTest
    @MethodSource("all")
    void exception_withContext_tellsItBeforeAndAfterSerialisation(AgentVMException original) throws Exception {
        AgentVMException copy = copy(original);
        assertThat(copy).hasSameClassAs(original);
        for (AgentVMException failure : new AgentVMException[] {original, copy}) {
            assertThat(failure).hasMessage("m").hasCauseInstanceOf(IOException.class);
            assertThat(failure.operation()).isEqualTo("launch");
            assertThat(failure.vmName()).contains("vm-1");
            assertThat(failure.retryable()).isTrue();
            assertThat(failure.libvirtCode()).hasValue(38);
            assertThat(failure.libvirtDomain()).hasValue(10);
        }
    }

    @ParameterizedTest
    @MethodSource("withoutCause")
    void exception_withoutCause_tellsTheSame(AgentVMException failure) {
        assertThat(failure).hasMessage("m").hasNoCause();
        assertThat(failure.vmName()).contains("vm-1");
    }

    @Test
    void during_severalOperations_keepsTheFirstInFrontOfTheMessage() throws Exception {
        AgentVMException failure = new AgentVMException("no answer", CONTEXT);
        assertThat(failure).hasMessage("no answer");
        assertThat(failure.during("launch of 'vm-1'").during("main")).isSameAs(failure);
        assertThat(failure).hasMessage("launch of 'vm-1': no answer");
        assertThat(copy(failure)).hasMessage("launch of 'vm-1': no answer");
        assertThat(failure.toString()).endsWith("AgentVMException: launch of 'vm-1': no answer");
    }

    @Test
    void exception_badValue_keepsItsFieldWhenSerialised() throws Exception {
        assertThat(copy(new InvalidTemplateException("name", "<vm>", "must be better"))
                        .field())
                .contains("name");
        assertThat(copy(new InvalidValueException("several")).field()).isEmpty();
    }

    @Test
    void exception_ofAFile_keepsItsReasonWhenSerialised() throws Exception {
        assertThat(copy(new GuestFileException(GuestFileException.Reason.NO_SPACE, "m", CONTEXT))
                        .reason())
                .isEqualTo(GuestFileException.Reason.NO_SPACE);
    }

    @Test
    void context_operationAlone_knowsNothingElse() {
        FailureContext context = FailureContext.of("connect");
        assertThat(context.operation()).isEqualTo("connect");
        assertThat(context.vmName()).isEmpty();
        assertThat(context.retryable()).isFalse();
        assertThat(context.libvirtCode()).isEmpty();
        assertThat(context.libvirtDomain()).isEmpty();
    }

    @Test
    void context_derived_leavesTheFirstAsItWas() {
        FailureContext first = FailureContext.of("connect");
        first.vm("vm").retryable(true).libvirt(1, 2);
        assertThat(first.vmName()).isEmpty();
        assertThat(first.retryable()).isFalse();
        assertThat(first.libvirtCode()).isEmpty();
        assertThat(CONTEXT.retryable(false).vmName()).contains("vm-1");
        assertThat(CONTEXT.vm("vm-2").libvirtCode()).hasValue(38);
    }

    @Test
    @SuppressWarnings("NullAway")
    void constructors_null_failAtOnce() {
        assertThatThrownBy(() -> FailureContext.of(null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("operation");
        assertThatThrownBy(() -> CONTEXT.vm(null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("name");
        assertThatThrownBy(() -> new AgentVMException("m", null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("context");
    }

    @SuppressWarnings("unchecked")
    private static <T> T copy(T original) throws IOException, ClassNotFoundException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(original);
        }
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
            return (T) in.readObject();
        }
    }
}
