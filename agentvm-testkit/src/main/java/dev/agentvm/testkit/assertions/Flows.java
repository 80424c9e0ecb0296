package dev.agentvm.testkit.assertions;

import dev.agentvm.network.Flow;
import java.util.Optional;

/** Flows as people write them. */
final class Flows {
    private Flows() {}

    /** Such as {@code tcp to 10.0.0.1:443}; what is out of the ordinary in full. */
    static String describe(Flow flow) {
        Optional<String> protocol = protocol(flow);
        boolean fromVM = flow.direction() == Flow.Direction.FROM_VM;
        boolean plain = flow.etherType() == Flow.ETHERTYPE_IPV4
                && flow.sourceMac().isEmpty()
                && flow.sourcePort().isEmpty()
                && (fromVM ? flow.source().isEmpty() : flow.destination().isEmpty());
        if (protocol.isEmpty() || !plain) {
            return flow.toString();
        }
        String port = flow.destinationPort().isPresent()
                ? ":" + flow.destinationPort().getAsInt()
                : "";
        return fromVM
                ? protocol.get() + " to "
                        + flow.destination()
                                .map(Object::toString)
                                .or(flow::destinationName)
                                .orElse("nowhere") + port
                : protocol.get() + " from "
                        + flow.source().map(Object::toString).orElse("nowhere") + " to the VM" + port;
    }

    private static Optional<String> protocol(Flow flow) {
        return switch (flow.ipProtocol().orElse(-1)) {
            case Flow.TCP -> Optional.of("tcp");
            case Flow.UDP -> Optional.of("udp");
            case Flow.ICMP -> Optional.of("icmp type " + flow.icmpType().orElse(0));
            default -> Optional.empty();
        };
    }
}
