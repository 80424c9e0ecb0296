package dev.agentvm.libvirt.internal.life;

import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** What a guard is told over its pipe, a line each. Not thread-safe. */
public final class GuardOrders {
    /** What the guard prints when it is ready to be told. */
    public static final String READY = "ready";

    /** The program ends in good order and leaves nothing. */
    static final String END = "end";

    private static final String WATCH = "watch ";
    private static final String RELEASE = "release ";

    private final Set<UUID> watched = new LinkedHashSet<>();
    private boolean ended;

    static String watch(UUID id) {
        return WATCH + id;
    }

    static String release(UUID id) {
        return RELEASE + id;
    }

    /** Hears a line; one that is none of ours, or torn, has no effect. */
    public void hear(String line) {
        if (line.equals(END)) {
            ended = true;
        }
        id(line, WATCH).ifPresent(watched::add);
        id(line, RELEASE).ifPresent(watched::remove);
    }

    private static Optional<UUID> id(String line, String order) {
        return line.matches(order + "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
                ? Optional.of(UUID.fromString(line.substring(order.length())))
                : Optional.empty();
    }

    /** The VMs that must not outlive the program. */
    public Set<UUID> watched() {
        return Set.copyOf(watched);
    }

    /** Whether the program said that it ends and leaves nothing. */
    public boolean isEnded() {
        return ended;
    }
}
