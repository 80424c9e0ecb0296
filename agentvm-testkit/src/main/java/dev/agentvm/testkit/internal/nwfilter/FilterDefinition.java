package dev.agentvm.testkit.internal.nwfilter;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One filter as libvirt has it after reading. */
public record FilterDefinition(String name, String chain, int chainPriority, List<Entry> entries, List<String> notes) {
    static final String ROOT = "root";

    public sealed interface Entry permits Rule, Reference {}

    /** Another filter, included at this place. */
    public record Reference(String filter, Map<String, List<String>> parameters, List<String> notes) implements Entry {}

    /**
     * One rule.
     *
     * @param number its place in the filter, from 1
     * @param items the attributes that libvirt read, by name
     * @param variables the variables that they use, each once, in order of their reading
     * @param notes where libvirt takes the rule for something else than it says
     */
    public record Rule(
            String filter,
            int number,
            Action action,
            Direction direction,
            int priority,
            boolean noStateMatch,
            Set<State> states,
            RuleElement element,
            Map<String, Item> items,
            List<VariableAccess> variables,
            List<String> notes)
            implements Entry {
        @Override
        public String toString() {
            return "rule " + number + " of filter '" + filter + "'";
        }
    }

    /** A value, or the variable that stands for it, and whether the rule means its opposite. */
    record Item(@Nullable String literal, @Nullable VariableAccess variable, boolean negated) {}

    enum Action {
        DROP,
        ACCEPT,
        REJECT,
        RETURN,
        CONTINUE
    }

    enum Direction {
        IN,
        OUT,
        INOUT
    }

    @Override
    public String toString() {
        return "filter '" + name + "'";
    }
}
