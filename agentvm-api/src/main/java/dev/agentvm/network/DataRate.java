package dev.agentvm.network;

import dev.agentvm.InvalidValueException;

/**
 * An amount of data per second. Immutable, safe for use by many threads. Prefixes are decimal, as is usual for networks:
 * a megabit is 1,000,000 bits.
 */
public final class DataRate implements Comparable<DataRate> {
    private static final long MIN = 8_000;
    private static final long MAX = 1_000_000_000_000L;

    private final long bitsPerSecond;

    private DataRate(long bitsPerSecond) {
        this.bitsPerSecond = bitsPerSecond;
    }

    /** That many bits per second, 8,000 to 10<sup>12</sup>. */
    public static DataRate bitsPerSecond(long bits) {
        return of(bits, 1, "bit/s");
    }

    /** That many millions of bits per second, 1 to 10<sup>6</sup>. */
    public static DataRate megabitsPerSecond(long megabits) {
        return of(megabits, 1_000_000, "Mbit/s");
    }

    /** That many bytes per second, 1,000 to 125·10<sup>9</sup>. */
    public static DataRate bytesPerSecond(long bytes) {
        return of(bytes, 8, "byte/s");
    }

    /** That many millions of bytes per second, 1 to 125,000. */
    public static DataRate megabytesPerSecond(long megabytes) {
        return of(megabytes, 8_000_000, "Mbyte/s");
    }

    private static DataRate of(long count, long bitsPerUnit, String unit) {
        // Compared before it is multiplied: the product of a number far outside may overflow into the range.
        if (count < 1 || count > MAX / bitsPerUnit || count * bitsPerUnit < MIN) {
            throw new InvalidValueException("rate", count + " " + unit, "must be from 8 kbit/s to 1 Tbit/s");
        }
        return new DataRate(count * bitsPerUnit);
    }

    /** This rate in bits per second. */
    public long bitsPerSecond() {
        return bitsPerSecond;
    }

    /** This rate in bytes per second, rounded down. */
    public long bytesPerSecond() {
        return bitsPerSecond / 8;
    }

    @Override
    public int compareTo(DataRate other) {
        return Long.compare(bitsPerSecond, other.bitsPerSecond);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof DataRate rate && bitsPerSecond == rate.bitsPerSecond;
    }

    @Override
    public int hashCode() {
        return Long.hashCode(bitsPerSecond);
    }

    /** Such as {@code 100 Mbit/s}. */
    @Override
    public String toString() {
        return bitsPerSecond % 1_000_000 == 0
                ? bitsPerSecond / 1_000_000 + " Mbit/s"
                : bitsPerSecond % 1_000 == 0 ? bitsPerSecond / 1_000 + " kbit/s" : bitsPerSecond + " bit/s";
    }
}
