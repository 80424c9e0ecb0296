package dev.agentvm.network;

import dev.agentvm.InvalidValueException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One IPv4 address. Immutable, safe for use by many threads.
 *
 * <p>Only the canonical form of four decimal numbers is read: the shortened, octal and hexadecimal forms that some
 * tools accept mean different addresses to different tools, and a name would need DNS.
 */
public final class IPv4Address implements Comparable<IPv4Address> {
    private static final String OCTET = "(0|[1-9][0-9]{0,2})";
    private static final Pattern CANONICAL = Pattern.compile(OCTET + "\\." + OCTET + "\\." + OCTET + "\\." + OCTET);

    private final int bits;

    private IPv4Address(int bits) {
        this.bits = bits;
    }

    /**
     * Reads four decimal numbers from 0 to 255 joined by dots, without leading zeros.
     *
     * @throws InvalidValueException for anything else
     */
    public static IPv4Address of(String text) {
        Matcher matcher = CANONICAL.matcher(text);
        if (matcher.matches()) {
            int bits = 0;
            boolean valid = true;
            for (int i = 1; i <= 4; i++) {
                int octet = Integer.parseInt(matcher.group(i));
                valid &= octet <= 255;
                bits = bits << 8 | octet;
            }
            if (valid) {
                return new IPv4Address(bits);
            }
        }
        throw new InvalidValueException(
                "address",
                text,
                "must be an IPv4 address of four decimal numbers from 0 to 255 without leading zeros, such as 10.0.0.1");
    }

    /** The address whose 32 bits, most significant first, are those of {@code bits}. */
    public static IPv4Address ofBits(int bits) {
        return new IPv4Address(bits);
    }

    /** The same address as {@code address}. */
    public static IPv4Address of(Inet4Address address) {
        byte[] octets = address.getAddress();
        return new IPv4Address(
                (octets[0] & 0xff) << 24 | (octets[1] & 0xff) << 16 | (octets[2] & 0xff) << 8 | (octets[3] & 0xff));
    }

    /** The 32 bits of the address, most significant first. */
    public int bits() {
        return bits;
    }

    /** The address as an unsigned number. */
    public long toLong() {
        return Integer.toUnsignedLong(bits);
    }

    /** The same address in the form that {@code java.net} takes; no name is looked up. */
    public InetAddress toInetAddress() {
        try {
            return InetAddress.getByAddress(
                    new byte[] {(byte) (bits >>> 24), (byte) (bits >>> 16), (byte) (bits >>> 8), (byte) bits});
        } catch (UnknownHostException e) {
            throw new AssertionError("four octets are always an address", e);
        }
    }

    @Override
    public int compareTo(IPv4Address other) {
        return Integer.compareUnsigned(bits, other.bits);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof IPv4Address address && bits == address.bits;
    }

    @Override
    public int hashCode() {
        return Integer.hashCode(bits);
    }

    /** The canonical form, such as {@code 10.0.0.1}. */
    @Override
    public String toString() {
        return (bits >>> 24) + "." + (bits >>> 16 & 0xff) + "." + (bits >>> 8 & 0xff) + "." + (bits & 0xff);
    }
}
