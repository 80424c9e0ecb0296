package dev.agentvm.libvirt.internal.network;

import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.testkit.Nic;
import dev.agentvm.testkit.NwfilterSimulator;
import dev.agentvm.testkit.Simulation;
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

    private static String render(NetworkPolicy policy, DenyAction denied) {
        return LibvirtXml.write(FilterRenderer.render(FilterCompiler.compile(policy, ATTACHED, denied), ID, ID));
    }

    private static Simulation simulate(String xml, boolean layer3) {
        return NwfilterSimulator.builder()
                .filter(xml)
                .bridgeNetfilter(layer3)
                .build()
                .attach(FilterRenderer.name(ID), Nic.of(PolicyFlows.VM.mac().toString()));
    }

    @Property(tries = 1600, shrinking = ShrinkingMode.BOUNDED)
    void verdicts_ofPolicyAndOfFilter_areTheSame(@ForAll("policies") NetworkPolicy policy, @ForAll("flows") Flow flow) {
        compare(policy, flow, simulate(render(policy, policy.denied()), true));
    }

    @Property(tries = 500, shrinking = ShrinkingMode.BOUNDED)
    void dropping_withoutLayer3_isTheSameFilter(@ForAll("policies") NetworkPolicy policy, @ForAll("flows") Flow flow) {
        NetworkPolicy dropping = policy.toBuilder().denied(DenyAction.DROP).build();
        compare(dropping, flow, simulate(render(policy, DenyAction.DROP), false));
    }

    private static void compare(NetworkPolicy policy, Flow flow, Simulation filter) {
        boolean toVM = flow.direction() == Flow.Direction.TO_VM;
        // The kernel itself lets nothing pass between loopback and elsewhere.
        if ((toVM ? flow.source() : flow.destination())
                .filter(Routes.LOOPBACK::contains)
                .isEmpty()) {
            VerdictAgreement.check(policy, flow, ATTACHED, filter);
        }
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
