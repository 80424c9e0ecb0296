package dev.agentvm.testkit.internal.nwfilter;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/** How libvirt reads an attribute, and how it prints what it has read into a command line. */
enum AttributeType {
    NUMBER_8,
    NUMBER_16,
    CONNLIMIT,
    MAC,
    MAC_MASK,
    IPV4,
    IPV4_MASK,
    IPV6,
    IPV6_MASK,
    ETHER_TYPE,
    VLAN_ID,
    VLAN_ENCAPSULATION,
    ARP_OPCODE,
    IP_PROTOCOL,
    DSCP,
    STATE,
    TCP_FLAGS,
    IPSET,
    IPSET_FLAGS,
    BOOLEAN,
    COMMENT;

    private static final int COMMENT_LENGTH = 256;
    private static final Pattern SET_NAME = Pattern.compile("[A-Za-z0-9_.:+ -]{1,31}");
    private static final Pattern SET_FLAGS =
            Pattern.compile("(?:src|dst)(?:,(?:src|dst)){0,5}", Pattern.CASE_INSENSITIVE);
    private static final Map<String, Integer> ETHER_TYPES = Map.of(
            "arp", PacketData.ARP,
            "rarp", PacketData.RARP,
            "ipv4", PacketData.IPV4,
            "ipv6", PacketData.IPV6,
            "vlan", PacketData.VLAN);
    private static final List<String> OPCODES = List.of(
            "request",
            "reply",
            "request_reverse",
            "reply_reverse",
            "drarp_request",
            "drarp_reply",
            "drarp_error",
            "inarp_request",
            "arp_nak");
    private static final List<String> TCP_FLAG_NAMES = List.of("FIN", "SYN", "RST", "PSH", "ACK", "URG");

    /** What libvirt will print for this text, empty if it refuses the text. */
    Optional<String> read(String text) {
        return switch (this) {
            case NUMBER_8 -> number(text, 0, 0xff);
            case NUMBER_16 -> number(text, 0, 0xffff);
            case CONNLIMIT -> print(CNumbers.unsigned(text, 10), 0, 0xffff);
            case VLAN_ID -> number(text, 0, 4095);
            case DSCP -> number(text, 0, 63);
            case MAC -> Mac.parse(text.stripTrailing()).map(Mac::toString);
            case MAC_MASK -> Mac.parse(text.stripTrailing()).filter(Mac::isMask).map(Mac::toString);
            case IPV4 -> IpAddress.parse4AsC(text).map(IpAddress::toString);
            case IPV6 -> IpAddress.parse6(text).map(IpAddress::toString);
            case IPV4_MASK -> mask(text, 32, IpAddress.parse4AsC(text));
            case IPV6_MASK -> mask(text, 128, IpAddress.parse6(text));
            case ETHER_TYPE -> numberOrName(text, 0x600, 0xffff, etherType(text));
            case VLAN_ENCAPSULATION -> numberOrName(text, 0x3c, 0xffff, etherType(text));
            case ARP_OPCODE -> numberOrName(text, 0, 0xffff, opcode(text));
            case IP_PROTOCOL -> numberOrName(text, 0, 0xff, IpProtocol.named(text));
            case TCP_FLAGS -> tcpFlags(text);
            case STATE -> State.parse(text).map(State::print);
            case IPSET -> Optional.of(text).filter(t -> SET_NAME.matcher(t).matches());
            case IPSET_FLAGS ->
                Optional.of(text).filter(t -> SET_FLAGS.matcher(t).matches()).map(t -> t.toLowerCase(Locale.ROOT));
            case BOOLEAN ->
                Optional.of(String.valueOf(List.of("true", "1", "yes").contains(text)));
            case COMMENT -> Optional.of(text.substring(0, Math.min(text.length(), COMMENT_LENGTH)));
        };
    }

    /** Decimal, and where that fails hexadecimal, with or without {@code 0x}. */
    private static OptionalLong numeric(String text, long limit) {
        OptionalLong decimal = CNumbers.unsigned(text, 10);
        if (decimal.isPresent() && decimal.getAsLong() <= limit) {
            return decimal;
        }
        OptionalLong hexadecimal = CNumbers.unsigned(text, 16);
        return hexadecimal.isPresent() && hexadecimal.getAsLong() <= limit ? hexadecimal : OptionalLong.empty();
    }

    private static Optional<String> print(OptionalLong value, long least, long most) {
        return value.isPresent() && value.getAsLong() >= least && value.getAsLong() <= most
                ? Optional.of(String.valueOf(value.getAsLong()))
                : Optional.empty();
    }

    /** The field is 8 or 16 bits wide when read; narrower limits are applied to what was read. */
    private static Optional<String> number(String text, long least, long most) {
        return print(numeric(text, most > 0xff ? 0xffff : 0xff), least, most);
    }

    private static Optional<String> numberOrName(String text, long least, long most, Optional<Integer> named) {
        OptionalLong value = numeric(text, most);
        return value.isPresent() ? print(value, least, most) : named.map(String::valueOf);
    }

    private static Optional<String> mask(String text, int width, Optional<IpAddress> dotted) {
        OptionalLong number = CNumbers.unsigned(text, 10);
        if (number.isPresent()) {
            return print(number, 0, width);
        }
        return dotted.map(IpAddress::prefixLength).filter(p -> p >= 0).map(String::valueOf);
    }

    private static Optional<Integer> etherType(String text) {
        return Optional.ofNullable(ETHER_TYPES.get(text.toLowerCase(Locale.ROOT)));
    }

    private static Optional<Integer> opcode(String text) {
        int index = OPCODES.indexOf(text.toLowerCase(Locale.ROOT));
        return index < 0 ? Optional.empty() : Optional.of(index + 1);
    }

    private static Optional<String> tcpFlags(String text) {
        int slash = text.indexOf('/');
        if (slash < 0) {
            return Optional.empty();
        }
        Optional<String> mask = tcpFlagSet(text.substring(0, slash));
        Optional<String> flags = tcpFlagSet(text.substring(slash + 1));
        return mask.isPresent() && flags.isPresent() ? Optional.of(mask.get() + " " + flags.get()) : Optional.empty();
    }

    private static Optional<String> tcpFlagSet(String text) {
        int bits = 0;
        String rest = skipSeparators(text);
        while (!rest.isEmpty()) {
            String upper = rest.toUpperCase(Locale.ROOT);
            Optional<String> name =
                    TCP_FLAG_NAMES.stream().filter(upper::startsWith).findFirst();
            if (name.isPresent()) {
                bits |= 1 << TCP_FLAG_NAMES.indexOf(name.get());
                rest = skipSeparators(rest.substring(3));
            } else if (upper.startsWith("ALL")) {
                bits = 0x3f;
                rest = skipSeparators(rest.substring(3));
            } else if (upper.startsWith("NONE")) {
                rest = skipSeparators(rest.substring(4));
            } else {
                return Optional.empty();
            }
        }
        if (bits == 0) {
            return Optional.of("NONE");
        }
        if (bits == 0x3f) {
            return Optional.of("ALL");
        }
        StringBuilder names = new StringBuilder();
        for (int i = 0; i < TCP_FLAG_NAMES.size(); i++) {
            if ((bits >> i & 1) == 1) {
                names.append(names.isEmpty() ? "" : ",").append(TCP_FLAG_NAMES.get(i));
            }
        }
        return Optional.of(names.toString());
    }

    static String skipSeparators(String text) {
        int at = 0;
        while (at < text.length() && (text.charAt(at) == ',' || " \t\n\u000b\f\r".indexOf(text.charAt(at)) >= 0)) {
            at++;
        }
        return text.substring(at);
    }
}
