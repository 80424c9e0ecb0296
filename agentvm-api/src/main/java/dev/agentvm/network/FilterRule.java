package dev.agentvm.network;

import dev.agentvm.InvalidValueException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Allows one protocol to some destinations, for a stated reason:
 *
 * <pre>{@code
 * FilterRule.allow().tcp(5432).to("10.20.0.7/32").because("the test database")
 * }</pre>
 *
 * <p>A rule without a destination means the public Internet, and never opens what the floor closes
 * ({@link FloorClause}). Addresses of the floor open only by a rule that names them. An address of the host opens only
 * by a rule that names that one address. Immutable, safe for use by many threads.
 */
public final class FilterRule {
    private static final int MAX_REASON = 200;

    private final Protocol protocol;
    private final List<PortRange> ports;
    private final List<Cidr> destinations;
    private final String reason;

    private FilterRule(Protocol protocol, List<PortRange> ports, List<Cidr> destinations, String reason) {
        this.protocol = protocol;
        this.ports = ports;
        this.destinations = destinations;
        this.reason = reason;
    }

    /** Begins a rule. */
    public static Draft allow() {
        return new Draft();
    }

    /** What is allowed. */
    public Protocol protocol() {
        return protocol;
    }

    /** The destination ports, merged, in rising order; empty for a protocol without ports. */
    public List<PortRange> ports() {
        return ports;
    }

    /** The destinations in rising order; empty means the public Internet. */
    public List<Cidr> destinations() {
        return destinations;
    }

    /** Why the rule is there. */
    public String reason() {
        return reason;
    }

    /** Whether the rule names addresses that the floor closes. */
    public boolean opensFloor() {
        return destinations.stream().anyMatch(FilterRule::insideFloor);
    }

    /** Whether this rule allows that protocol and port, leaving the destination aside; ports do not count for ping. */
    boolean covers(Protocol flowProtocol, int port) {
        return protocol == flowProtocol
                && (!protocol.hasPorts() || ports.stream().anyMatch(range -> range.contains(port)));
    }

    static boolean insideFloor(Cidr destination) {
        return FloorClause.closedRanges().stream().anyMatch(range -> range.contains(destination));
    }

    /** Rules are equal if they name the same protocol, ports and destinations, and the same reason. */
    @Override
    public boolean equals(Object other) {
        return other instanceof FilterRule rule
                && protocol == rule.protocol
                && ports.equals(rule.ports)
                && destinations.equals(rule.destinations)
                && reason.equals(rule.reason);
    }

    @Override
    public int hashCode() {
        return Objects.hash(protocol, ports, destinations, reason);
    }

    /** One line for people, such as {@code tcp 5432 to 10.20.0.7/32 because the test database}. */
    @Override
    public String toString() {
        String what = protocol == Protocol.ICMP_ECHO
                ? "ping"
                : protocol.name().toLowerCase(Locale.ROOT) + " "
                        + ports.stream().map(PortRange::toString).collect(Collectors.joining(","));
        String where = destinations.isEmpty()
                ? "the public Internet"
                : destinations.stream().map(Cidr::toString).collect(Collectors.joining(", "));
        return what + " to " + where + " because " + reason;
    }

    /** A rule in the making. Not thread-safe; {@link #because} ends it. */
    public static final class Draft {
        private @Nullable Protocol protocol;
        private final List<PortRange> ports = new ArrayList<>();
        private final TreeSet<Cidr> destinations = new TreeSet<>();

        private Draft() {}

        /**
         * TCP to these ports.
         *
         * @throws InvalidValueException for a port outside 1 to 65535, or if the draft has another protocol
         */
        public Draft tcp(int... destinationPorts) {
            return protocol(Protocol.TCP, single(destinationPorts));
        }

        /** TCP to these ports; refused as in {@link #tcp(int...)}. */
        public Draft tcp(PortRange... destinationPorts) {
            return protocol(Protocol.TCP, Arrays.asList(destinationPorts));
        }

        /** UDP to these ports; refused as in {@link #tcp(int...)}. */
        public Draft udp(int... destinationPorts) {
            return protocol(Protocol.UDP, single(destinationPorts));
        }

        /** UDP to these ports; refused as in {@link #tcp(int...)}. */
        public Draft udp(PortRange... destinationPorts) {
            return protocol(Protocol.UDP, Arrays.asList(destinationPorts));
        }

        /** ICMP echo, known as ping. */
        public Draft ping() {
            return protocol(Protocol.ICMP_ECHO, List.of());
        }

        /**
         * To these addresses or blocks, in the form of {@link Cidr#of(String)}.
         *
         * @throws InvalidValueException for one that is neither wholly public nor wholly inside a closed range, or that
         *     no packet can reach
         */
        public Draft to(String... addresses) {
            return to(Arrays.stream(addresses).map(Cidr::of).toArray(Cidr[]::new));
        }

        /** To these addresses or blocks; refused as in {@link #to(String...)}. */
        public Draft to(Cidr... addresses) {
            if (addresses.length == 0) {
                throw new InvalidValueException(
                        "to", "", "names no address; leave it out for the public Internet, or name what to open");
            }
            for (Cidr destination : addresses) {
                check(destination);
                destinations.add(destination);
            }
            return this;
        }

        /**
         * Ends the draft.
         *
         * @param reason why this is needed, 1 to 200 characters on one line
         * @throws InvalidValueException if the reason is empty, too long or holds control or format characters, or if the rule
         *     opens nothing
         */
        public FilterRule because(String reason) {
            Protocol chosen = protocol;
            if (chosen == null) {
                throw new InvalidValueException(
                        "rule", "", "opens nothing; say tcp(port), udp(port) or ping() before because(…)");
            }
            String text = reason.strip();
            if (text.isEmpty()
                    || text.length() > MAX_REASON
                    || text.codePoints().anyMatch(Draft::misleads)) {
                throw new InvalidValueException(
                        "because",
                        reason,
                        "must say why the rule is needed, in 1 to " + MAX_REASON
                                + " characters on one line, without control or format characters");
            }
            return new FilterRule(chosen, merged(ports), List.copyOf(destinations), text);
        }

        private Draft protocol(Protocol next, Collection<PortRange> destinationPorts) {
            if (protocol != null && protocol != next) {
                throw new InvalidValueException(
                        "rule", protocol + " and " + next, "a rule has one protocol; write a rule for each");
            }
            if (next.hasPorts() && destinationPorts.isEmpty()) {
                throw new InvalidValueException("ports", "", "opens nothing; name at least one port");
            }
            protocol = next;
            ports.addAll(destinationPorts);
            return this;
        }

        /** A reviewer signs what is printed: nothing may break the line or turn its direction. */
        private static boolean misleads(int c) {
            return switch (Character.getType(c)) {
                case Character.CONTROL,
                        Character.FORMAT,
                        Character.LINE_SEPARATOR,
                        Character.PARAGRAPH_SEPARATOR,
                        Character.SURROGATE -> true;
                default -> false;
            };
        }

        private static List<PortRange> single(int[] destinationPorts) {
            return Arrays.stream(destinationPorts).mapToObj(PortRange::of).toList();
        }

        private static void check(Cidr destination) {
            FloorClause.ofDestination(destination.base())
                    .filter(FloorClause::unreachable)
                    .filter(clause -> insideFloor(destination))
                    .ifPresent(clause -> {
                        throw new InvalidValueException("to", destination, "opens nothing: " + clause.reason());
                    });
            for (Cidr range : FloorClause.closedRanges()) {
                if (destination.overlaps(range) && !insideFloor(destination)) {
                    throw new InvalidValueException(
                            "to",
                            destination,
                            "holds public addresses and the closed range " + range
                                    + "; name the public part and the closed part each in full, or nothing for"
                                    + " the public Internet");
                }
            }
        }

        private static List<PortRange> merged(List<PortRange> ranges) {
            List<PortRange> result = new ArrayList<>();
            for (PortRange next : ranges.stream().sorted().toList()) {
                int end = result.size() - 1;
                if (end >= 0 && next.first() <= result.get(end).last() + 1) {
                    PortRange before = result.get(end);
                    result.set(end, PortRange.of(before.first(), Math.max(before.last(), next.last())));
                } else {
                    result.add(next);
                }
            }
            return List.copyOf(result);
        }
    }
}
