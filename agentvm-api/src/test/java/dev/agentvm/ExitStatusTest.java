package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ExitStatusTest {
    @Test
    void exited_code_isThatAlone() {
        ExitStatus status = ExitStatus.exited(137);

        assertThat(status.exitCode()).hasValue(137);
        assertThat(status.signal()).isEmpty();
        assertThat(status.failure()).isEmpty();
        assertThat(status.success()).isFalse();
        assertThat(ExitStatus.exited(0).success()).isTrue();
        assertThat(status).hasToString("exit 137");
    }

    @Test
    void signaled_number_isThatAlone() {
        ExitStatus status = ExitStatus.signaled(9);

        assertThat(status.signal()).hasValue(9);
        assertThat(status.exitCode()).isEmpty();
        assertThat(status.failure()).isEmpty();
        assertThat(status.success()).isFalse();
        assertThat(status).hasToString("signal 9");
    }

    @Test
    void failed_reason_isThatAlone() {
        AgentVMException reason = new VMDestroyedException("gone", FailureContext.of("start"));
        ExitStatus status = ExitStatus.failed(reason);

        assertThat(status.failure()).containsSame(reason);
        assertThat(status.exitCode()).isEmpty();
        assertThat(status.signal()).isEmpty();
        assertThat(status.success()).isFalse();
        assertThat(status).hasToString("failure: gone");
    }

    @Test
    void equals_sameEnd_isEqual() {
        AgentVMException reason = new VMDestroyedException("gone", FailureContext.of("start"));

        assertThat(ExitStatus.exited(0)).isEqualTo(ExitStatus.exited(0)).hasSameHashCodeAs(ExitStatus.exited(0));
        assertThat(ExitStatus.failed(reason)).isEqualTo(ExitStatus.failed(reason));
        assertThat(ExitStatus.exited(9)).isNotEqualTo(ExitStatus.signaled(9)).isNotEqualTo(ExitStatus.exited(8));
        assertThat(ExitStatus.exited(0)).isNotEqualTo(ExitStatus.failed(reason)).isNotEqualTo(null);
    }

    @Test
    void values_outOfBounds_areRefused() {
        assertThatThrownBy(() -> ExitStatus.exited(256)).hasMessage("exitCode '256': must be from 0 to 255");
        assertThatThrownBy(() -> ExitStatus.exited(-1)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> ExitStatus.signaled(0)).hasMessage("signal '0': must be from 1 to 127");
        assertThatThrownBy(() -> ExitStatus.signaled(128)).isInstanceOf(InvalidValueException.class);
    }
}
