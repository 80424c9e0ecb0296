package dev.agentvm.libvirt.internal.network;

import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.PortRange;
import org.jspecify.annotations.Nullable;

/**
 * One rule of a {@link FilterPlan}.
 *
 * @param layer where it applies
 * @param direction seen from the VM
 * @param action what becomes of a packet that it means
 * @param match which packets it means
 * @param reason why it is there, for people
 */
record PlanRule(Layer layer, Direction direction, Action action, Match match, String reason) {

    /** The two places where rules apply. */
    enum Layer {
        /** Frames at the VM's port of the bridge. Stateless. */
        ETHERNET,
        /** IPv4 packets, with the state of their connections. */
        IP
    }

    /** Seen from the VM. */
    enum Direction {
        OUT,
        IN
    }

    enum Action {
        ACCEPT,
        DROP,
        /** Only of layer {@link Layer#IP}. */
        REJECT
    }

    /** Protocols within IPv4. */
    enum Transport {
        TCP,
        UDP,
        ICMP
    }

    /** What rules mean. */
    sealed interface Match permits Everything, Arp, Packet {}

    /** Every frame. Only of layer {@link Layer#ETHERNET}. */
    record Everything() implements Match {}

    /**
     * ARP. Only of layer {@link Layer#ETHERNET}.
     *
     * @param source the frame's source, which must be the sender named in the ARP packet too; null: any
     * @param sender the address whose owner the packet says it is; null: any
     */
    record Arp(@Nullable MacAddress source, @Nullable IPv4Address sender) implements Match {}

    /**
     * IPv4. What is null is not looked at. Ports need a protocol; a fragment other than the first has none, so at layer
     * 2 it is no packet that a rule with ports means.
     */
    record Packet(
            @Nullable MacAddress sourceMac,
            @Nullable Cidr source,
            @Nullable Cidr destination,
            @Nullable Transport transport,
            @Nullable PortRange sourcePorts,
            @Nullable PortRange destinationPorts,
            @Nullable Integer icmpType,
            State state,
            @Nullable Integer connectionsAbove)
            implements Match {

        /** All of IPv4, whatever its state. */
        static Packet any() {
            return new Packet(null, null, null, null, null, null, null, State.ANY, null);
        }

        Packet fromMac(@Nullable MacAddress mac) {
            return new Packet(
                    mac,
                    source,
                    destination,
                    transport,
                    sourcePorts,
                    destinationPorts,
                    icmpType,
                    state,
                    connectionsAbove);
        }

        Packet from(@Nullable Cidr block) {
            return new Packet(
                    sourceMac,
                    block,
                    destination,
                    transport,
                    sourcePorts,
                    destinationPorts,
                    icmpType,
                    state,
                    connectionsAbove);
        }

        Packet from(IPv4Address address) {
            return from(Cidr.single(address));
        }

        Packet to(@Nullable Cidr block) {
            return new Packet(
                    sourceMac,
                    source,
                    block,
                    transport,
                    sourcePorts,
                    destinationPorts,
                    icmpType,
                    state,
                    connectionsAbove);
        }

        Packet to(IPv4Address address) {
            return to(Cidr.single(address));
        }

        Packet of(Transport kind) {
            return new Packet(
                    sourceMac,
                    source,
                    destination,
                    kind,
                    sourcePorts,
                    destinationPorts,
                    icmpType,
                    state,
                    connectionsAbove);
        }

        Packet fromPorts(@Nullable PortRange ports) {
            return new Packet(
                    sourceMac,
                    source,
                    destination,
                    transport,
                    ports,
                    destinationPorts,
                    icmpType,
                    state,
                    connectionsAbove);
        }

        Packet toPorts(@Nullable PortRange ports) {
            return new Packet(
                    sourceMac, source, destination, transport, sourcePorts, ports, icmpType, state, connectionsAbove);
        }

        Packet icmp(int type) {
            return new Packet(
                    sourceMac,
                    source,
                    destination,
                    Transport.ICMP,
                    sourcePorts,
                    destinationPorts,
                    type,
                    state,
                    connectionsAbove);
        }

        Packet in(State wanted) {
            return new Packet(
                    sourceMac,
                    source,
                    destination,
                    transport,
                    sourcePorts,
                    destinationPorts,
                    icmpType,
                    wanted,
                    connectionsAbove);
        }

        Packet beyond(int connections) {
            return new Packet(
                    sourceMac,
                    source,
                    destination,
                    transport,
                    sourcePorts,
                    destinationPorts,
                    icmpType,
                    State.NEW,
                    connections);
        }
    }

    /** The state of a packet's connection, which only layer {@link Layer#IP} knows. */
    enum State {
        /** Whatever it is. */
        ANY,
        /** The packet begins a connection. */
        NEW,
        /** The packet begins a connection or belongs to none. */
        NEW_OR_INVALID,
        /** The packet begins a connection or belongs to one. */
        NEW_OR_ESTABLISHED
    }
}
