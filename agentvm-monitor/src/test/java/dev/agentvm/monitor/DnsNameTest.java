package dev.agentvm.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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

    @ParameterizedTest
    @ValueSource(
            strings = {
                "1.0.0.20.in-addr.arpa",
                "255.249.199.99.in-addr.arpa",
                "168.192.in-addr.arpa",
                "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa",
                "d.f.ip6.arpa"
            })
    void isReverse_nameOfAnAddress_isOne(String name) {
        assertThat(DnsName.of(name).isReverse()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "arpa",
                "router.home.arpa",
                "1.0.0.20.example",
                "256.0.0.20.in-addr.arpa",
                "01.0.0.20.in-addr.arpa",
                "5.1.0.0.20.in-addr.arpa",
                "x.1.0.0.20.in-addr.arpa",
                "xin-addr.arpa",
                "1.in-addr.arpa.example",
                "ab.2.ip6.arpa",
                "g.2.ip6.arpa",
                "0.b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa"
            })
    void isReverse_nameOfSomethingElse_isNone(String name) {
        assertThat(DnsName.of(name).isReverse()).isFalse();
    }
}
