package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.agentvm.libvirt.internal.xml.FilterXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.internal.xml.Schemas;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.PortRange;
import java.util.Collections;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class FilterRendererTest {
    private static final UUID VM = UUID.fromString("6d4d3c7e-2f3c-4f27-9e6f-0c8ac3c1a111");
    private static final UUID FILTER = UUID.fromString("0b2f4e7a-5a3e-4c8e-8f49-7f7a4f6c2222");

    static String render(NetworkPolicy policy, DenyAction denied) {
        FilterPlan plan =
                FilterCompiler.compile(policy, FilterCompilerTest.attached(NetworkAttachment.example()), denied);
        return LibvirtXml.write(FilterRenderer.render(plan, VM, FILTER));
    }

    @Test
    void render_defaultPolicy_isValid() {
        for (DenyAction denied : DenyAction.values()) {
            String xml = render(NetworkPolicy.agentDefault(), denied);

            Schemas.assertValid(xml);
            FilterXml filter = LibvirtXml.readStrictly(xml, FilterXml.class);
            assertThat(filter.name).isEqualTo("agentvm-" + VM);
            assertThat(filter.uuid).isEqualTo(FILTER.toString());
            assertThat(filter.rules()).extracting(rule -> rule.priority).doesNotHaveDuplicates();
        }
    }

    @Test
    void render_dropRule_readsAsLibvirtWritesIt() {
        assertThat(render(NetworkPolicy.agentDefault(), DenyAction.DROP))
                .contains("<rule action=\"drop\" direction=\"out\"")
                .contains("<ip dstipaddr=\"10.0.0.0\" dstipmask=\"8\" comment=")
                .contains("dstportstart=\"443\"")
                .doesNotContain("inout")
                .doesNotContain(" match=")
                .doesNotContain("$");
    }

    @Test
    void render_singleAddressesAndPorts_haveNeitherMaskNorEnd() {
        NetworkPolicy policy = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow().tcp(80).to("8.8.8.8").because("one"))
                .addRule(FilterRule.allow()
                        .tcp(PortRange.of(90, 91))
                        .to("8.8.4.0/24")
                        .because("some"))
                .build();

        assertThat(render(policy, DenyAction.DROP))
                .contains("dstipaddr=\"8.8.8.8\" protocol=\"tcp\" dstportstart=\"80\" srcmacaddr=")
                .contains(
                        "dstipaddr=\"8.8.4.0\" dstipmask=\"24\" protocol=\"tcp\" dstportstart=\"90\" dstportend=\"91\"")
                .doesNotContain("mask=\"32\"");
    }

    @Test
    void render_reasonOfAnyText_staysAPlainComment() {
        NetworkPolicy policy = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow().tcp(80).because("\"; rm -rf / $(x) `y` \\ 'z' <&> ünïcödé 🎉"))
                .addRule(FilterRule.allow().tcp(90).because("x".repeat(200)))
                .addRule(FilterRule.allow().tcp(91).because("y".repeat(200)))
                .build();
        String xml = render(policy, DenyAction.REJECT);

        Schemas.assertValid(xml);
        for (FilterXml.Rule rule : LibvirtXml.readStrictly(xml, FilterXml.class).rules()) {
            assertThat(rule.match).isNotNull();
            assertThat(rule.match.comment).matches("[A-Za-z0-9 .,:;/()_+='?-]{1,250}");
        }
    }

    @Test
    void render_plainReason_staysAsItIs() {
        NetworkPolicy policy = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow().tcp(80).because("mirrors, e.g. (deb): a/b_c+d='x'-y; z"))
                .build();

        assertThat(LibvirtXml.readStrictly(render(policy, DenyAction.DROP), FilterXml.class)
                        .rules())
                .extracting(rule -> rule.match == null ? null : rule.match.comment)
                .contains("mirrors, e.g. (deb): a/b_c+d='x'-y; z");
    }

    /** libvirt takes priorities from -1000 to 1000. */
    @Test
    void render_asManyRulesAsLibvirtOrders_fitAndOneMoreDoesNot() {
        PlanRule rule = new PlanRule(
                PlanRule.Layer.ETHERNET,
                PlanRule.Direction.OUT,
                PlanRule.Action.DROP,
                new PlanRule.Everything(),
                "one of many");
        FilterXml full =
                FilterRenderer.render(new FilterPlan(DenyAction.DROP, Collections.nCopies(2001, rule)), VM, FILTER);

        assertThat(full.rules().get(2000).priority).isEqualTo(1000);
        FilterPlan more = new FilterPlan(DenyAction.DROP, Collections.nCopies(2002, rule));
        assertThatIllegalStateException()
                .isThrownBy(() -> FilterRenderer.render(more, VM, FILTER))
                .withMessageContaining("2002");
    }

    @Test
    void render_mostOpeningsThatAPolicyMayHave_hasRoom() {
        NetworkPolicy.Builder policy = new NetworkPolicy.Builder();
        for (int i = 0; i < NetworkPolicy.MAX_OPENINGS; i++) {
            policy.addRule(FilterRule.allow().udp(1000 + 2 * i).because("many"));
        }

        Schemas.assertValid(render(policy.build(), DenyAction.REJECT));
    }

    @Test
    void renderLearning_anyVM_passesDhcpAloneWhateverAddressIsLearnt() {
        FilterXml xml =
                FilterRenderer.renderLearning(VM, NetworkAttachment.example().mac());
        Schemas.assertValid(LibvirtXml.write(xml));

        assertThat(xml.rules())
                .filteredOn(rule -> rule.action == FilterXml.Action.ACCEPT)
                .hasSize(2)
                .extracting(rule -> rule.match)
                .allSatisfy(match -> assertThat(match)
                        .isInstanceOfSatisfying(
                                FilterXml.Ip.class,
                                ip -> assertThat(ip.protocol).isEqualTo("udp")));
        assertThat(LibvirtXml.write(xml)).containsOnlyOnce("$IP");
    }
}
