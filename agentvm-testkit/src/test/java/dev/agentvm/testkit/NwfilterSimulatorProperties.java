package dev.agentvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.testkit.Packet.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class NwfilterSimulatorProperties {
    private static Arbitrary<String> matches() {
        return Arbitraries.of(
                "<tcp dstportstart='443'/>",
                "<tcp srcportstart='22'/>",
                "<udp dstportstart='53' dstportend='60'/>",
                "<all/>",
                "<all dstipaddr='198.18.0.0' dstipmask='16'/>",
                "<icmp/>",
                "<icmp type='8'/>",
                "<tcp state='NEW'/>",
                "<mac protocolid='arp'/>",
                "<mac srcmacaddr='$MAC'/>",
                "<ip srcipaddr='$IP'/>",
                "<ip protocol='udp'/>",
                "<arp opcode='Request'/>",
                "<ipv6/>",
                "<all-ipv6/>");
    }

    private static Arbitrary<String> rules(int priority) {
        return Combinators.combine(
                        Arbitraries.of("accept", "drop", "reject", "return"),
                        Arbitraries.of("in", "out", "inout"),
                        matches())
                .as((action, direction, match) -> Filters.rule(action, direction, priority, match));
    }

    /** Rules of different priorities. */
    @Provide
    Arbitrary<List<String>> filters() {
        return Arbitraries.integers().between(1, 8).flatMap(n -> {
            List<Arbitrary<String>> rules = new ArrayList<>();
            for (int i = 0; i < n; i++) {
                rules.add(rules(100 * i - 400));
            }
            return Combinators.combine(rules).as(r -> r);
        });
    }

    @Provide
    Arbitrary<List<Packet>> packets() {
        return Combinators.combine(
                        Arbitraries.of(Path.class),
                        Arbitraries.of(true, false),
                        Arbitraries.of(22, 53, 443),
                        Arbitraries.integers().between(0, 4))
                .as((path, fromVM, port, kind) -> {
                    if (kind == 4) {
                        return Filters.NIC
                                .sends(path)
                                .broadcast()
                                .arpRequest(Filters.VM_IP, Filters.GATEWAY_IP)
                                .build();
                    }
                    if (kind == 3) {
                        return Filters.NIC
                                .sends(path)
                                .ipv6("fd00::10", "fd00::1")
                                .tcp(1, port)
                                .build();
                    }
                    Packet.Builder base = fromVM ? Filters.out(path) : Filters.in(path);
                    int source = fromVM ? 40000 : port;
                    int destination = fromVM ? port : 40000;
                    return (kind == 0
                                    ? base.tcp(source, destination, fromVM ? "SYN" : "SYN,ACK")
                                    : kind == 1 ? base.udp(source, destination) : base.icmp(fromVM ? 8 : 0, 0))
                            .build();
                })
                .list()
                .ofMinSize(1)
                .ofMaxSize(6);
    }

    private static List<Judgement> judge(List<String> rules, List<Packet> packets) {
        Simulation simulation = Filters.attach(rules.toArray(String[]::new));
        return packets.stream().map(simulation::judge).toList();
    }

    @Property(tries = 300)
    void judge_isDeterministic(@ForAll("filters") List<String> rules, @ForAll("packets") List<Packet> packets) {
        assertThat(judge(rules, packets)).isEqualTo(judge(rules, packets));
    }

    @Property(tries = 300)
    void uniquePriorities_makeTheOrderOfRulesIrrelevant(
            @ForAll("filters") List<String> rules, @ForAll("packets") List<Packet> packets, @ForAll Random random) {
        List<String> shuffled = new ArrayList<>(rules);
        Collections.shuffle(shuffled, random);

        assertThat(judge(shuffled, packets).stream().map(Judgement::outcome))
                .containsExactlyElementsOf(
                        judge(rules, packets).stream().map(Judgement::outcome).toList());
        assertThat(Filters.attach(shuffled.toArray(String[]::new)).notes()).isEmpty();
    }

    @Property(tries = 300)
    void splittingIntoReferencedRootFilters_changesNothing(
            @ForAll("filters") List<String> rules, @ForAll("packets") List<Packet> packets) {
        NwfilterSimulator.Builder builder = NwfilterSimulator.builder();
        List<String> references = new ArrayList<>();
        for (int i = 0; i < rules.size(); i++) {
            builder.filter(Filters.filter("part" + i, rules.get(i)));
            references.add(Filters.reference("part" + i));
        }
        Simulation tree = builder.filter(Filters.filter("f", references.toArray(String[]::new)))
                .build()
                .attach("f", Filters.NIC, Map.of());

        assertThat(packets.stream().map(p -> tree.judge(p).outcome()))
                .containsExactlyElementsOf(
                        judge(rules, packets).stream().map(Judgement::outcome).toList());
    }

    @Property(tries = 300)
    void outcome_isTheLastTarget(@ForAll("filters") List<String> rules, @ForAll("packets") List<Packet> packets) {
        for (Judgement judgement : judge(rules, packets)) {
            List<Judgement.Step> rulesMet = judgement.steps().stream()
                    .filter(s -> s.matched() && !s.target().isEmpty())
                    .toList();
            String last = rulesMet.isEmpty()
                    ? "ACCEPT"
                    : rulesMet.get(rulesMet.size() - 1).target();
            switch (judgement.outcome()) {
                case ACCEPTED -> assertThat(last).isIn("ACCEPT", "RETURN");
                case DROPPED -> assertThat(last).isEqualTo("DROP");
                case REJECTED -> assertThat(last).isEqualTo("REJECT");
            }
        }
    }

    @Property(tries = 200)
    void bridgeNetfilterOff_onlyFrameRulesRefuse(
            @ForAll("filters") List<String> rules, @ForAll("packets") List<Packet> packets) {
        Simulation simulation = NwfilterSimulator.builder()
                .filter(Filters.filter("f", rules.toArray(String[]::new)))
                .bridgeNetfilter(false)
                .build()
                .attach("f", Filters.NIC);
        for (Packet packet : packets) {
            Judgement judgement = simulation.judge(packet);
            assertThat(judgement.steps().stream()
                            .filter(s -> s.matched() && s.engine().matches("ip6?tables")))
                    .noneMatch(s -> s.target().equals("DROP") || s.target().equals("REJECT"));
        }
    }
}
