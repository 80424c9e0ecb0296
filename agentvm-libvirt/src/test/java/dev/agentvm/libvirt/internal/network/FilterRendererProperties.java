package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.xml.FilterXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.internal.xml.Schemas;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.testkit.laws.PolicyArbitraries;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** What holds for the filter of every policy, on a network of the library's and on a caller's bridge. */
class FilterRendererProperties {
    private static final UUID VM = UUID.fromString("6d4d3c7e-2f3c-4f27-9e6f-0c8ac3c1a111");
    private static final UUID FILTER = UUID.fromString("6d4d3c7e-2f3c-4f27-9e6f-0c8ac3c1a222");

    private static FilterXml render(NetworkPolicy policy, NetworkAttachment vm) {
        return FilterRenderer.render(
                FilterCompiler.compile(policy, FilterCompilerTest.attached(vm), policy.denied()), VM, FILTER);
    }

    @Property(tries = 200)
    void render_anyPolicy_isValidByLibvirtsSchema(
            @ForAll("policies") NetworkPolicy policy, @ForAll("attachments") NetworkAttachment vm) {
        Schemas.assertValid(LibvirtXml.write(render(policy, vm)));
    }

    @Property(tries = 200)
    void render_anyPolicy_isReadBackAsItWasWritten(
            @ForAll("policies") NetworkPolicy policy, @ForAll("attachments") NetworkAttachment vm) {
        String xml = LibvirtXml.write(render(policy, vm));

        FilterXml read = LibvirtXml.read(xml, FilterXml.class);

        assertThat(LibvirtXml.write(read)).isEqualTo(xml);
        assertThat(read).usingRecursiveComparison().isEqualTo(render(policy, vm));
    }

    @Property(tries = 200)
    void render_samePolicyMadeInAnotherOrder_isTheSameText(
            @ForAll("policies") NetworkPolicy policy,
            @ForAll("attachments") NetworkAttachment vm,
            @ForAll Random random) {
        List<FilterRule> shuffled = new ArrayList<>(policy.rules());
        Collections.shuffle(shuffled, random);
        NetworkPolicy same =
                policy.toBuilder().removeRules(rule -> true).addRules(shuffled).build();

        assertThat(LibvirtXml.write(render(same, vm))).isEqualTo(LibvirtXml.write(render(policy, vm)));
    }

    @Property(tries = 200)
    void render_anyPolicy_usesNothingThatLibvirtRendersOtherwise(
            @ForAll("policies") NetworkPolicy policy, @ForAll("attachments") NetworkAttachment vm) {
        FilterXml filter = render(policy, vm);

        assertThat(filter.rules()).extracting(rule -> rule.priority).doesNotHaveDuplicates();
        assertThat(filter.rules()).extracting(rule -> rule.direction).doesNotContain(FilterXml.Direction.INOUT);
        assertThat(LibvirtXml.write(filter)).doesNotContain("match=", "ipset", "$", "statematch");
    }

    @Provide
    Arbitrary<NetworkPolicy> policies() {
        return PolicyArbitraries.policies()
                .flatMap(policy -> Arbitraries.integers()
                        .between(1, 1000)
                        .injectNull(0.7)
                        .map(limit -> limit == null || policy.denied() == DenyAction.DROP
                                ? policy
                                : policy.toBuilder().connectionLimit(limit).build()));
    }

    @Provide
    Arbitrary<NetworkAttachment> attachments() {
        return PolicyArbitraries.attachments();
    }
}
