package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReportsTest {
    @Test
    void reapReport_empty_onlyIfNothingWasFound() {
        assertThat(new ReapReport.Builder().build().isEmpty()).isTrue();
        assertThat(new ReapReport.Builder().addRemoved("a").build().isEmpty()).isFalse();
        assertThat(new ReapReport.Builder().addFailed("b").build().isEmpty()).isFalse();
    }

    @Test
    void reapReport_callersListChanges_keepsItsOwn() {
        List<String> removed = new ArrayList<>(List.of("a", "b"));
        ReapReport report = new ReapReport.Builder().addAllRemoved(removed).build();
        removed.clear();
        assertThat(report.removed()).containsExactly("a", "b").isUnmodifiable();
    }

    @Test
    void isolation_acceleratorAlone_knowsNothingElse() {
        Isolation isolation =
                new Isolation.Builder().accelerator(Accelerator.TCG).build();
        assertThat(isolation.accelerator()).isEqualTo(Accelerator.TCG);
        assertThat(isolation.seccompMode()).isEmpty();
        assertThat(isolation.uid()).isEmpty();
        assertThat(isolation.gid()).isEmpty();
        assertThat(isolation.capabilities()).isEmpty();
        assertThat(isolation.ownMountNamespace()).isEmpty();
        assertThat(isolation.memoryLimitBytes()).isEmpty();
        assertThat(isolation.cpuShares()).isEmpty();
        assertThat(isolation.cpuLimitPercent()).isEmpty();
        assertThat(isolation.confinement()).isEmpty();
        assertThat(isolation.filter()).isEmpty();
        assertThatThrownBy(() -> new Isolation.Builder().build())
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("accelerator");
    }
}
