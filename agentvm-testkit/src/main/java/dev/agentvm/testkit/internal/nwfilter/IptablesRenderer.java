package dev.agentvm.testkit.internal.nwfilter;

import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Action;
import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Direction;
import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Item;
import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Rule;
import dev.agentvm.testkit.internal.nwfilter.Instantiation.Instance;
import dev.agentvm.testkit.internal.nwfilter.RenderedRule.Arguments;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Writes the iptables or ip6tables commands of a filter: up to three for each rule. */
final class IptablesRenderer {
    private final String nic;
    private final RuleElement.Engine engine;
    private final List<RenderedRule> rules = new ArrayList<>();

    private IptablesRenderer(String nic, RuleElement.Engine engine) {
        this.nic = nic;
        this.engine = engine;
    }

    static List<RenderedRule> render(String nic, RuleElement.Engine engine, List<Instance> sorted) {
        IptablesRenderer renderer = new IptablesRenderer(nic, engine);
        for (Instance instance : sorted) {
            if (instance.rule().element().engine() == engine) {
                for (Map<VariableAccess, String> values : Instantiation.combinations(instance)) {
                    renderer.rule(instance, values);
                }
            }
        }
        return renderer.rules;
    }

    private void rule(Instance instance, Map<VariableAccess, String> values) {
        Rule rule = instance.rule();
        boolean in = rule.direction() != Direction.OUT;
        boolean inout = rule.direction() == Direction.INOUT;
        if (!rule.noStateMatch() && !rule.states().isEmpty()) {
            String states = rule.states().contains(State.NONE) ? null : State.print(rule.states());
            // With a state of its own a rule has no copy for the opposite direction.
            if (!in || inout) {
                add("FI", instance, values, in, new StateRule(states, false), in);
            }
            if (in) {
                add("FO", instance, values, false, new StateRule(states, false), inout);
            }
            if (!in || inout) {
                add("HI", instance, values, in, new StateRule(states, false), in);
            }
            return;
        }
        boolean stateful = !inout && !rule.noStateMatch();
        StateRule own = new StateRule(stateful ? "NEW,ESTABLISHED" : null, true);
        StateRule opposite = new StateRule(stateful ? "ESTABLISHED" : null, true);
        add("FI", instance, values, in, in ? opposite : own, in);
        add("FO", instance, values, !in, in ? own : opposite, !in || inout);
        add("HI", instance, values, in, in ? opposite : own, in);
    }

    /**
     * Which state match a rule gets.
     *
     * @param states what to compare the state with, if at all
     * @param implied whether libvirt chose it, so that it goes with a direction and not with refusing actions
     */
    private record StateRule(@Nullable String states, boolean implied) {}

    private void add(
            String chain,
            Instance instance,
            Map<VariableAccess, String> values,
            boolean reverse,
            StateRule state,
            boolean skipTypedIcmp) {
        Rule rule = instance.rule();
        boolean typed = (rule.element() == RuleElement.ICMP || rule.element() == RuleElement.ICMPV6)
                && rule.items().containsKey("type");
        if (typed && skipTypedIcmp) {
            return;
        }
        List<String> notes = new ArrayList<>(rule.notes());
        Arguments arguments = new Arguments().add("-p", rule.element().protocolOption());
        Writer writer = new Writer(rule, values, reverse, arguments);
        int bare = arguments.size();
        if (!reverse) {
            writer.mac();
        }
        writer.ip();
        writer.transport();
        boolean macSkipped = reverse && rule.items().containsKey("srcmacaddr");
        boolean limited = rule.items().containsKey("connlimit-above");
        if ((macSkipped && arguments.size() == bare) || (limited && reverse)) {
            return;
        }
        if (macSkipped) {
            notes.add("libvirt leaves out srcmacaddr in this direction");
        }
        boolean accept = rule.action() == Action.ACCEPT;
        boolean stateless = accept ? limited : state.implied();
        if (state.states() != null && !stateless) {
            arguments.add("-m", "conntrack", "--ctstate", state.states());
            if (state.implied() && !typed && rule.direction() != Direction.INOUT) {
                arguments.add("-m", "conntrack", "--ctdir", reverse ? "Reply" : "Original");
            }
        } else if (limited && accept) {
            notes.add("connlimit-above takes away the state match");
        }
        writer.afterState();
        if (rule.noStateMatch() && !rule.states().isEmpty()) {
            notes.add("statematch='false' makes libvirt ignore state");
        }
        arguments.add(
                "-j",
                accept
                        ? (chain.equals("FO") ? "ACCEPT" : "RETURN")
                        : rule.action().name());
        rules.add(new RenderedRule(
                engine, chain + "-" + nic, arguments.list(), OptionalInt.of(instance.priority()), notes));
    }

    /** The matches of one rule. */
    private record Writer(Rule rule, Map<VariableAccess, String> values, boolean reverse, Arguments arguments) {
        private @Nullable String value(String name) {
            Item item = rule.items().get(name);
            return item == null ? null : Instantiation.value(rule, item, values);
        }

        private void sign(String name) {
            Item item = rule.items().get(name);
            if (item != null && item.negated()) {
                arguments.add("!");
            }
        }

        private void option(String name, String option) {
            String value = value(name);
            if (value != null) {
                sign(name);
                arguments.add(option, value);
            }
        }

        void mac() {
            String mac = value("srcmacaddr");
            if (mac != null) {
                arguments.add("-m", "mac");
                sign("srcmacaddr");
                arguments.add("--mac-source", mac);
            }
        }

        void ip() {
            String source = reverse ? "destination" : "source";
            String destination = reverse ? "source" : "destination";
            address("src", "--" + source, reverse ? "--dst-range" : "--src-range");
            address("dst", "--" + destination, reverse ? "--src-range" : "--dst-range");
            String dscp = value("dscp");
            if (dscp != null) {
                arguments.add("-m", "dscp");
                option("dscp", "--dscp");
            }
        }

        private void address(String side, String option, String rangeOption) {
            String address = value(side + "ipaddr");
            String from = value(side + "ipfrom");
            if (address != null) {
                String mask = value(side + "ipmask");
                sign(side + "ipaddr");
                arguments.add(option, mask == null ? address : address + "/" + mask);
            } else if (from != null) {
                String to = value(side + "ipto");
                arguments.add("-m", "iprange");
                sign(side + "ipfrom");
                arguments.add(rangeOption, to == null ? from : from + "-" + to);
            }
        }

        void transport() {
            switch (rule.element()) {
                case TCP, TCP_IPV6 -> {
                    String flags = value("flags");
                    if (flags != null) {
                        sign("flags");
                        arguments.add("--tcp-flags").add(flags.split(" ", 2));
                    }
                    ports();
                }
                case UDP, UDP_IPV6, SCTP, SCTP_IPV6 -> ports();
                case ICMP -> icmp("--icmp-type");
                case ICMPV6 -> icmp("--icmpv6-type");
                default -> {}
            }
        }

        private void icmp(String option) {
            String type = value("type");
            if (type != null) {
                String code = value("code");
                sign("type");
                arguments.add(option, code == null ? type : type + "/" + code);
            }
        }

        private void ports() {
            port("src", reverse ? "--dport" : "--sport");
            port("dst", reverse ? "--sport" : "--dport");
        }

        private void port(String side, String option) {
            String from = value(side + "portstart");
            if (from != null) {
                String to = value(side + "portend");
                sign(side + "portstart");
                arguments.add(option, to == null ? from : from + ":" + to);
            }
        }

        void afterState() {
            String set = value("ipset");
            String flags = value("ipsetflags");
            if (set != null && flags != null) {
                String seen = Arrays.stream(flags.split(",", -1))
                        .map(f -> f.equals("src") == reverse ? "dst" : "src")
                        .collect(Collectors.joining(","));
                arguments.add("-m", "set", "--match-set", set, seen);
            }
            String limit = value("connlimit-above");
            if (limit != null && !reverse) {
                arguments.add("-m", "connlimit");
                option("connlimit-above", "--connlimit-above");
            }
            String comment = value("comment");
            if (comment != null) {
                arguments.add("-m", "comment", "--comment", comment);
            }
        }
    }
}
