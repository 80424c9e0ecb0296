package dev.agentvm.testkit.assertions;

import dev.agentvm.network.FilterRule;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import dev.agentvm.network.Verdict.Outcome;
import java.util.List;
import java.util.function.Predicate;
import org.assertj.core.api.AbstractAssert;

/**
 * Assertions about what a policy does to flows, for a VM that is attached as {@link NetworkAttachment#example} unless
 * {@link #attachedAs} says otherwise. Messages name what decided: the rule, the clause of the floor, or that there is no
 * rule. Not thread-safe.
 */
public final class NetworkPolicyAssert extends AbstractAssert<NetworkPolicyAssert, NetworkPolicy> {
    private NetworkAttachment attachment = NetworkAttachment.example();

    NetworkPolicyAssert(NetworkPolicy actual) {
        super(actual, NetworkPolicyAssert.class);
    }

    /** Judges what follows for a VM that is attached so. */
    public NetworkPolicyAssert attachedAs(NetworkAttachment value) {
        attachment = value;
        return this;
    }

    /** All these flows pass. */
    public NetworkPolicyAssert allows(Flow... flows) {
        return each("to be allowed", Verdict::allowed, flows);
    }

    /** None of these flows passes, whether refused or dropped. */
    public NetworkPolicyAssert denies(Flow... flows) {
        return each("to be denied", verdict -> !verdict.allowed(), flows);
    }

    /** All these flows are answered with a refusal. */
    public NetworkPolicyAssert refuses(Flow... flows) {
        return each("to be refused", verdict -> verdict.outcome() == Outcome.REFUSED, flows);
    }

    /** All these flows vanish without an answer. */
    public NetworkPolicyAssert drops(Flow... flows) {
        return each("to be dropped", verdict -> verdict.outcome() == Outcome.DROPPED, flows);
    }

    /** No rule names an address that the floor closes. */
    public NetworkPolicyAssert opensNothingPrivate() {
        isNotNull();
        List<FilterRule> opening =
                actual.rules().stream().filter(FilterRule::opensFloor).toList();
        if (!opening.isEmpty()) {
            failWithMessage("%nExpecting no rule to open what the floor closes, but these do:%n  %s", opening);
        }
        return this;
    }

    private NetworkPolicyAssert each(String expectation, Predicate<Verdict> holds, Flow... flows) {
        isNotNull();
        for (Flow flow : flows) {
            Verdict verdict = actual.evaluate(flow, attachment);
            if (!holds.test(verdict)) {
                failWithMessage(
                        "%nExpecting%n  %s%n%s, but it is%n  %s%nby the policy%n%s",
                        Flows.describe(flow), expectation, verdict, actual.explain());
            }
        }
        return this;
    }
}
