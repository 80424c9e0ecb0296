package dev.agentvm.benchmarks;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * What is to be run.
 *
 * @param kinds the benchmarks
 * @param pairs how often each compared thing is measured
 * @param check whether an exceeded budget is a failure
 * @param document where the figures go besides the standard output
 */
record Options(Set<Kind> kinds, int pairs, boolean check, Optional<Path> document) {
    static final String USAGE =
            "usage: lab/bench [launch|reset|filter|traffic|exec|copy|policy|fake|pool|all] [--pairs N] [--check] [--write]";
    private static final int PAIRS = 12;

    /** A benchmark. */
    enum Kind {
        LAUNCH,
        RESET,
        FILTER,
        TRAFFIC,
        EXEC,
        COPY,
        POLICY,
        FAKE,
        POOL
    }

    /**
     * Reads a command line.
     *
     * @throws IllegalArgumentException if it is not as {@link #USAGE} says
     */
    static Options parse(List<String> arguments) {
        Set<Kind> kinds = EnumSet.noneOf(Kind.class);
        int pairs = PAIRS;
        boolean check = false;
        Optional<Path> document = Optional.empty();
        Deque<String> rest = new ArrayDeque<>(arguments);
        while (!rest.isEmpty()) {
            String argument = rest.pop();
            switch (argument) {
                case "all" -> kinds.addAll(EnumSet.allOf(Kind.class));
                case "--check" -> check = true;
                case "--write" -> document = Optional.of(Path.of(value(argument, rest)));
                case "--pairs" -> pairs = positive(argument, value(argument, rest));
                default -> kinds.add(kind(argument));
            }
        }
        return new Options(kinds.isEmpty() ? EnumSet.allOf(Kind.class) : kinds, pairs, check, document);
    }

    private static Kind kind(String name) {
        return Arrays.stream(Kind.values())
                .filter(kind -> kind.name().toLowerCase(Locale.ROOT).equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("not understood: " + name));
    }

    private static String value(String option, Deque<String> rest) {
        if (rest.isEmpty()) {
            throw new IllegalArgumentException(option + " needs a value");
        }
        return rest.pop();
    }

    private static int positive(String option, String text) {
        try {
            int number = Integer.parseInt(text);
            if (number > 0) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Refused below, as is a number out of range.
        }
        throw new IllegalArgumentException(option + " needs a number above 0, not " + text);
    }
}
