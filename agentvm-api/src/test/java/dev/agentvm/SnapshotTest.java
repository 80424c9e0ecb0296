package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import org.junit.jupiter.api.Test;

class SnapshotTest {
    @Test
    void name_goodOrBad_isTakenOrRefused() {
        for (String good : new String[] {"a", "Base-1.2_x", "x".repeat(61)}) {
            assertThat(new Snapshot(good, Instant.EPOCH).name()).isEqualTo(good);
        }
        for (String bad : new String[] {"", "1a", "-a", "a/b", "..", "a b", "a\n", "x".repeat(62), "ä"}) {
            assertThatThrownBy(() -> new Snapshot(bad, Instant.EPOCH))
                    .isInstanceOf(InvalidValueException.class)
                    .hasMessageContaining("must be a letter, then up to 60");
        }
    }
}
