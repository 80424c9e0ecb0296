package dev.agentvm.examples.testing;

import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.testkit.laws.FilterRuleLaws;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;

class BuildPolicyProperties extends FilterRuleLaws {
    @Override
    protected Arbitrary<NetworkPolicy> policies() {
        return Arbitraries.just(BuildHarness.policy());
    }
}
