package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.network.Verdict.Outcome;
import dev.agentvm.testkit.laws.FilterRuleLaws;
import dev.agentvm.testkit.laws.PolicyArbitraries;
import dev.agentvm.testkit.laws.PolicyArbitraries.Case;
import java.util.List;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.statistics.Statistics;
import net.jqwik.api.statistics.StatisticsReport;

/**
 * {@link FilterRuleLaws} on policies of every kind, and what holds of this evaluation alone. A law that any evaluation must
 * keep stands there and not here.
 */
class NetworkPolicyProperties extends FilterRuleLaws {
    @Provide
    Arbitrary<Case> ordinaryCases() {
        return PolicyArbitraries.ordinaryCases();
    }

    @Provide
    Arbitrary<NetworkPolicy> allPolicies() {
        return policies();
    }

    @Property(tries = 500)
    @StatisticsReport(onFailureOnly = true)
    void cases_ofAllKinds_meetEveryOutcome(@ForAll("cases") Case given) {
        Verdict verdict = given.verdict();
        Statistics.label("outcome").collect(verdict.outcome()).coverage(coverage -> {
            coverage.check(Outcome.ALLOWED).percentage(p -> p > 10);
            coverage.check(Outcome.REFUSED).percentage(p -> p > 1);
            coverage.check(Outcome.DROPPED).percentage(p -> p > 20);
        });
        Statistics.label("opened")
                .collect(verdict.rule().filter(FilterRule::opensFloor).isPresent())
                .coverage(coverage -> coverage.check(true).percentage(p -> p > 1));
    }

    @Property
    void evaluate_closedDestination_isOpenedByARuleThatSaysSoOrDroppedByItsClause(@ForAll("ordinaryCases") Case given) {
        Verdict verdict = given.verdict();
        IPv4Address to = given.flow().destination().orElseThrow();
        NetworkAttachment vm = given.attachment();
        boolean host =
                vm.hostAddresses().contains(to) || vm.hostBlocks().stream().anyMatch(block -> block.contains(to));
        boolean floor = FloorClause.ofDestination(to).isPresent();
        if (verdict.allowed() && floor && !host && !isDns(given)) {
            assertThat(verdict.rule().orElseThrow().opensFloor()).isTrue();
        }
        if (!verdict.allowed() && (floor || host || vm.subnet().contains(to))) {
            assertThat(verdict.outcome()).isEqualTo(Outcome.DROPPED);
            assertThat(verdict.clause()).isPresent();
        }
    }

    @Property
    void opensFloor_ruleWithoutDestination_neverDoes(@ForAll("rules") FilterRule rule) {
        assertThat(rule.destinations().isEmpty() && rule.opensFloor()).isFalse();
    }

    @Property
    void evaluate_withOneMoreRule_opensOnlyByThatRule(@ForAll("cases") Case given, @ForAll("rules") FilterRule rule) {
        Verdict after =
                given.with(given.policy().toBuilder().addRule(rule).build()).verdict();
        if (after.allowed() && !given.verdict().allowed()) {
            assertThat(after.rule()).contains(rule);
            assertThat(after.reason()).isEqualTo(rule.reason());
        }
    }

    @Property
    void evaluate_reject_allowsNothingThatDropDoesNot(@ForAll("cases") Case given) {
        if (given.with(denying(given, DenyAction.REJECT)).verdict().allowed()) {
            assertThat(given.with(denying(given, DenyAction.DROP)).verdict().allowed())
                    .isTrue();
        }
    }

    @Property
    void evaluate_refused_isTcpOrIcmpUnderReject(@ForAll("cases") Case given) {
        if (given.verdict().outcome() == Outcome.REFUSED) {
            assertThat(given.policy().denied()).isEqualTo(DenyAction.REJECT);
            assertThat(given.flow().ipProtocol().orElseThrow()).isIn(Flow.TCP, Flow.ICMP);
            assertThat(given.flow().direction()).isEqualTo(Flow.Direction.FROM_VM);
        }
    }

    @Property
    void evaluate_towardsVM_passesFromTheGatewayOrAsInfrastructureOfABridgeByNoRule(@ForAll("cases") Case given) {
        Flow flow = given.flow();
        if (flow.direction() == Flow.Direction.TO_VM && given.verdict().allowed()) {
            assertThat(given.verdict().rule()).isEmpty();
            boolean bridgeOfNeighbours = given.attachment().gateway().isEmpty();
            if (!bridgeOfNeighbours) {
                assertThat(flow.source()).isEqualTo(given.attachment().gateway());
            } else if (flow.etherType() != Flow.ETHERTYPE_ARP) {
                assertThat(flow.ipProtocol()).hasValue(Flow.UDP);
                assertThat(flow.sourcePort()).hasValue(67);
                assertThat(flow.destinationPort()).hasValue(68);
            }
        }
    }

    @Property
    void verdict_asText_hasOutcomeAndReason(@ForAll("cases") Case given) {
        Verdict verdict = given.verdict();
        assertThat(verdict.toString())
                .contains(verdict.reason())
                .contains(verdict.outcome().toString());
    }

    @Property
    void toBuilder_unchanged_buildsAnEqualPolicy(@ForAll("allPolicies") NetworkPolicy policy) {
        assertThat(policy.toBuilder().build()).isEqualTo(policy).hasSameHashCodeAs(policy);
    }

    @Property
    void explain_anyPolicy_namesEveryOpeningAndItsReason(@ForAll("allPolicies") NetworkPolicy policy) {
        List<String> table = policy.explain().lines().toList();
        for (FilterRule rule : policy.rules()) {
            for (Cidr destination : rule.destinations()) {
                assertThat(table)
                        .anyMatch(line -> line.startsWith("ALLOW")
                                && line.contains(" " + destination + " ")
                                && line.endsWith(rule.reason())
                                && line.contains("OPENS THE FLOOR")
                                        == FloorClause.closedRanges().stream()
                                                .anyMatch(range -> range.contains(destination)));
            }
        }
        assertThat(table.stream().anyMatch(line -> line.contains("OPENS THE FLOOR")))
                .isEqualTo(policy.rules().stream().anyMatch(FilterRule::opensFloor));
    }

    private static NetworkPolicy denying(Case given, DenyAction action) {
        return given.policy().toBuilder().denied(action).build();
    }

    private static boolean isDns(Case given) {
        Flow flow = given.flow();
        return flow.destinationPort().orElse(0) == 53
                && flow.destination()
                        .filter(given.attachment().resolvers()::contains)
                        .isPresent();
    }
}
