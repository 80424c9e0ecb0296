package dev.agentvm.testkit.internal.nwfilter;

import dev.agentvm.testkit.Judgement.Outcome;
import dev.agentvm.testkit.Judgement.Step;
import dev.agentvm.testkit.Packet.Direction;
import dev.agentvm.testkit.Packet.Path;
import dev.agentvm.testkit.internal.nwfilter.Instantiation.Instance;
import dev.agentvm.testkit.internal.nwfilter.Match.Compiled;
import dev.agentvm.testkit.internal.nwfilter.Match.Subject;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A host with one filter in force: leads packets through the kernel's hooks and libvirt's chains. */
public final class Host {
    private static final String NIC = "vnet0";
    private static final String KERNEL = "kernel";
    private static final Set<String> TRACKING_MATCHES = Set.of("conntrack", "connlimit");
    private static final Set<Integer> ICMP_QUERIES = Set.of(0, 8, 13, 14, 15, 16, 17, 18);

    private final Settings settings;
    private final List<String> notes;
    private final boolean framesFromVM;
    private final boolean framesToVM;
    private final Map<RuleElement.Engine, Map<String, List<Compiled>>> chains = new EnumMap<>(RuleElement.Engine.class);
    private final Conntrack conntrack = new Conntrack();
    private final Map<Datagram, Verdict> datagrams = new HashMap<>();

    /**
     * What the host is like apart from the filter.
     *
     * @param bridged4 whether bridged IPv4 is shown to iptables
     * @param bridged6 whether bridged IPv6 is shown to ip6tables
     * @param forward what the rest of FORWARD does
     * @param input what the rest of INPUT does
     * @param tracking whether something beside the filter makes the host track connections
     * @param sets the members of each ipset
     */
    public record Settings(
            boolean bridged4,
            boolean bridged6,
            Outcome forward,
            Outcome input,
            boolean tracking,
            Map<String, List<String>> sets) {}

    /** The end of a packet's way, and the way. */
    public record Verdict(Outcome outcome, boolean answered, List<Step> steps) {}

    private record Datagram(Direction direction, IpAddress source, IpAddress destination, int protocol, int id) {}

    private Host(
            Settings settings,
            Map<String, FilterDefinition> filters,
            String filter,
            Map<String, List<String>> variables) {
        this.settings = settings;
        Instantiation.Result result = Instantiation.of(filters, filter, variables);
        this.notes = result.notes();
        List<Instance> instances = result.instances();
        this.framesFromVM = EbtablesRenderer.hasDirection(instances, true);
        this.framesToVM = EbtablesRenderer.hasDirection(instances, false);
        for (RuleElement.Engine engine : RuleElement.Engine.values()) {
            Map<String, List<Compiled>> compiled = new LinkedHashMap<>();
            for (RenderedRule rule : render(engine, instances)) {
                compiled.computeIfAbsent(rule.chain(), c -> new ArrayList<>())
                        .add(
                                engine == RuleElement.Engine.EBTABLES
                                        ? EbtablesOptions.compile(rule)
                                        : IptablesOptions.compile(rule, settings.sets()));
            }
            chains.put(engine, compiled);
        }
        for (RuleElement.Engine engine : RuleElement.Engine.values()) {
            boolean used = instances.stream().anyMatch(i -> i.rule().element().engine() == engine);
            if (used) {
                chainsOf(engine).putIfAbsent("", List.of());
            }
        }
    }

    private static List<RenderedRule> render(RuleElement.Engine engine, List<Instance> instances) {
        return engine == RuleElement.Engine.EBTABLES
                ? EbtablesRenderer.render(NIC, instances)
                : IptablesRenderer.render(NIC, engine, instances);
    }

    /**
     * Puts a filter into force.
     *
     * @throws dev.agentvm.testkit.NwfilterException if libvirt could not, or the simulator cannot follow it
     */
    public static Host attach(
            Settings settings,
            Map<String, FilterDefinition> filters,
            String filter,
            Map<String, List<String>> variables) {
        return new Host(settings, filters, filter, variables);
    }

    /** Where libvirt did something that the filters do not say. */
    public List<String> notes() {
        return notes;
    }

    /** The commands that put the filter into force, without their common beginnings. */
    public List<String> commands() {
        List<String> commands = new ArrayList<>();
        chains.forEach((engine, map) -> map.forEach((chain, rules) ->
                rules.forEach(rule -> commands.add(engine.command() + " -A " + chain + " " + rule.rule()))));
        return commands;
    }

    /** Forgets all connections and fragments. */
    public void forget() {
        conntrack.clear();
        datagrams.clear();
    }

    /** Leads a packet through; its connection, if any, is remembered. */
    public Verdict judge(PacketData packet) {
        return new Way(packet).go();
    }

    private Map<String, List<Compiled>> chainsOf(RuleElement.Engine engine) {
        return chains.getOrDefault(engine, Map.of());
    }

    /** Only where connections are tracked does the kernel put fragments together before it filters them. */
    private boolean tracks() {
        return settings.tracking()
                || chainsOf(RuleElement.Engine.IPTABLES).values().stream()
                        .flatMap(List::stream)
                        .anyMatch(r -> r.rule().arguments().stream().anyMatch(TRACKING_MATCHES::contains));
    }

    private boolean isUsed(RuleElement.Engine engine) {
        return !chainsOf(engine).isEmpty();
    }

    /** One packet's way. */
    private final class Way {
        private final PacketData packet;
        private final List<Step> steps = new ArrayList<>();
        private boolean answered;
        private Conntrack.@Nullable Finding pending;

        Way(PacketData packet) {
            this.packet = packet;
        }

        Verdict go() {
            PacketData.Ip ip = ipShownToHost();
            Outcome outcome = packet.direction() == Direction.FROM_VM ? fromVM(ip) : toVM(ip);
            return new Verdict(outcome, answered, List.copyOf(steps));
        }

        private PacketData.@Nullable Ip ipShownToHost() {
            return packet.vlan() == null && packet.body() instanceof PacketData.Ip ip ? ip : null;
        }

        private boolean bridged(PacketData.Ip ip) {
            return ip.version() == 4 ? settings.bridged4() : settings.bridged6();
        }

        private Outcome fromVM(PacketData.@Nullable Ip ip) {
            if (!frames(true)) {
                return Outcome.DROPPED;
            }
            return ip == null ? notIp() : packetHooks(ip, true);
        }

        private Outcome toVM(PacketData.@Nullable Ip ip) {
            // Bridged, the bridge filters frames before the connection is taken in; sent by the host itself, after.
            boolean framesFirst = packet.path() == Path.BRIDGED;
            Outcome outcome = ip == null ? notIp() : packetHooks(ip, !framesFirst);
            if (outcome != Outcome.ACCEPTED || !frames(false)) {
                return outcome == Outcome.ACCEPTED ? Outcome.DROPPED : outcome;
            }
            if (pending != null) {
                conntrack.confirm(pending);
            }
            return Outcome.ACCEPTED;
        }

        private Outcome notIp() {
            String what = packet.vlan() == null ? "not IP" : "VLAN-tagged";
            note("iptables", "the frame is " + what + ": the IP rules do not see it");
            return Outcome.ACCEPTED;
        }

        private void note(String chain, String text) {
            steps.add(new Step(KERNEL, chain, OptionalInt.empty(), text, false, "", ""));
        }

        private void step(String engine, String chain, String rule, boolean matched, String reason, String target) {
            steps.add(new Step(engine, chain, OptionalInt.empty(), rule, matched, reason, target));
        }

        /** Whether ebtables lets the frame pass. */
        private boolean frames(boolean fromVM) {
            String hook = fromVM ? "PREROUTING" : "POSTROUTING";
            if (fromVM ? !framesFromVM : !framesToVM) {
                note(hook, "no frame rule of this direction: every frame passes");
                return true;
            }
            String root = EbtablesRenderer.rootChain(NIC, fromVM);
            step("ebtables", hook, (fromVM ? "-i " : "-o ") + NIC, true, "", root);
            return frames(root, new Subject(packet, null, conntrack)) != Passage.DROP;
        }

        private Passage frames(String chain, Subject subject) {
            for (Compiled rule : chainsOf(RuleElement.Engine.EBTABLES).getOrDefault(chain, List.of())) {
                if (!met(rule, subject)) {
                    continue;
                }
                switch (rule.target()) {
                    case "ACCEPT" -> {
                        return Passage.ACCEPT;
                    }
                    case "DROP" -> {
                        return Passage.DROP;
                    }
                    case "RETURN" -> {
                        return Passage.RETURN;
                    }
                    case "CONTINUE" -> {}
                    default -> {
                        Passage passage = frames(rule.target(), subject);
                        if (passage != Passage.RETURN) {
                            return passage;
                        }
                    }
                }
            }
            // ebtables gives each chain of one's own the policy ACCEPT: its end is not a return to its caller.
            step("ebtables", chain, "end of chain", true, "its policy is ACCEPT", "ACCEPT");
            return Passage.ACCEPT;
        }

        private boolean met(Compiled rule, Subject subject) {
            String mismatch = rule.mismatch(subject);
            String reason = mismatch == null ? "" : mismatch;
            for (String note : rule.rule().notes()) {
                reason += (reason.isEmpty() ? "" : "; ") + note;
            }
            steps.add(new Step(
                    rule.rule().engine().command(),
                    rule.rule().chain(),
                    rule.rule().priority(),
                    rule.rule().toString(),
                    mismatch == null,
                    reason,
                    mismatch == null ? rule.target() : ""));
            return mismatch == null;
        }

        /** The IP layer, which knows datagrams, not fragments: a fragment shares the fate of the first of its kind. */
        private Outcome packetHooks(PacketData.Ip ip, boolean confirm) {
            if (packet.path() == Path.BRIDGED && !bridged(ip)) {
                note(
                        "FORWARD",
                        "bridge-nf-call-ip" + (ip.version() == 4 ? "" : "6")
                                + "tables is 0: the IP rules do not see bridged packets");
                return Outcome.ACCEPTED;
            }
            if (ip.fragment() == null) {
                return whole(packet, ip, confirm);
            }
            // What is for the host itself is put together anyway.
            if (packet.path() != Path.HOST && !tracks()) {
                note("defragmentation", "nothing tracks connections: the IP rules see each fragment by itself");
                return hooks(RuleElement.Engine.IPTABLES, new Subject(packet, null, conntrack), bridged(ip));
            }
            Datagram key =
                    new Datagram(packet.direction(), ip.source(), ip.destination(), ip.protocol(), ip.identification());
            Verdict known = datagrams.get(key);
            if (known == null) {
                PacketData whole = Frames.whole(packet, ip);
                note("defragmentation", "the IP rules see the datagram when all its fragments are there");
                int before = steps.size();
                Outcome outcome = whole.body() instanceof PacketData.Ip wholeIp
                        ? whole(whole, wholeIp, confirm)
                        : Outcome.ACCEPTED;
                datagrams.put(key, new Verdict(outcome, answered, List.copyOf(steps.subList(before, steps.size()))));
                return outcome;
            }
            note("defragmentation", "a fragment of a datagram judged before");
            answered = known.answered();
            steps.addAll(known.steps());
            return known.outcome();
        }

        private Outcome whole(PacketData datagram, PacketData.Ip ip, boolean confirm) {
            Conntrack.Finding finding = conntrack.find(ip);
            step(
                    "conntrack",
                    packet.direction() == Direction.TO_VM && packet.path() == Path.HOST ? "OUTPUT" : "PREROUTING",
                    finding.state() + (finding.side() == null ? "" : " " + finding.side()),
                    true,
                    "",
                    "");
            RuleElement.Engine engine = ip.version() == 4 ? RuleElement.Engine.IPTABLES : RuleElement.Engine.IP6TABLES;
            Outcome outcome = hooks(engine, new Subject(datagram, finding, conntrack), bridged(ip));
            if (outcome == Outcome.ACCEPTED && confirm) {
                conntrack.confirm(finding);
            } else if (outcome == Outcome.ACCEPTED) {
                pending = finding;
            }
            return outcome;
        }

        private Outcome hooks(RuleElement.Engine engine, Subject subject, boolean portKnown) {
            boolean fromVM = packet.direction() == Direction.FROM_VM;
            if (packet.path() == Path.HOST) {
                if (!fromVM) {
                    note("OUTPUT", "libvirt puts no IP rule on what the host itself sends");
                    return Outcome.ACCEPTED;
                }
                if (isUsed(engine) && physdevIn(engine, "libvirt-host-in", "goto HI-" + NIC, portKnown)) {
                    Outcome outcome = packets(engine, "HI-" + NIC, subject);
                    if (outcome != null) {
                        return outcome;
                    }
                }
                return rest(engine, "INPUT", settings.input());
            }
            if (isUsed(engine)) {
                Outcome outcome = fromVM ? forwardIn(engine, subject, portKnown) : forwardOut(engine, subject);
                if (outcome != null) {
                    return outcome;
                }
            }
            return rest(engine, "FORWARD", settings.forward());
        }

        private boolean physdevIn(RuleElement.Engine engine, String chain, String target, boolean portKnown) {
            step(
                    engine.command(),
                    chain,
                    "-m physdev --physdev-in " + NIC,
                    portKnown,
                    portKnown ? "" : "no bridge port is known: bridge-nf-call is 0",
                    portKnown ? target : "");
            return portKnown;
        }

        private @Nullable Outcome forwardIn(RuleElement.Engine engine, Subject subject, boolean portKnown) {
            if (physdevIn(engine, "libvirt-in", "goto FI-" + NIC, portKnown)) {
                Outcome outcome = packets(engine, "FI-" + NIC, subject);
                if (outcome != null) {
                    return outcome;
                }
            }
            return physdevIn(engine, "libvirt-in-post", "ACCEPT", portKnown) ? Outcome.ACCEPTED : null;
        }

        private @Nullable Outcome forwardOut(RuleElement.Engine engine, Subject subject) {
            boolean bridged = packet.path() == Path.BRIDGED;
            step(
                    engine.command(),
                    "libvirt-out",
                    "-m physdev --physdev-is-bridged --physdev-out " + NIC,
                    bridged,
                    bridged ? "" : "routed: the port it will leave by is not known in FORWARD",
                    bridged ? "goto FO-" + NIC : "");
            return bridged ? packets(engine, "FO-" + NIC, subject) : null;
        }

        private Outcome rest(RuleElement.Engine engine, String hook, Outcome outcome) {
            String target = outcome == Outcome.ACCEPTED ? "ACCEPT" : "DROP";
            step(engine.command(), hook, "all that follows", true, "not libvirt's filter", target);
            return outcome;
        }

        /** What a chain decides; null if the packet comes out at its end. */
        private @Nullable Outcome packets(RuleElement.Engine engine, String chain, Subject subject) {
            for (Compiled rule : chainsOf(engine).getOrDefault(chain, List.of())) {
                if (met(rule, subject)) {
                    switch (rule.target()) {
                        case "ACCEPT" -> {
                            return Outcome.ACCEPTED;
                        }
                        case "DROP" -> {
                            return Outcome.DROPPED;
                        }
                        case "REJECT" -> {
                            answered = isAnswerable(subject.packet());
                            return Outcome.REJECTED;
                        }
                        default -> {
                            return null;
                        }
                    }
                }
            }
            return null;
        }

        private boolean isAnswerable(PacketData datagram) {
            if (datagram.destination().isGroup() || !(datagram.body() instanceof PacketData.Ip ip)) {
                return false;
            }
            boolean error = ip.transport() instanceof PacketData.Icmp icmp
                    && (ip.version() == 4 ? !ICMP_QUERIES.contains(icmp.type()) : icmp.type() < 128);
            return !error
                    && ip.fragment() == null
                    && !ip.destination().isGroup()
                    && !ip.source().isGroup()
                    && ip.source().value().signum() != 0;
        }
    }

    private enum Passage {
        ACCEPT,
        DROP,
        RETURN
    }
}
