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
 * @param lease what the VM has its address by
 */
public record Attached(
        NetworkAttachment vm, String bridge, Optional<MacAddress> gatewayMac, boolean loopbackRouted, Lease lease) {

    /** How long an address is the VM's. */
    public enum Lease {
        /** It was given to the VM, for as long as the VM lives. */
        NONE,
        /** It was learnt from a DHCP server. */
        HELD,
        /** It was learnt, and is somebody else's by now for all that is known. */
        ENDED
    }

    /** A VM that was given its address. */
    public Attached(NetworkAttachment vm, String bridge, Optional<MacAddress> gatewayMac, boolean loopbackRouted) {
        this(vm, bridge, gatewayMac, loopbackRouted, Lease.NONE);
    }

    /** The same VM on a host that has these addresses now, and notes of leases. */
    public Attached on(HostView host, HostAddresses addresses) {
        NetworkAttachment now = vm.toBuilder()
                .hostAddresses(addresses.single())
                .addAllHostAddresses(vm.gateway().stream().toList())
                .hostBlocks(addresses.blocks())
                .build();
        return new Attached(
                now,
                bridge,
                gatewayMac,
                Routes.loopbackRouted(host, bridge),
                lease == Lease.NONE ? lease : CallerBridge.lease(vm, host).orElse(lease));
    }
}
