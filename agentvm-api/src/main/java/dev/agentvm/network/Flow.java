package dev.agentvm.network;

import dev.agentvm.InvalidValueException;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import org.immutables.value.Value;

/**
 * An attempt to communicate, as a VM or somebody outside begins it: {@code Flow.tcp("140.82.112.3", 443)}. Immutable,
 * safe for use by many threads.
 */
@ValueStyle
@Value.Immutable
public abstract class Flow implements WithFlow {
    /** The ethertype of IPv4. */
    public static final int ETHERTYPE_IPV4 = 0x0800;
    /** The ethertype of ARP. */
    public static final int ETHERTYPE_ARP = 0x0806;
    /** The IP protocol number of ICMP. */
    public static final int ICMP = 1;
    /** The IP protocol number of TCP. */
    public static final int TCP = 6;
    /** The IP protocol number of UDP. */
    public static final int UDP = 17;

    private static final int ECHO_REQUEST = 8;
    private static final Pattern LITERAL = Pattern.compile("[0-9.]+");
    /** What {@code inet_aton} takes for an address: a last label that is a number, 0x7f.1 and 127.1. for example. */
    private static final Pattern ENDS_IN_NUMBER = Pattern.compile("(.*\\.)?([0-9]+|0[xX][0-9A-Fa-f]*)\\.?");

    private static final Pattern HOST_NAME =
            Pattern.compile("(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\\.?");

    Flow() {}

    /** Who begins. */
    public enum Direction {
        /** The VM begins. */
        FROM_VM,
        /** Somebody else begins, towards the VM. */
        TO_VM
    }

    /** TCP from the VM to a port of an address or public host. */
    public static Flow tcp(String destination, int port) {
        return to(destination).ipProtocol(TCP).destinationPort(port).build();
    }

    /** UDP from the VM to a port of an address or public host. */
    public static Flow udp(String destination, int port) {
        return to(destination).ipProtocol(UDP).destinationPort(port).build();
    }

    /** An ICMP echo request from the VM to an address or public host. */
    public static Flow ping(String destination) {
        return to(destination).ipProtocol(ICMP).icmpType(ECHO_REQUEST).build();
    }

    /** TCP to a port of the VM. */
    public static Flow tcpToVM(String source, int port) {
        return from(source).ipProtocol(TCP).destinationPort(port).build();
    }

    /** UDP to a port of the VM. */
    public static Flow udpToVM(String source, int port) {
        return from(source).ipProtocol(UDP).destinationPort(port).build();
    }

    /** An ICMP echo request to the VM. */
    public static Flow pingToVM(String source) {
        return from(source).ipProtocol(ICMP).icmpType(ECHO_REQUEST).build();
    }

    private static Builder to(String destination) {
        Builder flow = new Builder().direction(Direction.FROM_VM);
        return LITERAL.matcher(destination).matches()
                ? flow.destination(IPv4Address.of(destination))
                : flow.destinationName(destination);
    }

    private static Builder from(String source) {
        return new Builder().direction(Direction.TO_VM).source(IPv4Address.of(source));
    }

    /** Who begins. */
    public abstract Direction direction();

    /** The ethertype of its frames, 0 to 65535; IPv4 if not said. */
    @Value.Default
    public int etherType() {
        return ETHERTYPE_IPV4;
    }

    /** The source MAC address; the sender's own if empty. */
    public abstract Optional<MacAddress> sourceMac();

    /** The IPv4 source address; for a flow from the VM its own if empty. */
    public abstract Optional<IPv4Address> source();

    /** The IPv4 destination address; for a flow to the VM its own if empty. */
    public abstract Optional<IPv4Address> destination();

    /** A host name in place of the destination address; it is judged as some public address. */
    public abstract Optional<String> destinationName();

    /** The IP protocol number, 0 to 255, of IPv4 frames. */
    public abstract OptionalInt ipProtocol();

    /** The source port of TCP and UDP; an ephemeral one if empty. */
    public abstract OptionalInt sourcePort();

    /** The destination port of TCP and UDP. */
    public abstract OptionalInt destinationPort();

    /** The ICMP type. */
    public abstract OptionalInt icmpType();

    @Value.Check
    void check() {
        within("etherType", OptionalInt.of(etherType()), 0, 0xffff);
        within("ipProtocol", ipProtocol(), 0, 255);
        within("sourcePort", sourcePort(), 0, 65535);
        within("destinationPort", destinationPort(), 0, 65535);
        within("icmpType", icmpType(), 0, 255);
        if (destination().isPresent() && destinationName().isPresent()) {
            throw new InvalidValueException(
                    "destinationName", destinationName().get(), "a flow has a destination address or a name, not both");
        }
        destinationName().ifPresent(name -> {
            if (!HOST_NAME.matcher(name).matches()
                    || ENDS_IN_NUMBER.matcher(name).matches()) {
                throw new InvalidValueException(
                        "destination", name, "must be an IPv4 address such as 140.82.112.3 or a host name");
            }
        });
        if (etherType() == ETHERTYPE_IPV4) {
            if (ipProtocol().isEmpty()) {
                throw new InvalidValueException("ipProtocol", "", "an IPv4 flow needs its protocol number");
            }
            if (direction() == Direction.FROM_VM
                    && destination().isEmpty()
                    && destinationName().isEmpty()) {
                throw new InvalidValueException("destination", "", "a flow from the VM needs a destination");
            }
            if (direction() == Direction.TO_VM && source().isEmpty()) {
                throw new InvalidValueException("source", "", "a flow to the VM needs a source");
            }
            int protocol = ipProtocol().getAsInt();
            if ((protocol == TCP || protocol == UDP) && destinationPort().isEmpty()) {
                throw new InvalidValueException("destinationPort", "", "a TCP or UDP flow needs a destination port");
            }
            if (protocol == ICMP && icmpType().isEmpty()) {
                throw new InvalidValueException("icmpType", "", "an ICMP flow needs its type");
            }
        }
    }

    private static void within(String field, OptionalInt value, int min, int max) {
        if (value.isPresent() && (value.getAsInt() < min || value.getAsInt() > max)) {
            throw new InvalidValueException(field, value.getAsInt(), "must be from " + min + " to " + max);
        }
    }

    /** A builder that starts with this flow. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /**
     * Makes a {@link Flow}; {@code build()} throws {@link InvalidValueException} that names the field. Not thread-safe.
     */
    public static final class Builder extends ImmutableFlow.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
