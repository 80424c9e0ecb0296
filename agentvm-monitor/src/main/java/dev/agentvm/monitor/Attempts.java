package dev.agentvm.monitor;

import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.VMEvent;
import dev.agentvm.network.Flow;
import java.util.Optional;

/** What detectors ask of attempts. */
final class Attempts {
    static final int DNS_PORT = 53;

    private Attempts() {}

    /** The event, if it is an attempt that the VM itself made. */
    static Optional<ConnectionAttempted> byVM(VMEvent event) {
        return event instanceof ConnectionAttempted attempt && attempt.flow().direction() == Flow.Direction.FROM_VM
                ? Optional.of(attempt)
                : Optional.empty();
    }

    /** What is tried there: the protocol with its port or type. */
    static Service service(Flow flow) {
        return new Service(
                flow.etherType(),
                flow.ipProtocol().orElse(-1),
                flow.destinationPort().orElse(-1),
                flow.icmpType().orElse(-1));
    }

    record Service(int etherType, int protocol, int port, int icmpType) {
        @Override
        public String toString() {
            if (etherType == Flow.ETHERTYPE_ARP) {
                return "ARP";
            }
            return switch (protocol) {
                case Flow.TCP -> "TCP port " + port;
                case Flow.UDP -> "UDP port " + port;
                case Flow.ICMP -> "ICMP type " + icmpType;
                case -1 -> "ethertype 0x" + Integer.toHexString(etherType);
                default -> "IP protocol " + protocol;
            };
        }
    }
}
