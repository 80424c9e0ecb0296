package dev.agentvm.libvirt.internal.network;

import dev.agentvm.network.DenyAction;
import java.util.List;

/**
 * The rules that keep a VM to its policy, in the order in which they apply. Immutable.
 *
 * <p>The rules of the two layers apply one layer after the other: a packet of the VM must pass both.
 *
 * @param denied how it denies: with {@link DenyAction#DROP} there are only rules of layer 2, except on a caller's bridge
 * @param rules the rules
 */
public record FilterPlan(DenyAction denied, List<PlanRule> rules) {
    /** Takes a copy. */
    public FilterPlan {
        rules = List.copyOf(rules);
    }

    /** The rules of one layer. */
    List<PlanRule> rules(PlanRule.Layer layer) {
        return rules.stream().filter(rule -> rule.layer() == layer).toList();
    }
}
