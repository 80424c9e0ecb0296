package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ConnectionLogTest {
    private static final ConnectionLog EMPTY = ConnectionLog.empty(Optional.empty());

    private static ConnectionAttempt attempt(int port) {
        Flow flow = Flow.tcp("140.82.112.3", port);
        return new ConnectionAttempt(
                Instant.EPOCH.plusSeconds(port),
                flow,
                Optional.of(NetworkPolicy.agentDefault().evaluate(flow)));
    }

    @Test
    void plus_moreThanAreKept_forgetsTheEarliestAndCountsThem() {
        ConnectionLog log = EMPTY;
        for (int port = 1; port <= ConnectionLog.MAX_ATTEMPTS + 2; port++) {
            log = log.plus(attempt(port));
        }

        assertThat(log.attempts()).hasSize(ConnectionLog.MAX_ATTEMPTS).startsWith(attempt(3));
        assertThat(log.attempts().get(ConnectionLog.MAX_ATTEMPTS - 1))
                .isEqualTo(attempt(ConnectionLog.MAX_ATTEMPTS + 2));
        assertThat(log.forgotten()).isEqualTo(2);
        assertThat(EMPTY.attempts()).isEmpty();
    }

    @Test
    void plusLost_andLimitedBy_keepTheRest() {
        ConnectionLog log =
                EMPTY.plus(attempt(443)).plusLost(2).plusLost(0).plusLost(3).limitedBy("it ended");

        assertThat(log.lost()).isEqualTo(5);
        assertThat(log.limitation()).contains("it ended");
        assertThat(log.plus(attempt(80)).attempts()).containsExactly(attempt(443), attempt(80));
        assertThat(log.plus(attempt(80)).limitation()).contains("it ended");
    }

    @Test
    void toString_saysWhatIsMissingAndWhatDecided() {
        ConnectionLog log = new ConnectionLog(
                List.of(attempt(443), new ConnectionAttempt(Instant.EPOCH, Flow.ping("10.0.0.1"), Optional.empty())),
                7,
                8,
                Optional.of("no tap"));

        assertThat(log.toString().lines())
                .satisfiesExactly(
                        line -> assertThat(line).isEqualTo("not complete: no tap"),
                        line -> assertThat(line).startsWith("7 earlier attempts"),
                        line -> assertThat(line).startsWith("8 frames"),
                        line -> assertThat(line).contains("443", "ALLOWED by the rule"),
                        line -> assertThat(line).contains("10.0.0.1", "not known"));
    }
}
