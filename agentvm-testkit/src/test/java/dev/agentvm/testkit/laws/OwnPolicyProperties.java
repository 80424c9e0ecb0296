package dev.agentvm.testkit.laws;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.network.FilterRule;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.testkit.laws.PolicyArbitraries.Case;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** A user's policy keeps the laws, and one of the user's own. */
class OwnPolicyProperties extends FilterRuleLaws {
    private static final String DATABASE = "10.20.0.7";
    private static final NetworkPolicy POLICY = NetworkPolicy.agentDefault().toBuilder()
            .addRule(FilterRule.allow().tcp(5432).to(DATABASE).because("the test database"))
            .connectionLimit(50)
            .build();

    @Override
    protected Arbitrary<NetworkPolicy> policies() {
        return Arbitraries.just(POLICY);
    }

    @Property
    void database_isThePrivateAddressThatIsOpen(@ForAll("cases") Case given) {
        if (given.verdict().rule().filter(FilterRule::opensFloor).isPresent()) {
            assertThat(given.flow().destination()).contains(IPv4Address.of(DATABASE));
        }
    }
}
