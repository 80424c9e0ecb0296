package dev.agentvm.libvirt.internal.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.network.ConnectionAttempt;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.Flow;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class AttemptLogTest {
    private final AttemptLog log = new AttemptLog();

    private static ConnectionAttempt attempt(int number) {
        return new ConnectionAttempt(
                Instant.EPOCH.plusSeconds(number), Flow.tcp("140.82.112.3", 443), Optional.empty());
    }

    @Test
    void add_moreThanAreKept_forgetsTheEarliestAsAConnectionLogDoes() {
        ConnectionLog same = ConnectionLog.empty(Optional.empty());
        for (int i = 0; i < ConnectionLog.MAX_ATTEMPTS + 5; i++) {
            log.add(attempt(i));
            same = same.plus(attempt(i));
        }
        log.addLost(7);
        log.limit("why");

        assertThat(log.log()).isEqualTo(same.plusLost(7).limitedBy("why"));
    }

    @Test
    void log_later_doesNotChangeWhatWasGiven() {
        log.add(attempt(1));
        ConnectionLog before = log.log();

        log.add(attempt(2));

        assertThat(before.attempts()).hasSize(1);
    }
}
