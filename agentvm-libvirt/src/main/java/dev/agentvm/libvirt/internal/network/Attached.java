package dev.agentvm.libvirt.internal.network;

import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import java.util.Optional;

/**
 * What a filter must know beside the policy.
 *
 * @param vm who the VM is on its network
 * @param bridge the bridge that its tap is on
 * @param gatewayMac the MAC address of everything that is not on the bridge, which is the bridge's own on a network of
 *     this library; empty on a caller's bridge, where each neighbour has its own
 * @param loopbackRouted whether the host's kernel lets packets from elsewhere reach 127.0.0.0/8 ({@code route_localnet}),
 *     which it refuses unless told so
 */
public record Attached(NetworkAttachment vm, String bridge, Optional<MacAddress> gatewayMac, boolean loopbackRouted) {

    /** The same VM on a host that has these addresses now. */
    public Attached on(HostView host, HostAddresses addresses) {
        NetworkAttachment now = vm.toBuilder()
                .hostAddresses(addresses.single())
                .addAllHostAddresses(vm.gateway().stream().toList())
                .hostBlocks(addresses.blocks())
                .build();
        return new Attached(now, bridge, gatewayMac, Routes.loopbackRouted(host, bridge));
    }
}
