package dev.agentvm;

import java.time.Instant;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * A state of a VM, memory and disk together, to which it can be {@linkplain VM#restore put back}. Immutable, safe for use
 * by many threads.
 *
 * @param name what it is called; a letter, then up to 60 of A-Z a-z 0-9 _ . -
 * @param created when it was taken
 */
public record Snapshot(String name, Instant created) {
    /** The most that a VM can have at once. Each takes up to as much room on the host as the VM has memory. */
    public static final int MAX_PER_VM = 16;

    private static final Pattern NAME = Pattern.compile("[A-Za-z][A-Za-z0-9_.-]{0,60}");

    /**
     * Checks the name.
     *
     * @throws InvalidValueException if it is none
     */
    public Snapshot {
        Objects.requireNonNull(created, "created");
        if (!NAME.matcher(name).matches()) {
            throw new InvalidValueException(
                    "snapshot", name, "must be a letter, then up to 60 characters of A-Z a-z 0-9 _ . -");
        }
    }
}
