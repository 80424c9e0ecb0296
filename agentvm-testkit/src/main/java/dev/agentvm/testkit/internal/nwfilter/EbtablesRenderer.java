package dev.agentvm.testkit.internal.nwfilter;

import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Action;
import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Direction;
import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Item;
import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Rule;
import dev.agentvm.testkit.internal.nwfilter.Instantiation.Instance;
import dev.agentvm.testkit.internal.nwfilter.RenderedRule.Arguments;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** Writes the ebtables commands of a filter, jumps to sub-chains among the rules of the root chain. */
final class EbtablesRenderer {
    private final String nic;
    private final List<RenderedRule> rules = new ArrayList<>();

    private EbtablesRenderer(String nic) {
        this.nic = nic;
    }

    static List<RenderedRule> render(String nic, List<Instance> sorted) {
        EbtablesRenderer renderer = new EbtablesRenderer(nic);
        List<Instance> instances = sorted.stream()
                .filter(i -> i.rule().element().engine() == RuleElement.Engine.EBTABLES)
                .toList();
        List<SubChain> subChains = new ArrayList<>();
        subChains.addAll(subChains(instances, true));
        subChains.addAll(subChains(instances, false));
        subChains.sort(Comparator.comparingInt(SubChain::priority));
        int created = 0;
        for (Instance instance : instances) {
            while (created < subChains.size() && subChains.get(created).priority() <= instance.priority()) {
                renderer.jump(subChains.get(created++));
            }
            boolean late = subChains.subList(created, subChains.size()).stream()
                    .anyMatch(c -> c.name().equals(instance.chain()) && isFor(instance.rule(), c.fromVM()));
            if (late) {
                throw Refusal.start(instance.rule() + ": its chain '" + instance.chain()
                        + "' does not exist yet, because another filter gives it a higher priority");
            }
            for (Map<VariableAccess, String> values : Instantiation.combinations(instance)) {
                renderer.rule(instance, values);
            }
        }
        while (created < subChains.size()) {
            renderer.jump(subChains.get(created++));
        }
        return renderer.rules;
    }

    /** Whether there is a chain for frames from the VM, or to it: any rule of that direction makes one. */
    static boolean hasDirection(List<Instance> instances, boolean fromVM) {
        return instances.stream()
                .anyMatch(i -> i.rule().element().engine() == RuleElement.Engine.EBTABLES && isFor(i.rule(), fromVM));
    }

    private static boolean isFor(Rule rule, boolean fromVM) {
        return rule.direction() != (fromVM ? Direction.IN : Direction.OUT);
    }

    private record SubChain(String name, int priority, boolean fromVM) {}

    /** Of two filters that give one chain different priorities, the one with the last rule wins. */
    private static List<SubChain> subChains(List<Instance> instances, boolean fromVM) {
        Map<String, Integer> priorities = new LinkedHashMap<>();
        for (Instance instance : instances) {
            if (isFor(instance.rule(), fromVM) && !instance.chain().equals(FilterDefinition.ROOT)) {
                priorities.put(instance.chain(), instance.chainPriority());
            }
        }
        List<SubChain> chains = new ArrayList<>();
        priorities.forEach((name, priority) -> chains.add(new SubChain(name, priority, fromVM)));
        return chains;
    }

    static String rootChain(String nic, boolean fromVM) {
        return "libvirt-" + (fromVM ? "I-" : "O-") + nic;
    }

    private String chain(String name, boolean fromVM) {
        return name.equals(FilterDefinition.ROOT) ? rootChain(nic, fromVM) : (fromVM ? "I-" : "O-") + nic + "-" + name;
    }

    private void jump(SubChain chain) {
        Arguments arguments = new Arguments();
        String name = chain.name();
        if (name.startsWith("stp")) {
            arguments.add("-d", Mac.BRIDGE_GROUP.toString());
        } else if (!name.startsWith("mac")) {
            int type = name.startsWith("ipv4")
                    ? PacketData.IPV4
                    : name.startsWith("ipv6")
                            ? PacketData.IPV6
                            : name.startsWith("arp")
                                    ? PacketData.ARP
                                    : name.startsWith("rarp") ? PacketData.RARP : PacketData.VLAN;
            arguments.add("-p", String.format("0x%04x", type));
        }
        arguments.add("-j", chain(name, chain.fromVM()));
        rules.add(new RenderedRule(
                RuleElement.Engine.EBTABLES,
                rootChain(nic, chain.fromVM()),
                arguments.list(),
                OptionalInt.of(chain.priority()),
                List.of()));
    }

    private void rule(Instance instance, Map<VariableAccess, String> values) {
        Rule rule = instance.rule();
        boolean inout = rule.direction() == Direction.INOUT;
        if (isFor(rule, true)) {
            // Addresses of an inout rule are meant as seen by frames to the VM.
            add(instance, values, true, inout);
        }
        if (isFor(rule, false)) {
            add(instance, values, false, false);
        }
    }

    private void add(Instance instance, Map<VariableAccess, String> values, boolean fromVM, boolean reverse) {
        Rule rule = instance.rule();
        List<String> notes = new ArrayList<>(rule.notes());
        Arguments arguments = new Arguments();
        Writer writer = new Writer(rule, values, reverse, arguments);
        writer.write(notes);
        Action action = rule.action();
        if (action == Action.REJECT) {
            notes.add("ebtables cannot reject: libvirt drops");
        }
        arguments.add("-j", action == Action.REJECT ? "DROP" : action.name());
        rules.add(new RenderedRule(
                RuleElement.Engine.EBTABLES,
                chain(instance.chain(), fromVM),
                arguments.list(),
                OptionalInt.of(instance.priority()),
                notes));
    }

    /** The matches of one rule. */
    private record Writer(Rule rule, Map<VariableAccess, String> values, boolean reverse, Arguments arguments) {
        void write(List<String> notes) {
            if (rule.element() == RuleElement.STP && reverse && has("srcmacaddr")) {
                throw Refusal.start(
                        rule + ": STP filtering in inout direction with source MAC address set is not supported");
            }
            mac("srcmacaddr", "srcmacmask", reverse ? "-d" : "-s");
            mac("dstmacaddr", "dstmacmask", reverse ? "-s" : "-d");
            switch (rule.element()) {
                case MAC_ -> option("-p", "protocolid", true);
                case VLAN -> {
                    arguments.add("-p", "0x8100");
                    option("--vlan-id", "vlanid", false);
                    option("--vlan-encap", "encap-protocol", false);
                    if (has("encap-protocol")) {
                        notes.add("libvirt writes encap-protocol in decimal, ebtables reads it as hexadecimal");
                    }
                }
                case STP -> arguments.add("-d", Mac.BRIDGE_GROUP.toString());
                case ARP, RARP -> arp(notes);
                case IP -> {
                    arguments.add("-p", "ipv4");
                    ip("--ip-");
                    option("--ip-tos", "dscp", true);
                    if (has("dscp")) {
                        notes.add("libvirt compares dscp with the whole type-of-service byte");
                    }
                }
                case IPV6_ -> {
                    arguments.add("-p", "ipv6");
                    ip("--ip6-");
                    icmp6();
                }
                default -> {}
            }
        }

        private boolean has(String name) {
            return rule.items().containsKey(name);
        }

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

        private void option(String option, String name, boolean hexadecimal) {
            String value = value(name);
            if (value == null) {
                return;
            }
            Item item = rule.items().get(name);
            boolean literal = item != null && item.variable() == null;
            arguments.add(option);
            sign(name);
            arguments.add(hexadecimal && literal ? "0x" + Integer.toHexString(Integer.parseInt(value)) : value);
        }

        private void joined(String option, String name, String second, String separator) {
            String value = value(name);
            if (value == null) {
                return;
            }
            String rest = value(second);
            arguments.add(option);
            sign(name);
            arguments.add(rest == null ? value : value + separator + rest);
        }

        private void mac(String address, String mask, String option) {
            joined(option, address, mask, "/");
        }

        private void ip(String prefix) {
            String source = prefix + "source";
            String destination = prefix + "destination";
            joined(reverse ? destination : source, "srcipaddr", "srcipmask", "/");
            joined(reverse ? source : destination, "dstipaddr", "dstipmask", "/");
            option(prefix + "protocol", "protocol", false);
            joined((reverse ? destination : source) + "-port", "srcportstart", "srcportend", ":");
            joined((reverse ? source : destination) + "-port", "dstportstart", "dstportend", ":");
        }

        private void icmp6() {
            if (!has("type") && !has("typeend") && !has("code") && !has("codeend")) {
                return;
            }
            arguments.add("--ip6-icmp-type");
            sign("type");
            arguments.add(range("type", "typeend") + "/" + range("code", "codeend"));
        }

        private String range(String low, String high) {
            String from = value(low);
            String to = value(high);
            return (from == null ? "0" : from) + ":" + (to != null ? to : from != null ? from : "255");
        }

        private void arp(List<String> notes) {
            arguments.add("-p", rule.element() == RuleElement.ARP ? "0x806" : "0x8035");
            option("--arp-htype", "hwtype", false);
            option("--arp-opcode", "opcode", false);
            option("--arp-ptype", "protocoltype", true);
            String sourceMask = value("arpsrcipmask");
            String destinationMask = value("arpdstipmask");
            arpIp("arpsrcipaddr", reverse ? "--arp-ip-dst" : "--arp-ip-src", sourceMask);
            // The source's mask stays in libvirt's buffer, and serves a destination that has none.
            boolean left = destinationMask == null && sourceMask != null && has("arpsrcipaddr");
            if (left && has("arpdstipaddr")) {
                notes.add("libvirt applies arpsrcipmask to the destination too");
            }
            arpIp("arpdstipaddr", reverse ? "--arp-ip-src" : "--arp-ip-dst", left ? sourceMask : destinationMask);
            option(reverse ? "--arp-mac-dst" : "--arp-mac-src", "arpsrcmacaddr", false);
            option(reverse ? "--arp-mac-src" : "--arp-mac-dst", "arpdstmacaddr", false);
            if ("true".equals(value("gratuitous"))) {
                sign("gratuitous");
                arguments.add("--arp-gratuitous");
            }
        }

        private void arpIp(String name, String option, @Nullable String mask) {
            String address = value(name);
            if (address != null) {
                arguments.add(option);
                sign(name);
                arguments.add(address + "/" + (mask == null ? "32" : mask));
            }
        }
    }
}
