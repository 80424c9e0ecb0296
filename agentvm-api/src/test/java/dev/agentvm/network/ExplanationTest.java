package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class ExplanationTest {
    private static void assertExplains(NetworkPolicy policy, String golden) throws IOException {
        try (InputStream expected = Objects.requireNonNull(ExplanationTest.class.getResourceAsStream(golden))) {
            assertThat(policy.explain())
                    .isEqualTo(new String(expected.readAllBytes(), StandardCharsets.UTF_8))
                    .doesNotContain("\r");
        }
    }

    @Test
    void explain_agentDefault_readsAsATable() throws IOException {
        assertExplains(NetworkPolicy.agentDefault(), "explain-agent-default.txt");
    }

    @Test
    void explain_openings_standOutWhereTheFloorOpens() throws IOException {
        NetworkPolicy policy = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow()
                        .tcp(PortRange.of(5432), PortRange.of(6000, 6010))
                        .to("10.20.0.7", "9.9.9.0/24")
                        .because("the test database and its public copy"))
                .addRule(FilterRule.allow().udp(123).because("time"))
                .connectionLimit(50)
                .nameResolution(false)
                .build();
        assertExplains(policy, "explain-openings.txt");
    }

    @Test
    void explain_drop_saysThatPingMeansAllIcmp() throws IOException {
        NetworkPolicy policy = new NetworkPolicy.Builder()
                .denied(DenyAction.DROP)
                .addRule(FilterRule.allow().ping().because("probes"))
                .build();
        assertExplains(policy, "explain-drop.txt");
    }
}
