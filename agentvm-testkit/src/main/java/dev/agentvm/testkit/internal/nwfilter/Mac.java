package dev.agentvm.testkit.internal.nwfilter;

import java.util.Optional;

/** A MAC address, as the low 48 bits of a number. */
public record Mac(long bits) {
    /** Every station. */
    public static final Mac BROADCAST = new Mac(0xffff_ffff_ffffL);

    /** The bridge group address, to which spanning tree frames go. */
    public static final Mac BRIDGE_GROUP = new Mac(0x0180_c200_0000L);

    /** Six bytes of one or two hexadecimal digits, with colons. */
    public static Optional<Mac> parse(String text) {
        String[] parts = text.split(":", -1);
        if (parts.length != 6) {
            return Optional.empty();
        }
        long bits = 0;
        for (String part : parts) {
            if (part.isEmpty()
                    || part.length() > 2
                    || !part.chars().allMatch(c -> Character.digit(c, 16) >= 0 && c < 128)) {
                return Optional.empty();
            }
            bits = bits << 8 | Long.parseLong(part, 16);
        }
        return Optional.of(new Mac(bits));
    }

    byte[] bytes() {
        byte[] bytes = new byte[6];
        for (int i = 0; i < 6; i++) {
            bytes[i] = (byte) (bits >> (8 * (5 - i)));
        }
        return bytes;
    }

    boolean isGroup() {
        return (bits >> 40 & 1) == 1;
    }

    /** Ones first, then zeros: what libvirt takes for a mask. */
    boolean isMask() {
        long inverted = ~bits & BROADCAST.bits;
        return (inverted & inverted + 1) == 0;
    }

    boolean equalsUnder(Mac mask, Mac other) {
        return (bits & mask.bits) == (other.bits & mask.bits);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (byte b : bytes()) {
            text.append(text.isEmpty() ? "" : ":").append(String.format("%02x", b));
        }
        return text.toString();
    }
}
