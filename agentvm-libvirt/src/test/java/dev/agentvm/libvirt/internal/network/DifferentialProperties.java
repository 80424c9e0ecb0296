package dev.agentvm.libvirt.internal.network;

import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.testkit.Nic;
import dev.agentvm.testkit.NwfilterSimulator;
import dev.agentvm.testkit.Simulation;
import dev.agentvm.testkit.laws.PolicyArbitraries;
import java.util.UUID;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;

/** {@link NetworkPolicy#evaluate} and the rendered filter, as the simulator reads it, give the same verdicts. */
class DifferentialProperties {
    private static final UUID ID = UUID.fromString("6d4d3c7e-2f3c-4f27-9e6f-0c8ac3c1a111");
    private static final Attached ATTACHED = FilterCompilerTest.attached(PolicyFlows.VM);

    private static Simulation filter(NetworkPolicy policy, DenyAction denied, Attached attached) {
        FilterPlan plan = FilterCompiler.compile(policy, attached, denied);
        return NwfilterSimulator.builder()
                .filter(LibvirtXml.write(FilterRenderer.render(plan, ID, ID)))
                .bridgeNetfilter(policy.denied() == denied)
                .build()
                .attach(FilterRenderer.name(ID), Nic.of(attached.vm().mac().toString()));
    }

    @Property(tries = 1600, shrinking = ShrinkingMode.BOUNDED)
    void verdicts_ofPolicyAndOfFilter_areTheSame(@ForAll("policies") NetworkPolicy policy, @ForAll("flows") Flow flow) {
        compare(policy, flow, ATTACHED, filter(policy, policy.denied(), ATTACHED));
    }

    @Property(tries = 500, shrinking = ShrinkingMode.BOUNDED)
    void dropping_withoutLayer3_isTheSameFilter(@ForAll("policies") NetworkPolicy policy, @ForAll("flows") Flow flow) {
        NetworkPolicy refusing = policy.toBuilder().denied(DenyAction.REJECT).build();
        NetworkPolicy dropping = policy.toBuilder().denied(DenyAction.DROP).build();
        compare(dropping, flow, ATTACHED, filter(refusing, DenyAction.DROP, ATTACHED));
    }

    /** On networks of all kinds, as the library makes them, and hosts with all kinds of addresses. */
    @Property(tries = 1000, shrinking = ShrinkingMode.BOUNDED)
    void verdicts_onAnyNetworkOfTheLibrarys_areTheSame(@ForAll("cases") PolicyArbitraries.Case given) {
        compare(given);
    }

    /** Neighbours with MAC addresses of their own are there, among them the router and DHCP servers. */
    @Property(tries = 600, shrinking = ShrinkingMode.BOUNDED)
    void verdicts_onACallersBridge_areTheSame(@ForAll("bridgedCases") PolicyArbitraries.Case given) {
        compare(given);
    }

    private static void compare(PolicyArbitraries.Case given) {
        Attached attached = FilterCompilerTest.attached(given.attachment());
        compare(
                given.policy(),
                given.flow(),
                attached,
                filter(given.policy(), given.policy().denied(), attached));
    }

    private static void compare(NetworkPolicy policy, Flow flow, Attached attached, Simulation filter) {
        boolean toVM = flow.direction() == Flow.Direction.TO_VM;
        // The kernel itself lets nothing pass between loopback and elsewhere.
        if ((toVM ? flow.source() : flow.destination())
                .filter(Routes.LOOPBACK::contains)
                .isEmpty()) {
            VerdictAgreement.check(policy, flow, attached, filter);
        }
    }

    @Provide
    Arbitrary<PolicyArbitraries.Case> cases() {
        return cases(true);
    }

    @Provide
    Arbitrary<PolicyArbitraries.Case> bridgedCases() {
        return cases(false);
    }

    private static Arbitrary<PolicyArbitraries.Case> cases(boolean gateway) {
        return PolicyArbitraries.cases(
                        PolicyArbitraries.policies(),
                        PolicyArbitraries.attachments()
                                .filter(vm -> vm.gateway().isPresent() == gateway),
                        PolicyArbitraries::flows)
                .filter(given -> given.flow().destinationName().isEmpty());
    }

    @Provide
    Arbitrary<NetworkPolicy> policies() {
        return PolicyFlows.policies();
    }

    @Provide
    Arbitrary<Flow> flows() {
        return PolicyFlows.flows();
    }
}
