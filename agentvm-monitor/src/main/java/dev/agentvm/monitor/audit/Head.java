package dev.agentvm.monitor.audit;

import dev.agentvm.InvalidValueException;
import java.util.regex.Pattern;

/**
 * Where a log ends: kept elsewhere, it shows later whether the end was cut off. Immutable, safe for use by many threads.
 *
 * @param sequence the number of the last entry; -1 of a log without entries
 * @param hash the hash of the last entry, 64 hexadecimal digits
 */
public record Head(long sequence, String hash) {
    private static final Pattern HASH = Pattern.compile("[0-9a-f]{64}");

    /** The head of a log without entries. */
    public static final Head EMPTY = new Head(-1, "0".repeat(64));

    /**
     * A head.
     *
     * @throws InvalidValueException if the sequence is less than -1 or the hash is none
     */
    public Head {
        if (sequence < -1) {
            throw new InvalidValueException("sequence", sequence, "must be at least -1");
        }
        if (!HASH.matcher(hash).matches()) {
            throw new InvalidValueException("hash", hash, "must be 64 digits of 0-9 a-f");
        }
    }
}
