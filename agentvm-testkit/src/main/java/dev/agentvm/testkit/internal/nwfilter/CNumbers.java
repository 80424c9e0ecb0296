package dev.agentvm.testkit.internal.nwfilter;

import java.util.OptionalInt;
import java.util.OptionalLong;

/** Numbers as C's {@code strtol} and {@code strtoul} read them, the whole text being the number. */
final class CNumbers {
    private CNumbers() {}

    static OptionalInt signed(String text) {
        OptionalLong value = parse(text, 10);
        boolean fits = value.isPresent() && value.getAsLong() == (int) value.getAsLong();
        return fits ? OptionalInt.of((int) value.getAsLong()) : OptionalInt.empty();
    }

    /** What is negative becomes large, as in C. */
    static OptionalLong unsigned(String text, int base) {
        OptionalLong value = parse(text, base);
        if (value.isEmpty() || Math.abs(value.getAsLong()) > 0xffff_ffffL) {
            return OptionalLong.empty();
        }
        return OptionalLong.of(value.getAsLong() & 0xffff_ffffL);
    }

    private static OptionalLong parse(String text, int base) {
        int at = 0;
        while (at < text.length() && " \t\n\u000b\f\r".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        boolean negative = at < text.length() && text.charAt(at) == '-';
        if (at < text.length() && "+-".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        if (base == 16 && text.regionMatches(true, at, "0x", 0, 2)) {
            at += 2;
        }
        String digits = text.substring(at);
        if (!digits.matches(base == 16 ? "[0-9a-fA-F]{1,15}" : "[0-9]{1,15}")) {
            return OptionalLong.empty();
        }
        long value = Long.parseLong(digits, base);
        return OptionalLong.of(negative ? -value : value);
    }
}
