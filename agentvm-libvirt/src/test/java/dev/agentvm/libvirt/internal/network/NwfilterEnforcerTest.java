package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.connection.NetworkFilters;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class NwfilterEnforcerTest {
    private static final NetworkAttachment VM = NetworkAttachment.example();
    private static final Attached ON_BRIDGE =
            new Attached(VM.withGateway(Optional.empty()), "br0", Optional.empty(), false);
    private static final Attached BEHIND_NAT =
            new Attached(VM, "agentvm0", Optional.of(Subnet.mac(VM.gateway().orElseThrow())), false);
    private static final String INBOUND = "Hosts that the VM may ask can start TCP connections to it";

    private final PretendHost host = new PretendHost();
    private final NetworkFilters filters = Stub.of(NetworkFilters.class)
            .on("define", new NetworkFilters.Info("agentvm-vm", UUID.randomUUID()))
            .get();

    private List<String> warnings(NetworkPolicy policy, Attached attached) {
        return new NwfilterEnforcer(filters, host)
                .prepare(UUID.randomUUID(), policy, attached)
                .warnings();
    }

    @Test
    void prepare_layer3ThatIsBlind_warnsOfWhatItKept() {
        NetworkPolicy rejecting = NetworkPolicy.agentDefault();
        NetworkPolicy dropping = rejecting.toBuilder().denied(DenyAction.DROP).build();
        assertThat(warnings(rejecting, ON_BRIDGE)).isEmpty();

        host.files.put(NwfilterEnforcer.BRIDGE_NF, "0");

        assertThat(warnings(rejecting, BEHIND_NAT))
                .singleElement()
                .satisfies(warning -> assertThat(warning).contains("dropped instead of refused", "is 0"));
        assertThat(warnings(rejecting, ON_BRIDGE))
                .hasSize(2)
                .anySatisfy(warning -> assertThat(warning).startsWith(INBOUND));
        assertThat(warnings(dropping, BEHIND_NAT)).isEmpty();
        assertThat(warnings(dropping, ON_BRIDGE))
                .singleElement()
                .satisfies(warning -> assertThat(warning).startsWith(INBOUND));
    }
}
