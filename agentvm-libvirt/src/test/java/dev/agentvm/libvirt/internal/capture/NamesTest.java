package dev.agentvm.libvirt.internal.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class NamesTest {
    private final Names names = new Names();

    private void learn(String name, String... addresses) {
        names.learn(new DnsAnswer(
                name, 1, 0, Arrays.stream(addresses).map(IPv4Address::of).toList(), Optional.empty()));
    }

    private Optional<String> of(String address) {
        return names.of(Flow.tcp(address, 443));
    }

    @Test
    void of_address_isTheNameThatGotItLast() {
        learn("old.example", "20.0.0.1", "20.0.0.2");
        learn("new.example", "20.0.0.1");

        assertThat(of("20.0.0.1")).contains("new.example");
        assertThat(of("20.0.0.2")).contains("old.example");
        assertThat(of("20.0.0.3")).isEmpty();
    }

    @Test
    void of_flowToTheVM_isTheNameOfItsSource() {
        learn("peer.example", "20.0.0.1");

        assertThat(names.of(Flow.tcpToVM("20.0.0.1", 22))).contains("peer.example");
    }

    @Test
    void of_moreAddressesThanAreKept_forgetsThoseLearntLongestAgo() {
        learn("first.example", "20.0.0.1");
        learn("second.example", "20.0.0.2");
        IntStream.range(0, 4094).forEach(i -> learn("other.example", "30.0." + i / 256 + "." + i % 256));
        learn("first.example", "20.0.0.1");
        assertThat(of("20.0.0.2")).contains("second.example");

        learn("one-more.example", "20.0.0.3");

        assertThat(of("20.0.0.1")).contains("first.example");
        assertThat(of("20.0.0.2")).isEmpty();
        assertThat(of("20.0.0.3")).contains("one-more.example");
    }
}
