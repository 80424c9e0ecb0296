package dev.agentvm.testkit.internal.nwfilter;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * An IPv4 or IPv6 address. Nothing here asks a name server.
 *
 * @param version 4 or 6
 * @param value the address as a number
 */
public record IpAddress(int version, BigInteger value) implements Comparable<IpAddress> {
    int width() {
        return version == 4 ? 32 : 128;
    }

    /** Dotted decimal without leading zeros, or IPv6 text. */
    public static Optional<IpAddress> parse(String text) {
        return text.indexOf(':') >= 0 ? parse6(text) : parse4(text);
    }

    static Optional<IpAddress> parse4(String text) {
        String[] parts = text.split("\\.", -1);
        if (parts.length != 4) {
            return Optional.empty();
        }
        long value = 0;
        for (String part : parts) {
            if (!part.matches("0|[1-9][0-9]{0,2}") || Integer.parseInt(part) > 255) {
                return Optional.empty();
            }
            value = value << 8 | Integer.parseInt(part);
        }
        return Optional.of(new IpAddress(4, BigInteger.valueOf(value)));
    }

    /**
     * IPv4 as the C library reads it, and libvirt with it: one to four parts, each decimal, octal after {@code 0} or
     * hexadecimal after {@code 0x}; the last part fills what is left.
     */
    static Optional<IpAddress> parse4AsC(String text) {
        String[] parts = text.split("\\.", -1);
        if (parts.length > 4) {
            return Optional.empty();
        }
        long value = 0;
        for (int i = 0; i < parts.length; i++) {
            Optional<Long> part = parseCNumber(parts[i]);
            int bits = i == parts.length - 1 ? 8 * (4 - i) : 8;
            if (part.isEmpty() || part.get() >>> bits != 0) {
                return Optional.empty();
            }
            value = value << bits | part.get();
        }
        return Optional.of(new IpAddress(4, BigInteger.valueOf(value)));
    }

    private static Optional<Long> parseCNumber(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        if (lower.matches("0x[0-9a-f]{1,8}")) {
            return Optional.of(Long.parseLong(lower.substring(2), 16));
        }
        if (lower.matches("0[0-7]{0,12}")) {
            return Optional.of(Long.parseLong(lower, 8));
        }
        return lower.matches("[1-9][0-9]{0,9}") ? Optional.of(Long.parseLong(lower)) : Optional.empty();
    }

    static Optional<IpAddress> parse6(String text) {
        int gap = text.indexOf("::");
        if (gap >= 0 && text.indexOf("::", gap + 1) >= 0) {
            return Optional.empty();
        }
        Optional<List<Integer>> head = groups(gap >= 0 ? text.substring(0, gap) : text, gap < 0);
        Optional<List<Integer>> tail = gap >= 0 ? groups(text.substring(gap + 2), true) : Optional.of(List.of());
        if (head.isEmpty() || tail.isEmpty()) {
            return Optional.empty();
        }
        int missing = 8 - head.get().size() - tail.get().size();
        if (gap >= 0 ? missing < 1 : missing != 0) {
            return Optional.empty();
        }
        List<Integer> all = new ArrayList<>(head.get());
        for (int i = 0; i < missing; i++) {
            all.add(0);
        }
        all.addAll(tail.get());
        BigInteger value = BigInteger.ZERO;
        for (int group : all) {
            value = value.shiftLeft(16).or(BigInteger.valueOf(group));
        }
        return Optional.of(new IpAddress(6, value));
    }

    private static Optional<List<Integer>> groups(String text, boolean last) {
        List<Integer> groups = new ArrayList<>();
        if (text.isEmpty()) {
            return Optional.of(groups);
        }
        String[] parts = text.split(":", -1);
        for (int i = 0; i < parts.length; i++) {
            Optional<IpAddress> dotted = parse4(parts[i]);
            if (last && i == parts.length - 1 && dotted.isPresent()) {
                int value = dotted.get().value.intValue();
                groups.add(value >>> 16);
                groups.add(value & 0xffff);
            } else if (parts[i].matches("[0-9a-fA-F]{1,4}")) {
                groups.add(Integer.parseInt(parts[i], 16));
            } else {
                return Optional.empty();
            }
        }
        return Optional.of(groups);
    }

    byte[] bytes() {
        byte[] bytes = new byte[width() / 8];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = value.shiftRight(8 * (bytes.length - 1 - i)).byteValue();
        }
        return bytes;
    }

    boolean isIn(IpAddress network, int prefix) {
        return version == network.version
                && value.shiftRight(width() - prefix).equals(network.value.shiftRight(width() - prefix));
    }

    boolean isGroup() {
        if (version == 6) {
            return value.shiftRight(120).intValue() == 0xff;
        }
        return value.shiftRight(28).intValue() == 0xe || value.equals(BigInteger.valueOf(0xffff_ffffL));
    }

    /** The prefix length that this address stands for if it is a mask, else -1. */
    int prefixLength() {
        BigInteger inverted =
                BigInteger.ONE.shiftLeft(width()).subtract(BigInteger.ONE).xor(value);
        boolean contiguous = inverted.and(inverted.add(BigInteger.ONE)).signum() == 0;
        return contiguous ? width() - inverted.bitLength() : -1;
    }

    @Override
    public int compareTo(IpAddress other) {
        return version != other.version ? Integer.compare(version, other.version) : value.compareTo(other.value);
    }

    @Override
    public String toString() {
        return version == 4 ? format4(value.intValue()) : format6();
    }

    private static String format4(int value) {
        return (value >>> 24) + "." + (value >>> 16 & 0xff) + "." + (value >>> 8 & 0xff) + "." + (value & 0xff);
    }

    /** As the C library writes it: the longest run of zero groups shortened, mapped addresses dotted. */
    private String format6() {
        int[] groups = new int[8];
        for (int i = 0; i < 8; i++) {
            groups[i] = value.shiftRight(16 * (7 - i)).intValue() & 0xffff;
        }
        int best = -1;
        int bestLength = 1;
        for (int i = 0; i < 8; i++) {
            int length = 0;
            while (i + length < 8 && groups[i + length] == 0) {
                length++;
            }
            if (length > bestLength) {
                best = i;
                bestLength = length;
            }
        }
        boolean dotted = best == 0 && (bestLength == 6 || (bestLength == 5 && groups[5] == 0xffff));
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < (dotted ? 6 : 8); i++) {
            if (best >= 0 && i >= best && i < best + bestLength) {
                text.append(i == best ? ":" : "");
            } else {
                text.append(i == 0 ? "" : ":").append(Integer.toHexString(groups[i]));
            }
        }
        if (dotted) {
            return text + ":" + format4(value.intValue());
        }
        return best >= 0 && best + bestLength == 8 ? text + ":" : text.toString();
    }
}
