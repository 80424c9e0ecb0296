package dev.agentvm.libvirt.internal.connection;

/** A version as libvirt counts them. */
public record LibvirtVersion(int major, int minor, int release) implements Comparable<LibvirtVersion> {
    /**
     * The oldest that is taken: 8.0.0 bounds what emulation keeps translated ({@code <tb-cache>}), 7.7.0 checks networks and
     * filters by its schema when they are defined.
     */
    public static final LibvirtVersion OLDEST = new LibvirtVersion(8, 0, 0);

    /** From major × 1,000,000 + minor × 1,000 + release. */
    static LibvirtVersion of(long number) {
        return new LibvirtVersion((int) (number / 1_000_000), (int) (number / 1_000 % 1_000), (int) (number % 1_000));
    }

    @Override
    public int compareTo(LibvirtVersion other) {
        return Long.compare(number(), other.number());
    }

    private long number() {
        return major * 1_000_000L + minor * 1_000L + release;
    }

    @Override
    public String toString() {
        return major + "." + minor + "." + release;
    }
}
