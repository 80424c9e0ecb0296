package dev.agentvm.libvirt.internal.network;

import dev.agentvm.network.Cidr;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.testkit.Packet;
import dev.agentvm.testkit.Packet.Path;
import dev.agentvm.testkit.Wire;

/** The packet that begins a flow. */
final class FlowPackets {
    private static final Cidr MULTICAST = Cidr.of("224.0.0.0/4");
    private static final IPv4Address BROADCAST = IPv4Address.of("255.255.255.255");
    private static final int ETHERTYPE_VLAN = 0x8100;

    private FlowPackets() {}

    /**
     * The first packet of {@code flow}, where it would go if there were no filter: to the host, to a neighbour on the
     * bridge (the router of a caller's bridge is one), or beyond the host.
     *
     * @param ephemeral the source port and the ICMP identifier, where the flow says none
     */
    static Packet first(Flow flow, Attached attached, int ephemeral) {
        NetworkAttachment vm = attached.vm();
        boolean out = flow.direction() == Flow.Direction.FROM_VM;
        IPv4Address source = flow.source().orElse(vm.address());
        IPv4Address destination = flow.destination().orElse(vm.address());
        Path path = path(flow, vm, out ? destination : source);
        String there = path == Path.BRIDGED
                ? Wire.PEER_MAC
                : attached.gatewayMac().map(MacAddress::toString).orElse(Wire.HOST_MAC);
        Packet.Builder packet = out
                ? Packet.fromVM(path)
                        .from(flow.sourceMac().orElse(vm.mac()).toString())
                        .to(there)
                : Packet.toVM(path).from(there).to(vm.mac().toString());
        boolean toAll = destination.equals(BROADCAST)
                || (destination.equals(vm.subnet().last()) && !destination.equals(vm.address()));
        if (toAll && flow.etherType() == Flow.ETHERTYPE_IPV4) {
            packet.broadcast();
        }
        return carrying(packet, flow, source, destination, ephemeral);
    }

    private static Path path(Flow flow, NetworkAttachment vm, IPv4Address far) {
        boolean host = vm.isHost(far) || far.equals(BROADCAST) || Routes.LOOPBACK.contains(far);
        if (flow.etherType() != Flow.ETHERTYPE_IPV4) {
            return host || flow.direction() == Flow.Direction.FROM_VM ? Path.HOST : Path.BRIDGED;
        }
        if (host) {
            return Path.HOST;
        }
        boolean onTheBridge = vm.gateway().isEmpty() || vm.subnet().contains(far) || MULTICAST.contains(far);
        return onTheBridge ? Path.BRIDGED : Path.ROUTED;
    }

    private static Packet carrying(
            Packet.Builder packet, Flow flow, IPv4Address source, IPv4Address destination, int ephemeral) {
        switch (flow.etherType()) {
            case Flow.ETHERTYPE_ARP -> packet.arpRequest(source.toString(), destination.toString());
            case ETHERTYPE_VLAN -> packet.etherType(0x88cc).vlan(5);
            case Flow.ETHERTYPE_IPV4 -> {
                packet.ipv4(source.toString(), destination.toString());
                int port = flow.sourcePort().orElse(ephemeral);
                int protocol = flow.ipProtocol().orElseThrow();
                switch (protocol) {
                    case Flow.TCP -> packet.tcp(port, flow.destinationPort().orElseThrow());
                    case Flow.UDP -> packet.udp(port, flow.destinationPort().orElseThrow());
                    case Flow.ICMP -> packet.icmp(flow.icmpType().orElseThrow(), 0, ephemeral, 1);
                    default -> packet.protocol(protocol);
                }
            }
            default -> packet.etherType(flow.etherType());
        }
        return packet.build();
    }
}
