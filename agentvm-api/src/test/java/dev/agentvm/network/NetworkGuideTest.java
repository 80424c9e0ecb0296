package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** What {@code docs/network.md} shows is what the library says. */
class NetworkGuideTest {
    private static final Path GUIDE = Path.of("..", "docs", "network.md");

    @Test
    void guide_explanation_isThatOfItsPolicy() throws IOException {
        NetworkPolicy policy = NetworkPolicy.agentDefault().toBuilder()
                .addRule(FilterRule.allow().tcp(5432).to("10.20.0.7/32").because("test database"))
                .build();

        assertThat(Files.readString(GUIDE))
                .contains("FilterRule.allow().tcp(5432).to(\"10.20.0.7/32\").because(\"test database\")")
                .contains("```\n" + policy.explain().strip() + "\n```");
    }
}
