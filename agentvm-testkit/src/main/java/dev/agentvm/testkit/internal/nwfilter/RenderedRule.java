package dev.agentvm.testkit.internal.nwfilter;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/**
 * A rule as libvirt hands it to a tool.
 *
 * @param chain the chain, by the name it has in the end
 * @param arguments what follows the chain's name
 * @param notes where the rule differs from what the filter says
 */
record RenderedRule(
        RuleElement.Engine engine, String chain, List<String> arguments, OptionalInt priority, List<String> notes) {
    /** Gathers arguments. */
    static final class Arguments {
        private final List<String> list = new ArrayList<>();

        Arguments add(String... arguments) {
            list.addAll(List.of(arguments));
            return this;
        }

        int size() {
            return list.size();
        }

        List<String> list() {
            return List.copyOf(list);
        }
    }

    @Override
    public String toString() {
        return String.join(" ", arguments);
    }
}
