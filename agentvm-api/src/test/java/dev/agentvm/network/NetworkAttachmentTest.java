package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NetworkAttachmentTest {
    private static final NetworkAttachment EXAMPLE = NetworkAttachment.example();

    @Test
    void example_isTheFirstVMOfTheDefaultNetwork() {
        IPv4Address gateway = IPv4Address.of("192.168.101.1");
        assertThat(EXAMPLE.mac()).hasToString("52:54:c0:a8:65:0a");
        assertThat(EXAMPLE.address()).hasToString("192.168.101.10");
        assertThat(EXAMPLE.subnet()).hasToString("192.168.101.0/24");
        assertThat(EXAMPLE.gateway()).contains(gateway);
        assertThat(EXAMPLE.resolvers()).containsExactly(gateway);
        assertThat(EXAMPLE.hostAddresses()).containsExactly(gateway);
    }

    @Test
    void build_addressOutsideTheSubnet_isRefused() {
        assertThatThrownBy(() -> EXAMPLE.withAddress(IPv4Address.of("192.168.102.10")))
                .isInstanceOf(InvalidValueException.class)
                .hasMessage("address '192.168.102.10': must be in the subnet 192.168.101.0/24");
    }

    @ParameterizedTest
    @ValueSource(strings = {"192.168.102.1", "192.168.101.10"})
    void build_gatewayElsewhereOrTheVMItself_isRefused(String gateway) {
        assertThatThrownBy(() -> EXAMPLE.withGateway(IPv4Address.of(gateway)))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("gateway '" + gateway + "'");
    }

    @Test
    void build_withoutGateway_isABridge() {
        assertThat(EXAMPLE.withGateway(Optional.empty()).gateway()).isEmpty();
    }

    @Test
    void build_callersSetChanges_keepsItsOwn() {
        Set<IPv4Address> addresses = new HashSet<>(Set.of(IPv4Address.of("10.0.0.1")));
        NetworkAttachment attachment = EXAMPLE.withHostAddresses(addresses);
        addresses.clear();
        assertThat(attachment.hostAddresses())
                .containsExactly(IPv4Address.of("10.0.0.1"))
                .isUnmodifiable();
        assertThat(attachment.resolvers()).isUnmodifiable();
    }

    @Test
    void toBuilder_unchanged_buildsAnEqualAttachment() {
        assertThat(EXAMPLE.toBuilder().build()).isEqualTo(EXAMPLE).hasSameHashCodeAs(EXAMPLE);
    }
}
