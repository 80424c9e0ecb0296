package dev.agentvm.testkit.internal.nwfilter;

import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Item;
import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Reference;
import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Rule;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** From a filter and its parameters to the flat, sorted list of rules, variables resolved. */
final class Instantiation {
    private static final String IP = "IP";

    private final Map<String, FilterDefinition> filters;
    private final List<Instance> instances = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();
    private final Set<String> missing = new LinkedHashSet<>();

    private Instantiation(Map<String, FilterDefinition> filters) {
        this.filters = filters;
    }

    /** A rule where the tree of filters put it, with the variables that hold there. */
    record Instance(Rule rule, String chain, int chainPriority, Map<String, List<String>> variables) {
        /** The priority that counts: that of the chain, where the rule's is lower. */
        int priority() {
            return chain.equals(FilterDefinition.ROOT) ? rule.priority() : Math.max(chainPriority, rule.priority());
        }
    }

    /** The rules in the order in which libvirt hands them to the tools, and remarks on what it did on the way. */
    record Result(List<Instance> instances, List<String> notes) {}

    static Result of(Map<String, FilterDefinition> filters, String filter, Map<String, List<String>> variables) {
        Instantiation instantiation = new Instantiation(filters);
        instantiation.descend(filter, variables);
        instantiation.checkMissing(filter, variables);
        // Root rules come first, then all others by priority. libvirt sorts with qsort, whose order of equals is not
        // promised; the C library that it runs on keeps them as they were.
        instantiation.instances.sort(
                Comparator.comparing((Instance i) -> !i.chain().equals(FilterDefinition.ROOT))
                        .thenComparingInt(i -> i.rule().priority()));
        instantiation.noteEqualPriorities();
        return new Result(instantiation.instances, List.copyOf(instantiation.notes));
    }

    private void descend(String name, Map<String, List<String>> variables) {
        FilterDefinition filter = filters.get(name);
        if (filter == null) {
            throw Refusal.start("referenced filter '" + name + "' is missing");
        }
        filter.notes().forEach(n -> notes.add(filter + ": " + n));
        for (FilterDefinition.Entry entry : filter.entries()) {
            if (entry instanceof Reference reference) {
                reference.notes().forEach(n -> notes.add(filter + ": " + n));
                Map<String, List<String>> inner = new LinkedHashMap<>(reference.parameters());
                inner.putAll(variables);
                descend(reference.filter(), inner);
            } else if (entry instanceof Rule rule) {
                for (VariableAccess access : rule.variables()) {
                    List<String> values = variables.get(access.name());
                    if (values == null || (access.element() && access.number() >= values.size())) {
                        missing.add(access.toString());
                    }
                }
                instances.add(new Instance(rule, filter.chain(), filter.chainPriority(), variables));
            }
        }
    }

    private void checkMissing(String filter, Map<String, List<String>> variables) {
        if (missing.isEmpty()) {
            return;
        }
        String learning =
                variables.getOrDefault("CTRL_IP_LEARNING", List.of("any")).get(0);
        if (!missing.equals(Set.of(IP)) || learning.equalsIgnoreCase("none")) {
            throw Refusal.start("filter '" + filter + "': unresolvable variables or unavailable list elements: "
                    + String.join(", ", missing));
        }
        if (learning.equalsIgnoreCase("any") || learning.equalsIgnoreCase("dhcp")) {
            throw Refusal.notModelled(
                    "filter '" + filter + "' uses $IP, which is not given: learning addresses in mode '" + learning
                            + "' (set CTRL_IP_LEARNING to none, or give the NIC an address)");
        }
        throw Refusal.start("filter '" + filter + "': learning value '" + learning + "' invalid");
    }

    private void noteEqualPriorities() {
        for (int i = 1; i < instances.size(); i++) {
            Instance a = instances.get(i - 1);
            Instance b = instances.get(i);
            boolean sameEngine =
                    a.rule().element().engine() == b.rule().element().engine();
            if (sameEngine
                    && a.chain().equals(b.chain())
                    && a.rule().priority() == b.rule().priority()) {
                notes.add(a.rule() + " and " + b.rule() + " share priority "
                        + a.rule().priority() + ": their order is not promised");
            }
        }
    }

    /** All combinations of values that a rule's variables take, in libvirt's order, duplicates left out. */
    static List<Map<VariableAccess, String>> combinations(Instance instance) {
        Map<Object, List<VariableAccess>> iterators = new LinkedHashMap<>();
        iterators.put(0L, new ArrayList<>());
        for (VariableAccess access : instance.rule().variables()) {
            iterators
                    .computeIfAbsent(access.element() ? access : (Object) access.number(), k -> new ArrayList<>())
                    .add(access);
        }
        List<Map<VariableAccess, String>> combinations = List.of(Map.of());
        for (List<VariableAccess> together : iterators.values()) {
            List<Map<VariableAccess, String>> longer = new ArrayList<>();
            for (Map<VariableAccess, String> step : steps(instance, together)) {
                for (Map<VariableAccess, String> combination : combinations) {
                    Map<VariableAccess, String> both = new LinkedHashMap<>(combination);
                    both.putAll(step);
                    longer.add(both);
                }
            }
            combinations = longer;
        }
        return combinations;
    }

    /** What the variables of one iterator are at each of its steps. */
    private static Set<Map<VariableAccess, String>> steps(Instance instance, List<VariableAccess> together) {
        Set<Map<VariableAccess, String>> steps = new LinkedHashSet<>();
        int length = -1;
        for (VariableAccess access : together) {
            int own = access.element()
                    ? 1
                    : instance.variables()
                            .getOrDefault(access.name(), List.of())
                            .size();
            if (length >= 0 && own != length) {
                throw Refusal.start(
                        instance.rule() + ": lists that are walked together have different lengths: " + together);
            }
            length = own;
        }
        for (int i = 0; i < Math.max(1, length); i++) {
            Map<VariableAccess, String> step = new LinkedHashMap<>();
            for (VariableAccess access : together) {
                int at = access.element() ? (int) access.number() : i;
                step.put(
                        access,
                        instance.variables()
                                .getOrDefault(access.name(), List.of())
                                .get(at));
            }
            steps.add(step);
        }
        return steps;
    }

    /** What libvirt prints for an attribute. */
    static String value(Rule rule, Item item, Map<VariableAccess, String> values) {
        if (item.variable() != null) {
            String value = values.get(item.variable());
            if (value != null) {
                return value;
            }
        }
        if (item.literal() == null) {
            throw Refusal.start(rule + ": libvirt fails on ipset without ipsetflags in <"
                    + rule.element().element() + ">: Unexpected enum value 0 for virNWFilterAttrDataType");
        }
        return item.literal();
    }
}
