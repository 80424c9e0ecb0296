package dev.agentvm.testkit.laws;

import dev.agentvm.network.NetworkPolicy;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;

/** The policy that VMs have if nobody says otherwise keeps the laws. */
class AgentDefaultProperties extends FilterRuleLaws {
    @Override
    protected Arbitrary<NetworkPolicy> policies() {
        return Arbitraries.just(NetworkPolicy.agentDefault());
    }
}
