package dev.agentvm;

import java.util.regex.Pattern;

/**
 * An image of the hypervisor's image directory. Immutable, safe for use by many threads.
 *
 * @param name 1 to 64 characters of A-Z a-z 0-9 _ . -, the first a letter or digit
 */
public record NamedImage(String name) implements GuestImage {
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}");

    /** Checks the name, which becomes part of a path. */
    public NamedImage {
        if (!NAME.matcher(name).matches()) {
            throw new InvalidValueException(
                    "image",
                    name,
                    "must be 1 to 64 characters of A-Z a-z 0-9 _ . -, the first a letter or digit; give a path by"
                            + " GuestImage.disk(…)");
        }
    }
}
