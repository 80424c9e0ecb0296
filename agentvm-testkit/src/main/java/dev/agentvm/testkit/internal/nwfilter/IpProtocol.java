package dev.agentvm.testkit.internal.nwfilter;

import java.util.Locale;
import java.util.Optional;

/** Protocol numbers by their names in {@code /etc/protocols}. */
public final class IpProtocol {
    public static final int ICMP = 1;
    public static final int IGMP = 2;
    public static final int TCP = 6;
    public static final int UDP = 17;
    public static final int DCCP = 33;
    public static final int GRE = 47;
    public static final int ESP = 50;
    public static final int AH = 51;
    public static final int ICMPV6 = 58;
    public static final int SCTP = 132;
    public static final int UDPLITE = 136;

    private IpProtocol() {}

    static Optional<Integer> named(String name) {
        return switch (name.toLowerCase(Locale.ROOT)) {
            case "icmp" -> Optional.of(ICMP);
            case "igmp" -> Optional.of(IGMP);
            case "tcp" -> Optional.of(TCP);
            case "udp" -> Optional.of(UDP);
            case "esp" -> Optional.of(ESP);
            case "ah" -> Optional.of(AH);
            case "icmpv6" -> Optional.of(ICMPV6);
            case "sctp" -> Optional.of(SCTP);
            case "udplite" -> Optional.of(UDPLITE);
            default -> Optional.empty();
        };
    }

    static String name(int protocol) {
        return switch (protocol) {
            case ICMP -> "icmp";
            case IGMP -> "igmp";
            case TCP -> "tcp";
            case UDP -> "udp";
            case ESP -> "esp";
            case AH -> "ah";
            case ICMPV6 -> "icmpv6";
            case SCTP -> "sctp";
            case UDPLITE -> "udplite";
            default -> "protocol " + protocol;
        };
    }

    static boolean hasPorts(int protocol) {
        return protocol == TCP || protocol == UDP || protocol == DCCP || protocol == SCTP || protocol == UDPLITE;
    }
}
