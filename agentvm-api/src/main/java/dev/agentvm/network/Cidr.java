package dev.agentvm.network;

import dev.agentvm.InvalidValueException;
import java.util.Comparator;
import java.util.Objects;

/**
 * A block of IPv4 addresses: a base address and the number of leading bits that all of its addresses share. Immutable,
 * safe for use by many threads.
 */
public final class Cidr implements Comparable<Cidr> {
    private static final Comparator<Cidr> ORDER =
            Comparator.comparing(Cidr::base).thenComparingInt(Cidr::prefixLength);

    private final IPv4Address base;
    private final int prefixLength;

    private Cidr(IPv4Address base, int prefixLength) {
        this.base = base;
        this.prefixLength = prefixLength;
    }

    /**
     * Reads {@code a.b.c.d/n}, or {@code a.b.c.d} for that one address.
     *
     * @throws InvalidValueException for anything else: other forms of an address, prefix lengths outside 0 to 32, a
     *     base with bits set after the prefix
     */
    public static Cidr of(String text) {
        int slash = text.indexOf('/');
        if (slash < 0) {
            return single(address(text, text));
        }
        String length = text.substring(slash + 1);
        if (!length.matches("0|[1-9][0-9]?") || Integer.parseInt(length) > 32) {
            throw new InvalidValueException("cidr", text, "the prefix length after '/' must be a number from 0 to 32");
        }
        return of(address(text.substring(0, slash), text), Integer.parseInt(length));
    }

    private static IPv4Address address(String part, String whole) {
        try {
            return IPv4Address.of(part);
        } catch (InvalidValueException e) {
            throw new InvalidValueException(
                    "cidr",
                    whole,
                    "must be an IPv4 address of four decimal numbers without leading zeros, with a prefix length if"
                            + " it is a block, such as 10.0.0.0/8; names and IPv6 are not accepted");
        }
    }

    /**
     * The block of {@code prefixLength} bits that starts at {@code base}.
     *
     * @throws InvalidValueException if the length is outside 0 to 32, or {@code base} has bits set after the prefix
     */
    public static Cidr of(IPv4Address base, int prefixLength) {
        Objects.requireNonNull(base, "base");
        if (prefixLength < 0 || prefixLength > 32) {
            throw new InvalidValueException("prefixLength", prefixLength, "must be from 0 to 32");
        }
        IPv4Address network = IPv4Address.ofBits(base.bits() & mask(prefixLength));
        if (!network.equals(base)) {
            throw new InvalidValueException(
                    "cidr",
                    base + "/" + prefixLength,
                    "has bits set after its prefix; write " + network + "/" + prefixLength + " for the block or " + base
                            + "/32 for the address");
        }
        return new Cidr(base, prefixLength);
    }

    /** The block of that one address. */
    public static Cidr single(IPv4Address address) {
        return new Cidr(Objects.requireNonNull(address, "address"), 32);
    }

    private static int mask(int prefixLength) {
        return prefixLength == 0 ? 0 : -1 << (32 - prefixLength);
    }

    /** The first address. */
    public IPv4Address base() {
        return base;
    }

    /** The last address. */
    public IPv4Address last() {
        return IPv4Address.ofBits(base.bits() | ~mask(prefixLength));
    }

    /** The number of leading bits that all addresses of the block share, 0 to 32. */
    public int prefixLength() {
        return prefixLength;
    }

    /** The prefix as a dotted mask, such as {@code 255.255.255.0}. */
    public IPv4Address netmask() {
        return IPv4Address.ofBits(mask(prefixLength));
    }

    /** Whether {@code address} lies in this block. */
    public boolean contains(IPv4Address address) {
        return (address.bits() & mask(prefixLength)) == base.bits();
    }

    /** Whether all of {@code other} lies in this block. */
    public boolean contains(Cidr other) {
        return other.prefixLength >= prefixLength && contains(other.base);
    }

    /** Whether the two blocks have an address in common. */
    public boolean overlaps(Cidr other) {
        return contains(other) || other.contains(this);
    }

    @Override
    public int compareTo(Cidr other) {
        return ORDER.compare(this, other);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Cidr block && base.equals(block.base) && prefixLength == block.prefixLength;
    }

    @Override
    public int hashCode() {
        return 31 * base.hashCode() + prefixLength;
    }

    /** The canonical form, such as {@code 10.0.0.0/8}; one address has its {@code /32}. */
    @Override
    public String toString() {
        return base + "/" + prefixLength;
    }
}
