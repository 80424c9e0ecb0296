package dev.agentvm.testkit.internal.nwfilter;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * {@code $X}, {@code $X[@3]} or {@code $X[3]}.
 *
 * @param element whether {@code number} is the place of one element rather than the name of an iterator
 */
record VariableAccess(String name, boolean element, long number) {
    static final int MAX_ITERATOR = 1000;

    // What follows the bracket is not looked at.
    private static final Pattern FORM = Pattern.compile("([A-Za-z0-9_]*)(?:\\[\\s*(@?)\\s*\\+?([0-9]{1,9})\\s*].*)?");

    /** Reads what follows the dollar sign. */
    static Optional<VariableAccess> parse(String text) {
        Matcher matcher = FORM.matcher(text);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        if (matcher.group(3) == null) {
            return Optional.of(new VariableAccess(matcher.group(1), false, 0));
        }
        boolean element = matcher.group(2).isEmpty();
        long number = Long.parseLong(matcher.group(3));
        return element || number <= MAX_ITERATOR
                ? Optional.of(new VariableAccess(matcher.group(1), element, number))
                : Optional.empty();
    }

    @Override
    public String toString() {
        return element ? name + "[" + number + "]" : number == 0 ? name : name + "[@" + number + "]";
    }
}
