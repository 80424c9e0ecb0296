package dev.agentvm.network;

import dev.agentvm.InvalidValueException;
import java.util.Locale;
import java.util.regex.Pattern;

/** An Ethernet address of one station. Immutable, safe for use by many threads. */
public final class MacAddress {
    private static final Pattern FORM = Pattern.compile("[0-9a-f]{2}(:[0-9a-f]{2}){5}");

    private final String text;

    private MacAddress(String text) {
        this.text = text;
    }

    /**
     * Reads six pairs of hexadecimal digits joined by colons, in either case.
     *
     * @throws InvalidValueException for anything else, and for group addresses, which no station has
     */
    public static MacAddress of(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        if (!FORM.matcher(lower).matches()) {
            throw new InvalidValueException(
                    "mac", text, "must be six pairs of hexadecimal digits joined by colons, such as 52:54:00:12:34:56");
        }
        if ((Integer.parseInt(lower.substring(0, 2), 16) & 1) != 0) {
            throw new InvalidValueException("mac", text, "is a group address; a station's first octet is even");
        }
        return new MacAddress(lower);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof MacAddress mac && text.equals(mac.text);
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }

    /** The canonical form in lower case. */
    @Override
    public String toString() {
        return text;
    }
}
