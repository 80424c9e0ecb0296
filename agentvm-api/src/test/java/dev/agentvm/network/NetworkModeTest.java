package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NetworkModeTest {
    @Test
    void bridge_nameAndResolvers_keepsThemInOrder() {
        assertThat(NetworkMode.bridge("br0", "9.9.9.9", "10.0.0.53"))
                .isEqualTo(new NetworkMode.Bridge(
                        "br0", List.of(IPv4Address.of("9.9.9.9"), IPv4Address.of("10.0.0.53")), Optional.empty()));
        assertThat(new NetworkMode.Bridge("br0", List.of(), Optional.empty())
                        .withAddress("10.0.0.9")
                        .address())
                .contains(IPv4Address.of("10.0.0.9"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "br0", "br-lan.10", "_x", "0123456789abcde"})
    void bridge_nameThatTheKernelTakes_isAccepted(String name) {
        assertThat(NetworkMode.bridge(name)).isNotEqualTo(NetworkMode.bridge("other"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ".",
                "..",
                "-br0",
                "br0:1",
                "br/0",
                "../br0",
                "br 0",
                "br0\n",
                "br\0",
                "br%d",
                "<br0>",
                "br'0",
                "brücke",
                "0123456789abcdef"
            })
    void bridge_anotherName_isRefused(String name) {
        assertThatThrownBy(() -> NetworkMode.bridge(name))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("bridge '")
                .hasMessageContaining("1 to 15 characters");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"localhost", "010.0.0.1", "::1", "", "127.0.0.53", "0.0.0.0", "224.0.0.251", "255.255.255.255"})
    void bridge_resolverOrAddressThatIsNoMachine_isRefused(String address) {
        assertThatThrownBy(() -> NetworkMode.bridge("br0", address)).isInstanceOf(InvalidValueException.class);
        NetworkMode.Bridge bridge = new NetworkMode.Bridge("br0", List.of(), Optional.empty());
        assertThatThrownBy(() -> bridge.withAddress(address)).isInstanceOf(InvalidValueException.class);
    }

    @Test
    void bridge_callersListChanges_keepsItsOwn() {
        List<IPv4Address> resolvers = new ArrayList<>(List.of(IPv4Address.of("9.9.9.9")));
        NetworkMode.Bridge bridge = new NetworkMode.Bridge("br0", resolvers, Optional.empty());
        resolvers.clear();
        assertThat(bridge.resolvers())
                .containsExactly(IPv4Address.of("9.9.9.9"))
                .isUnmodifiable();
    }

    @Test
    @SuppressWarnings("NullAway")
    void bridge_null_failsAtOnce() {
        assertThatThrownBy(() -> new NetworkMode.Bridge(null, List.of(), Optional.empty()))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("name");
        assertThatThrownBy(() -> new NetworkMode.Bridge("br0", List.of(), null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("address");
        assertThatThrownBy(() -> new NetworkMode.Bridge("br0", null, Optional.empty()))
                .isInstanceOf(NullPointerException.class);
    }
}
