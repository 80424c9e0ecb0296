package dev.agentvm.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DnsNameTest {
    @Test
    void of_escapes_areTheBytesThatTheyStandFor() {
        assertThat(DnsName.of("a\\046b.example.com").longestLabel()).isEqualTo(3);
        assertThat(DnsName.of("a\\.b.example.com").longestLabel()).isEqualTo(3);
        assertThat(DnsName.of("a.b\\255").domain()).isEqualTo("a.b\u00ff");
    }

    @Test
    void of_escapesThatAreCutOff_areReadAllTheSame() {
        assertThat(DnsName.of("a.b\\25").domain()).isEqualTo("a.b25");
        assertThat(DnsName.of("a.b\\2").domain()).isEqualTo("a.b2");
        assertThat(DnsName.of("a.b\\").domain()).isEqualTo("a.b\\");
    }
}
