package dev.agentvm.pool;

import java.util.UUID;

/**
 * Names for the VMs of one pool: the template's name, shortened if need be, what tells this pool from all others that use
 * the same template, and a number. Not thread-safe.
 */
final class Names {
    /** What {@code VMTemplate} allows. */
    private static final int LONGEST = 61;
    /** Seven digits to the base of 36 are more VMs than any pool launches. */
    private static final int NUMBER_DIGITS = 7;

    private static final int POOL_DIGITS = 8;
    private static final int RADIX = 36;

    private final String prefix;
    private long last;

    Names(String template) {
        String pool = Long.toString(UUID.randomUUID().getMostSignificantBits() & Long.MAX_VALUE, RADIX);
        int room = LONGEST - POOL_DIGITS - NUMBER_DIGITS - 2;
        prefix = template.substring(0, Math.min(template.length(), room))
                + "-" + "0".repeat(Math.max(0, POOL_DIGITS - pool.length()))
                + pool.substring(Math.max(0, pool.length() - POOL_DIGITS)) + "-";
    }

    String next() {
        return prefix + Long.toString(++last, RADIX);
    }
}
