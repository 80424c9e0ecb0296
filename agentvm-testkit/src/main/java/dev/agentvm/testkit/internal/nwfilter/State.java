package dev.agentvm.testkit.internal.nwfilter;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** The words of the attribute {@code state}, in the order in which libvirt prints them. */
enum State {
    NEW,
    ESTABLISHED,
    RELATED,
    INVALID,
    /** No state match at all, whatever else is said. */
    NONE;

    /** As libvirt does: without regard to case, separators optional, {@code NONE} overriding all else. */
    static Optional<Set<State>> parse(String text) {
        EnumSet<State> states = EnumSet.noneOf(State.class);
        String rest = AttributeType.skipSeparators(text);
        while (!rest.isEmpty()) {
            String upper = rest.toUpperCase(Locale.ROOT);
            Optional<State> state = Arrays.stream(values())
                    .filter(s -> upper.startsWith(s.name()))
                    .findFirst();
            if (state.isEmpty()) {
                return Optional.empty();
            }
            states.add(state.get());
            rest = AttributeType.skipSeparators(
                    rest.substring(state.get().name().length()));
        }
        return Optional.of(states.contains(NONE) ? EnumSet.of(NONE) : states);
    }

    static String print(Set<State> states) {
        return states.stream().sorted().map(State::name).collect(Collectors.joining(","));
    }
}
