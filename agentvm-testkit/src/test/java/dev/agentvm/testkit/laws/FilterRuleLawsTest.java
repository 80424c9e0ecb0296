package dev.agentvm.testkit.laws;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import dev.agentvm.network.DenyAction;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.testkit.engine.EngineTestKit;

/** The laws find those out that break them. */
class FilterRuleLawsTest {
    private static final NetworkPolicy OPEN = NetworkPolicy.agentDefault();
    private static final Verdict ALLOWED = OPEN.evaluate(Flow.tcp("93.184.216.34", 443));
    private static final Verdict REFUSED = OPEN.evaluate(Flow.tcp("93.184.216.34", 8080));
    private static final Verdict DROPPED = OPEN.evaluate(Flow.udp("93.184.216.34", 8080));

    /** What the law says when it is tried on that evaluation. */
    private static String broken(String law, Class<? extends FilterRuleLaws> evaluation) {
        Method property = Arrays.stream(FilterRuleLaws.class.getMethods())
                .filter(method -> method.getName().equals(law))
                .findFirst()
                .orElseThrow();
        List<TestExecutionResult> failed = EngineTestKit.engine("jqwik")
                .selectors(selectMethod(evaluation, property))
                .configurationParameter("jqwik.tries.default", "1000")
                .configurationParameter("jqwik.shrinking.default", "OFF")
                .configurationParameter("jqwik.reporting.usejunitplatform", "true")
                .execute()
                .testEvents()
                .failed()
                .stream()
                .map(event -> event.getRequiredPayload(TestExecutionResult.class))
                .toList();
        assertThat(failed).as("%s of %s", law, evaluation.getSimpleName()).hasSize(1);
        return String.valueOf(failed.get(0).getThrowable().orElseThrow().getMessage());
    }

    @Test
    void floor_thatOpensUnnamed_breaksTheLawInAPolicyAndAFlow() {
        assertThat(broken("floor_isOpenedOnlyByARuleThatNamesTheAddress", OpenFloorLaws.class))
                .contains(
                        "everything else", "attached as", "Flow{", "passes, though it is closed and no rule names it");
    }

    @Test
    void rules_thatAreCounted_breakTheLawsOfAddingAndRemoving() {
        assertThat(broken("addingARule_closesNothing", CountingLaws.class)).contains("no longer with the rule");
        assertThat(broken("removingARule_opensNothing", SparseLaws.class)).contains("does without the rule");
        assertThat(broken("floor_staysClosedUnderARuleForThePublicInternet", SparseLaws.class))
                .contains("is judged otherwise with the rule");
    }

    @Test
    void denyAction_thatDecidesWhatPasses_breaksTheLaw() {
        assertThat(broken("rejectAndDrop_allowTheSame", StrictDropLaws.class)).contains("only one of DROP and REJECT");
    }

    @Test
    void drop_thatRefuses_breaksTheLaw() {
        assertThat(broken("drop_refusesNothing", RefusingLaws.class)).contains("is refused under DROP");
    }

    @Test
    void vm_thatIsReachedOrSpoofs_breaksTheLaws() {
        assertThat(broken("vm_isReachedByItsGatewayAndResolversAlone", WideOpenLaws.class))
                .contains("reaches the VM");
        assertThat(broken("vm_usesNoAddressButItsOwn", WideOpenLaws.class)).contains("another's address");
    }

    @Test
    void verdict_ofARuleThatIsNotThePolicys_breaksTheLaw() {
        assertThat(broken("verdict_saysWhatDecided", WideOpenLaws.class)).contains("a rule that is not the policy's");
    }

    @Test
    void verdict_thatDependsOnOrderOrTime_breaksTheLaws() {
        assertThat(broken("orderOfRules_meansNothing", FickleLaws.class)).contains("order of the rules");
        assertThat(broken("verdict_saysWhatDecided", FickleLaws.class)).contains("judged differently each time");
    }

    @Test
    void explanation_thatLacksAReasonOrDependsOnOrder_breaksTheLaws() {
        assertThat(broken("explanation_hasEveryReason", ForgetfulLaws.class)).contains("whose table lacks the rule");
        assertThat(broken("orderOfRules_meansNothing", ForgetfulLaws.class)).contains("explained by the order");
    }

    /** Takes the floor away from HTTPS. */
    static class OpenFloorLaws extends FilterRuleLaws {
        @Override
        protected Verdict judge(NetworkPolicy policy, Flow flow, NetworkAttachment attachment) {
            return flow.direction() == Flow.Direction.FROM_VM
                            && flow.destinationPort().orElse(0) == 443
                    ? ALLOWED
                    : policy.evaluate(flow, attachment);
        }
    }

    /** Gives up on policies of more than three rules. */
    static class CountingLaws extends FilterRuleLaws {
        @Override
        protected Verdict judge(NetworkPolicy policy, Flow flow, NetworkAttachment attachment) {
            return policy.rules().size() > 3 ? DROPPED : policy.evaluate(flow, attachment);
        }
    }

    /** Opens up under policies of fewer than three rules. */
    static class SparseLaws extends FilterRuleLaws {
        @Override
        protected Verdict judge(NetworkPolicy policy, Flow flow, NetworkAttachment attachment) {
            return policy.rules().size() < 3 ? ALLOWED : policy.evaluate(flow, attachment);
        }
    }

    /** Lets TCP pass under REJECT alone. */
    static class StrictDropLaws extends FilterRuleLaws {
        @Override
        protected Verdict judge(NetworkPolicy policy, Flow flow, NetworkAttachment attachment) {
            return policy.denied() == DenyAction.DROP ? DROPPED : policy.evaluate(flow, attachment);
        }
    }

    /** Refuses whatever is denied. */
    static class RefusingLaws extends FilterRuleLaws {
        @Override
        protected Verdict judge(NetworkPolicy policy, Flow flow, NetworkAttachment attachment) {
            Verdict verdict = policy.evaluate(flow, attachment);
            return verdict.allowed() ? verdict : REFUSED;
        }
    }

    /** Lets everything pass. */
    static class WideOpenLaws extends FilterRuleLaws {
        @Override
        protected Verdict judge(NetworkPolicy policy, Flow flow, NetworkAttachment attachment) {
            return ALLOWED;
        }
    }

    /** Explains every other time without a single reason. */
    static class ForgetfulLaws extends FilterRuleLaws {
        private boolean turn;

        @Override
        protected String explain(NetworkPolicy policy) {
            turn = !turn;
            return turn ? "no reasons" : policy.explain();
        }
    }

    /** Judges every other time otherwise. */
    static class FickleLaws extends FilterRuleLaws {
        private boolean turn;

        @Override
        protected Verdict judge(NetworkPolicy policy, Flow flow, NetworkAttachment attachment) {
            turn = !turn;
            return turn ? REFUSED : DROPPED;
        }
    }
}
