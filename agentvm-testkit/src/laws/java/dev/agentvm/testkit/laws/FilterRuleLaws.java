package dev.agentvm.testkit.laws;

import dev.agentvm.network.Cidr;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.FloorClause;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import dev.agentvm.network.Verdict.Outcome;
import dev.agentvm.testkit.laws.PolicyArbitraries.Case;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/**
 * What holds for every policy, each law a property that jqwik tries. A subclass runs them all; it may say which policies are
 * tried, and add properties of its own about {@code @ForAll("cases") Case}:
 *
 * <pre>{@code
 * class OurPolicyLaws extends FilterRuleLaws {
 *     protected Arbitrary<NetworkPolicy> policies() {
 *         return Arbitraries.just(OurPolicies.forBuilds());
 *     }
 * }
 * }</pre>
 *
 * <p>A counterexample is printed as the table of its policy, its attachment and its flow. How many cases are tried is
 * jqwik's {@code jqwik.tries.default}. One instance is not thread-safe, as jqwik has a new one for each property.
 */
public abstract class FilterRuleLaws {
    private static final int DNS = 53;
    private static final int DHCP_SERVER = 67;
    private static final int DHCP_CLIENT = 68;
    private static final int ECHO_REQUEST = 8;
    private static final IPv4Address UNSPECIFIED = IPv4Address.of("0.0.0.0");
    private static final IPv4Address BROADCAST = IPv4Address.of("255.255.255.255");

    /** For subclasses. */
    protected FilterRuleLaws() {}

    /** The policies that are tried; all kinds if not said. */
    protected Arbitrary<NetworkPolicy> policies() {
        return PolicyArbitraries.policies();
    }

    /** The rules that are added to them; all kinds if not said. */
    protected Arbitrary<FilterRule> additions() {
        return PolicyArbitraries.rules();
    }

    /** How their VMs are attached; in all ways if not said. */
    protected Arbitrary<NetworkAttachment> attachments() {
        return PolicyArbitraries.attachments();
    }

    /** The flows that are tried with a policy; mostly from the edges of what both name if not said. */
    protected Arbitrary<Flow> flows(NetworkPolicy policy, NetworkAttachment attachment) {
        return PolicyArbitraries.flows(policy, attachment);
    }

    /** What is held to the laws; {@link NetworkPolicy#evaluate(Flow, NetworkAttachment)} if not said. */
    protected Verdict judge(NetworkPolicy policy, Flow flow, NetworkAttachment attachment) {
        return policy.evaluate(flow, attachment);
    }

    /** The table that is held to the laws; {@link NetworkPolicy#explain} if not said. */
    protected String explain(NetworkPolicy policy) {
        return policy.explain();
    }

    /** The cases of {@code @ForAll("cases")}. */
    @Provide
    protected final Arbitrary<Case> cases() {
        return PolicyArbitraries.cases(policies(), attachments(), this::flows);
    }

    /** The rules of {@code @ForAll("rules")}. */
    @Provide
    protected final Arbitrary<FilterRule> rules() {
        return additions();
    }

    /** What the floor closes is reached only by a rule that names it, and another VM by none. */
    @Property
    public final void floor_isOpenedOnlyByARuleThatNamesTheAddress(@ForAll("cases") Case given) {
        Flow flow = given.flow();
        if (flow.direction() == Flow.Direction.FROM_VM
                && flow.etherType() == Flow.ETHERTYPE_IPV4
                && flow.destination().isPresent()
                && isClosed(given, flow.destination().get())
                && !isService(given)
                && judge(given).allowed()) {
            IPv4Address to = flow.destination().get();
            check(
                    given.policy().rules().stream().anyMatch(rule -> names(rule, to, given.attachment())),
                    "passes, though it is closed and no rule names it",
                    given);
        }
    }

    /** A rule without a destination opens nothing that the floor closes. */
    @Property
    public final void floor_staysClosedUnderARuleForThePublicInternet(
            @ForAll("cases") Case given, @ForAll("rules") FilterRule rule) {
        Optional<IPv4Address> to = given.flow().destination();
        if (rule.destinations().isEmpty() && to.isPresent() && isClosed(given, to.get())) {
            check(
                    judge(given).allowed()
                            == judge(given.with(plus(given, rule))).allowed(),
                    "is judged otherwise with the rule '" + rule + "'",
                    given);
        }
    }

    /** One more rule closes nothing. */
    @Property
    public final void addingARule_closesNothing(@ForAll("cases") Case given, @ForAll("rules") FilterRule rule) {
        if (judge(given).allowed()) {
            check(
                    judge(given.with(plus(given, rule))).allowed(),
                    "passes, but no longer with the rule '" + rule + "'",
                    given);
        }
    }

    /** One rule less opens nothing. */
    @Property
    public final void removingARule_opensNothing(@ForAll("cases") Case given) {
        boolean allowed = judge(given).allowed();
        for (FilterRule rule : given.policy().rules()) {
            NetworkPolicy less = given.policy().toBuilder().removeRule(rule).build();
            check(
                    allowed || !judge(given.with(less)).allowed(),
                    "does not pass, but does without the rule '" + rule + "'",
                    given);
        }
    }

    /** The order in which rules are added means nothing. */
    @Property
    public final void orderOfRules_meansNothing(@ForAll("cases") Case given, @ForAll Random random) {
        List<FilterRule> shuffled = new ArrayList<>(given.policy().rules());
        Collections.shuffle(shuffled, random);
        NetworkPolicy other = given.policy().toBuilder()
                .removeRules(rule -> true)
                .addRules(shuffled)
                .build();
        check(other.equals(given.policy()), "has a policy that depends on the order of its rules", given);
        check(explain(other).equals(explain(given.policy())), "is explained by the order of its rules", given);
        check(judge(given.with(other)).equals(judge(given)), "is judged by the order of the rules", given);
    }

    /** Both deny actions let the same TCP, UDP and pings pass. */
    @Property
    public final void rejectAndDrop_allowTheSame(@ForAll("cases") Case given) {
        if (isTcp(given.flow()) || isUdp(given.flow()) || isEcho(given.flow())) {
            check(
                    judge(given.with(denying(given, DenyAction.DROP))).allowed()
                            == judge(given.with(denying(given, DenyAction.REJECT)))
                                    .allowed(),
                    "passes under only one of DROP and REJECT",
                    given);
        }
    }

    /** Under DROP nothing is refused. */
    @Property
    public final void drop_refusesNothing(@ForAll("cases") Case given) {
        check(
                judge(given.with(denying(given, DenyAction.DROP))).outcome() != Outcome.REFUSED,
                "is refused under DROP",
                given);
    }

    /**
     * Nobody but the VM's gateway and resolvers reaches it, whatever the rules are; on a caller's bridge ARP and answers of
     * DHCP servers do, whoever these are.
     */
    @Property
    public final void vm_isReachedByItsGatewayAndResolversAlone(@ForAll("cases") Case given) {
        Flow flow = given.flow();
        if (flow.direction() == Flow.Direction.TO_VM && judge(given).allowed()) {
            NetworkAttachment vm = given.attachment();
            boolean bridged = vm.gateway().isEmpty()
                    && (flow.etherType() == Flow.ETHERTYPE_ARP
                            || (isUdp(flow)
                                    && flow.sourcePort().orElse(0) == DHCP_SERVER
                                    && flow.destinationPort().orElse(0) == DHCP_CLIENT));
            check(
                    bridged
                            || (flow.source().isPresent()
                                    && (vm.gateway().equals(flow.source())
                                            || vm.resolvers()
                                                    .contains(flow.source().get()))),
                    "reaches the VM",
                    given);
        }
    }

    /** What bears another's address does not leave the VM, and is not answered. */
    @Property
    public final void vm_usesNoAddressButItsOwn(@ForAll("cases") Case given) {
        Flow flow = given.flow();
        boolean othersMac = flow.sourceMac()
                .filter(mac -> !mac.equals(given.attachment().mac()))
                .isPresent();
        boolean othersAddress = flow.source()
                .filter(source -> !source.equals(given.attachment().address()) && !source.equals(UNSPECIFIED))
                .isPresent();
        if (flow.direction() == Flow.Direction.FROM_VM && (othersMac || othersAddress)) {
            check(judge(given).outcome() == Outcome.DROPPED, "is not dropped, though under another's address", given);
        }
    }

    /** A verdict says what decided and why, and is the same each time. */
    @Property
    public final void verdict_saysWhatDecided(@ForAll("cases") Case given) {
        Verdict verdict = judge(given);
        check(!verdict.reason().isBlank(), "is judged without a reason", given);
        check(
                verdict.rule().isEmpty()
                        || (verdict.allowed()
                                && given.policy()
                                        .rules()
                                        .contains(verdict.rule().get())),
                "is decided by a rule that is not the policy's or allows nothing",
                given);
        check(
                verdict.clause().isEmpty() || verdict.outcome() == Outcome.DROPPED,
                "is decided by the floor, but not dropped",
                given);
        check(verdict.equals(judge(given)), "is judged differently each time", given);
    }

    /** The table for people has the reason of every rule. */
    @Property
    public final void explanation_hasEveryReason(@ForAll("cases") Case given) {
        String table = explain(given.policy());
        for (FilterRule rule : given.policy().rules()) {
            check(table.contains(rule.reason()), "has a policy whose table lacks the rule '" + rule + "'", given);
        }
    }

    private Verdict judge(Case given) {
        return judge(given.policy(), given.flow(), given.attachment());
    }

    private void check(boolean holds, String otherwise, Case given) {
        if (!holds) {
            throw new AssertionError("The flow " + otherwise + ":\n" + given + judge(given));
        }
    }

    private static NetworkPolicy plus(Case given, FilterRule rule) {
        return given.policy().toBuilder().addRule(rule).build();
    }

    private static NetworkPolicy denying(Case given, DenyAction action) {
        return given.policy().toBuilder().noConnectionLimit().denied(action).build();
    }

    private static boolean isClosed(Case given, IPv4Address to) {
        return isHost(given.attachment(), to)
                || given.attachment().subnet().contains(to)
                || FloorClause.ofDestination(to).isPresent();
    }

    private static boolean isHost(NetworkAttachment vm, IPv4Address address) {
        return vm.hostAddresses().contains(address)
                || vm.hostBlocks().stream().anyMatch(block -> block.contains(address))
                || vm.gateway().filter(address::equals).isPresent();
    }

    /** A host's address opens by a rule that names it alone, another VM's not at all. */
    private static boolean names(FilterRule rule, IPv4Address to, NetworkAttachment vm) {
        return isHost(vm, to)
                ? rule.destinations().contains(Cidr.single(to))
                : !vm.subnet().contains(to) && rule.destinations().stream().anyMatch(named -> named.contains(to));
    }

    /** DNS at its resolvers and DHCP: what a VM is given without a rule. */
    private static boolean isService(Case given) {
        Flow flow = given.flow();
        IPv4Address to = flow.destination().orElse(UNSPECIFIED);
        boolean dns = (isUdp(flow) || isTcp(flow))
                && flow.destinationPort().orElse(0) == DNS
                && given.attachment().resolvers().contains(to);
        boolean dhcp = isUdp(flow)
                && flow.destinationPort().orElse(0) == DHCP_SERVER
                && (to.equals(BROADCAST) || isHost(given.attachment(), to));
        return dns || dhcp;
    }

    private static boolean isTcp(Flow flow) {
        return flow.ipProtocol().orElse(-1) == Flow.TCP;
    }

    private static boolean isUdp(Flow flow) {
        return flow.ipProtocol().orElse(-1) == Flow.UDP;
    }

    private static boolean isEcho(Flow flow) {
        return flow.ipProtocol().orElse(-1) == Flow.ICMP && flow.icmpType().orElse(-1) == ECHO_REQUEST;
    }
}
