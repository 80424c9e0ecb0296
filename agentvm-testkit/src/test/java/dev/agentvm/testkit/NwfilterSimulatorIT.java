package dev.agentvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.testkit.Judgement.Outcome;
import dev.agentvm.testkit.NwfilterCorpus.Case;
import dev.agentvm.testkit.NwfilterException.Kind;
import dev.agentvm.testkit.internal.nwfilter.PacketData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;

/**
 * The simulator against libvirt and the kernel: for each filter of the corpus libvirt binds it to a real tap device, and
 * each packet is put into the bridge from real taps, the uplink or the host itself. Both must say the same of every
 * packet, and refuse the same filters.
 */
@TestInstance(Lifecycle.PER_CLASS)
class NwfilterSimulatorIT {
    /** How many random filters: by default few and not all the written ones, so that every build can afford it. */
    private static final int GENERATED = Integer.getInteger("agentvm.nwfilter.generated", 4);

    private static final boolean ALL = Boolean.getBoolean("agentvm.nwfilter.all");

    /** A part of the name of the cases to run. */
    private static final String ONLY = System.getProperty("agentvm.nwfilter.only", "");

    private final List<List<Packet>> packets = NwfilterCorpus.packets();
    private @Nullable Wire wire;
    private int compared;
    private int arriving;
    private int lastNumber;

    @TempDir
    Path directory = Path.of("/nonexistent");

    @BeforeAll
    void open() {
        String bridge = " dev " + Wire.BRIDGE;
        String uplink = " dev " + Wire.UPLINK_TAP;
        List<String> setup = new ArrayList<>(List.of(
                "ip addr add 10.1.0.1/24" + bridge,
                "ip -6 addr add fd00::1/64 nodad" + bridge,
                "ip addr add 93.184.216.1/24" + uplink,
                "ip route add 198.18.0.0/15 via 93.184.216.9" + uplink,
                "ip -6 addr add 2001:db8::1/64 nodad" + uplink));
        for (int host = 2; host < 30; host++) {
            String mac = host == 20 ? Wire.PEER_MAC : Filters.VM_MAC;
            setup.add("ip neigh add 10.1.0." + host + " lladdr " + mac + bridge);
        }
        setup.add("ip neigh add fd00::10 lladdr " + Filters.VM_MAC + bridge);
        setup.add("ip neigh add fd00::11 lladdr " + Filters.VM_MAC + bridge);
        setup.add("ip neigh add fd00::20 lladdr " + Wire.PEER_MAC + bridge);
        for (String router : List.of("93.184.216.9", "93.184.216.8", "2001:db8::9")) {
            setup.add("ip neigh add " + router + " lladdr " + Wire.ROUTER_MAC + uplink);
        }
        wire = new Wire(List.of("10.1.0.1", "93.184.216.1", "fd00::1", "2001:db8::1"), setup.toArray(String[]::new));
    }

    @AfterAll
    void close() {
        if (wire != null) {
            wire.close();
        }
        System.out.printf("%d packets compared, %d of them accepted%n", compared, arriving);
    }

    @TestFactory
    Stream<DynamicTest> simulator_agreesWithTheKernel() {
        List<Case> cases = NwfilterCorpus.cases(ALL, GENERATED);
        assertThat(cases).hasSizeGreaterThanOrEqualTo(60);
        return cases.stream()
                .filter(c -> c.name().contains(ONLY))
                .map(c -> DynamicTest.dynamicTest(c.name(), () -> compare(c)));
    }

    /** Without a filter each packet arrives: else that a filter stops it would prove nothing. */
    @TestFactory
    Stream<DynamicTest> everyPacket_withoutAFilter_arrives() {
        return Stream.of(true, false)
                .map(on -> DynamicTest.dynamicTest("no filter, bridge netfilter " + on, () -> {
                    Wire.bridgeNetfilter(on);
                    Wire.forget();
                    Map<Integer, List<Packet>> numbered = numbered();
                    Map<Integer, Wire.Seen> seen = wire().send(numbered);
                    List<String> lost = new ArrayList<>();
                    numbered.forEach((number, frames) -> {
                        Wire.Seen all = new Wire.Seen(isToHost(frames.get(0)) ? Set.of(0) : offsets(frames), false);
                        if (!all.equals(seen.get(number))) {
                            lost.add(seen.get(number) + ": " + frames.get(0));
                        }
                    });
                    assertThat(lost).isEmpty();
                }));
    }

    private Wire wire() {
        if (wire == null) {
            throw new IllegalStateException("not open");
        }
        return wire;
    }

    /** Numbers come again late enough for the kernel to have given up waiting for fragments that were dropped. */
    private Map<Integer, List<Packet>> numbered() {
        Map<Integer, List<Packet>> numbered = new LinkedHashMap<>();
        for (List<Packet> frames : packets) {
            lastNumber = lastNumber % 0xffff + 1;
            int number = lastNumber;
            numbered.put(
                    number, frames.stream().map(f -> Wire.number(f, number)).toList());
        }
        return numbered;
    }

    private void compare(Case filter) throws IOException {
        Simulation simulation = null;
        Kind simulated = null;
        try {
            simulation = simulate(filter);
        } catch (NwfilterException e) {
            assertThat(e.kind()).as("%s", e.getMessage()).isNotEqualTo(Kind.NOT_MODELLED);
            simulated = e.kind();
        }
        List<String> defined = new ArrayList<>();
        try {
            assertThat(apply(filter, defined)).as("how libvirt refuses it").isEqualTo(simulated);
            if (simulation != null) {
                comparePackets(filter, simulation);
            }
        } finally {
            virsh("nwfilter-binding-delete " + Wire.VM_TAP);
            Collections.reverse(defined);
            for (String name : defined) {
                virsh("nwfilter-undefine " + name);
            }
        }
    }

    private static Simulation simulate(Case filter) {
        NwfilterSimulator.Builder builder = NwfilterSimulator.builder()
                .bridgeNetfilter(filter.bridgeNetfilter())
                .connectionTracking(false);
        if (filter.stock()) {
            StockFiltersTest.files().values().forEach(builder::filter);
        }
        filter.filters().forEach(builder::filter);
        return builder.build().attach(filter.main(), Filters.NIC, filter.parameters());
    }

    private @Nullable Kind apply(Case filter, List<String> defined) throws IOException {
        for (String xml : filter.filters()) {
            Path file = Files.writeString(directory.resolve("filter.xml"), xml);
            if (!virsh("nwfilter-define " + file)) {
                return Kind.DEFINE_REFUSED;
            }
            defined.add(xml.replaceAll("(?s).*?<filter name=['\"]([^'\"]*).*", "$1"));
        }
        Map<String, List<String>> variables = new LinkedHashMap<>(filter.parameters());
        variables.putIfAbsent("IP", List.of(Filters.VM_IP));
        StringBuilder parameters = new StringBuilder();
        variables.forEach((name, values) ->
                values.forEach(value -> parameters.append("<parameter name='" + name + "' value='" + value + "'/>")));
        Path binding = Files.writeString(
                directory.resolve("binding.xml"),
                "<filterbinding><owner><name>simulator-it</name><uuid>6f0e5c5e-5c5e-4000-8000-000000000001</uuid></owner>"
                        + "<portdev name='" + Wire.VM_TAP + "'/><mac address='" + Filters.VM_MAC + "'/>"
                        + "<filterref filter='" + filter.main() + "'>" + parameters + "</filterref></filterbinding>");
        return virsh("nwfilter-binding-create " + binding) ? null : Kind.START_REFUSED;
    }

    private static boolean virsh(String command) {
        List<String> words = new ArrayList<>(List.of("virsh", "-q", "-c", "qemu:///system"));
        words.addAll(List.of(command.split(" ", -1)));
        return !Wire.run(words, 1).contains("error:");
    }

    private void comparePackets(Case filter, Simulation simulation) {
        Wire.bridgeNetfilter(filter.bridgeNetfilter());
        Wire.forget();
        Map<Integer, List<Packet>> numbered = numbered();
        Map<Integer, Wire.Seen> real = wire().send(numbered);
        List<String> disagreements = new ArrayList<>();
        numbered.forEach((number, frames) -> {
            List<Judgement> judgements = frames.stream().map(simulation::judge).toList();
            Wire.Seen expected = together(frames, judgements);
            compared++;
            arriving += expected.offsets().isEmpty() ? 0 : 1;
            Wire.Seen seen = real.get(number);
            // What was put together leaves the host whole, or cut as it came.
            if (seen != null && isJoined(judgements) && seen.offsets().equals(offsets(frames))) {
                seen = new Wire.Seen(Set.of(0), seen.rejected());
            }
            if (!expected.equals(seen)) {
                disagreements.add("packet " + number + ": the kernel says " + seen + ", not " + expected + "\n"
                        + judgements.get(0).explanation());
            }
        });
        assertThat(disagreements).as("%s", simulation.commands()).isEmpty();
    }

    /** What is to be seen: a datagram that is put together arrives whole or not at all. */
    private static Wire.Seen together(List<Packet> frames, List<Judgement> judgements) {
        boolean joined = isJoined(judgements);
        boolean complete = judgements.stream().noneMatch(j -> j.outcome() == Outcome.DROPPED);
        boolean rejected = judgements.stream().anyMatch(Judgement::answered) && (!joined || complete);
        Set<Integer> offsets = new HashSet<>();
        List<Integer> all = List.copyOf(new TreeSet<>(offsets(frames)));
        for (int i = 0; i < frames.size(); i++) {
            if (judgements.get(i).accepted()) {
                offsets.add(all.get(i));
            }
        }
        if (joined && offsets.size() < frames.size()) {
            offsets.clear();
        } else if (joined) {
            offsets.retainAll(Set.of(0));
        }
        return new Wire.Seen(offsets, rejected);
    }

    private static boolean isJoined(List<Judgement> judgements) {
        return judgements.stream().anyMatch(j -> j.explanation().contains("when all its fragments are there"));
    }

    private static boolean isToHost(Packet packet) {
        return packet.path() == Packet.Path.HOST && packet.direction() == Packet.Direction.FROM_VM;
    }

    private static Set<Integer> offsets(List<Packet> frames) {
        return frames.stream()
                .map(f -> f.data().body() instanceof PacketData.Ip ip && ip.fragment() != null
                        ? ip.fragment().offset()
                        : 0)
                .collect(Collectors.toSet());
    }
}
