package dev.agentvm.libvirt.internal.journal;

import java.util.List;
import java.util.Locale;

/**
 * One thing that a launch made, or was about to make.
 *
 * @param resource its kind
 * @param names what identifies it, as {@link Resource} says
 */
public record Entry(Resource resource, List<String> names) {
    /** Copies the names. */
    public Entry {
        names = List.copyOf(names);
    }

    /** The kind and the names, for people. */
    @Override
    public String toString() {
        return resource.name().toLowerCase(Locale.ROOT) + " " + String.join(" ", names);
    }
}
