package dev.agentvm.benchmarks;

import static java.util.Objects.requireNonNull;

import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.NetworkPolicy;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.regex.Pattern;

/**
 * What filters and the observer cost each packet: the same transfer and the same pings from one VM whose filter is
 * changed in turns, and from another that nobody watches. Two VMs differ by more than filters cost.
 */
final class TrafficBenchmark {
    private static final String SERVER = "151.101.1.6";
    private static final int MEBIBYTES = 256;
    private static final int PINGS = 3000;
    private static final Pattern PING_TIME = Pattern.compile("time=([0-9.]+) ms");

    /** What is compared. */
    private enum Variant {
        NONE("no filter", DenyAction.DROP),
        DROP("default policy, DROP", DenyAction.DROP),
        REJECT("default policy, REJECT", DenyAction.REJECT),
        UNWATCHED("default policy, REJECT, not watched", DenyAction.REJECT);

        private final String text;
        private final DenyAction denied;

        Variant(String text, DenyAction denied) {
            this.text = text;
            this.denied = denied;
        }

        NetworkPolicy policy() {
            return NetworkPolicy.agentDefault().toBuilder().denied(denied).build();
        }
    }

    /**
     * What one VM saw in one round.
     *
     * @param roundTrip the median of its pings, in milliseconds
     * @param throughput in MiB/s
     */
    private record Seen(double roundTrip, double throughput) {}

    private final VM watched;
    private final VM unwatched;
    private final Binding binding;
    private final List<Map<Variant, Seen>> rounds = new ArrayList<>();

    private TrafficBenchmark(VM watched, VM unwatched, Binding binding) {
        this.watched = watched;
        this.unwatched = unwatched;
        this.binding = binding;
    }

    /** What ties a filter to the watched VM. The library itself never takes it off. */
    private record Binding(String tap, String xml) {
        static Binding of(Libvirt libvirt, VM vm) throws IOException, InterruptedException {
            DomainXml domain =
                    LibvirtXml.read(libvirt.domains().xml(new DomainRef(vm.id(), vm.name())), DomainXml.class);
            String tap = requireNonNull(requireNonNull(domain.devices.interfaces.get(0).target).dev);
            return new Binding(tap, virsh("", "nwfilter-binding-dumpxml", tap));
        }

        void put() throws IOException, InterruptedException {
            String unused = virsh(xml, "nwfilter-binding-create", "/dev/stdin");
        }

        void take() throws IOException, InterruptedException {
            String unused = virsh("", "nwfilter-binding-delete", tap);
        }

        private static String virsh(String input, String... words) throws IOException, InterruptedException {
            List<String> command = new ArrayList<>(List.of("virsh", "-c", "qemu:///system", "-q"));
            command.addAll(List.of(words));
            Process virsh = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            try (OutputStream toVirsh = virsh.getOutputStream()) {
                toVirsh.write(input.getBytes(StandardCharsets.UTF_8));
            }
            String output = new String(virsh.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (virsh.waitFor() != 0) {
                throw new IllegalStateException(command + " failed");
            }
            return output;
        }
    }

    static Section run(int rounds) throws IOException, InterruptedException {
        double load = Machine.load();
        try (Hypervisor hypervisor = Bench.hypervisor();
                Libvirt libvirt = Libvirt.open(LibvirtOptions.of("qemu:///system"))) {
            try {
                return measure(hypervisor, libvirt, rounds, load);
            } finally {
                hypervisor.find(name(Variant.UNWATCHED)).ifPresent(VM::destroy);
            }
        }
    }

    private static Section measure(Hypervisor hypervisor, Libvirt libvirt, int rounds, double load)
            throws IOException, InterruptedException {
        VM watched = launch(hypervisor, Variant.REJECT, LaunchOptions.standard());
        TrafficBenchmark benchmark =
                new TrafficBenchmark(watched, launchUnwatched(hypervisor), Binding.of(libvirt, watched));
        benchmark.round();
        benchmark.rounds.clear();
        for (int round = 0; round < rounds; round++) {
            benchmark.round();
        }
        return benchmark.section(Machine.describe(libvirt.host()), load);
    }

    /** Who launched it has gone, and no other program reads its tap. */
    private static VM launchUnwatched(Hypervisor hypervisor) {
        try (Hypervisor leaving = Bench.hypervisor()) {
            launch(leaving, Variant.UNWATCHED, LaunchOptions.standard().withDetached(true));
        }
        VM vm = hypervisor.find(name(Variant.UNWATCHED)).orElseThrow();
        ExecResult denied = vm.exec(Command.of("probe", "tcp", SERVER, "8080", "5000"));
        if (denied.success() || vm.connectionLog().limitation().isEmpty()) {
            throw new IllegalStateException("the VM is not filtered, or is watched: " + denied.stdoutText());
        }
        return vm;
    }

    private static String name(Variant variant) {
        return Bench.NAME + "-" + variant;
    }

    private static VM launch(Hypervisor hypervisor, Variant variant, LaunchOptions options) {
        VMTemplate template = new VMTemplate.Builder()
                .name(name(variant))
                .image(Bench.IMAGE)
                .bandwidth(BandwidthLimit.unlimited())
                .networkPolicy(variant.policy())
                .build();
        VM vm = hypervisor.launch(template, options);
        run(vm, "until ip route | grep -q ^default; do sleep 0.05; done");
        return vm;
    }

    private void round() throws IOException, InterruptedException {
        Map<Variant, Seen> round = new EnumMap<>(Variant.class);
        List<Variant> order = new ArrayList<>(Arrays.asList(Variant.values()));
        Collections.shuffle(order);
        for (Variant variant : order) {
            if (variant == Variant.UNWATCHED) {
                round.put(variant, seen(unwatched));
            } else if (variant == Variant.NONE) {
                binding.take();
                check(true);
                round.put(variant, seen(watched));
                binding.put();
            } else {
                watched.setNetworkPolicy(variant.policy());
                check(false);
                round.put(variant, seen(watched));
            }
        }
        rounds.add(round);
    }

    private void check(boolean open) {
        ExecResult denied = watched.exec(Command.of("probe", "tcp", SERVER, "8080", "700"));
        if (denied.success() != open) {
            throw new IllegalStateException("the watched VM's filter is another: " + denied.stdoutText());
        }
    }

    private static Seen seen(VM vm) {
        return new Seen(roundTrip(vm), throughput(vm));
    }

    private static double roundTrip(VM vm) {
        String output = run(vm, "ping -A -c " + PINGS + " " + SERVER).stdoutText();
        List<Double> times = PING_TIME
                .matcher(output)
                .results()
                .map(match -> Double.valueOf(match.group(1)))
                .toList();
        return Spread.of(times).median();
    }

    private static double throughput(VM vm) {
        long start = System.nanoTime();
        run(vm, "wget -q -O /dev/null http://" + SERVER + "/bytes/" + (MEBIBYTES << 20));
        return MEBIBYTES / ((System.nanoTime() - start) / 1e9);
    }

    private static ExecResult run(VM vm, String script) {
        ExecResult result = vm.exec(Command.shell(script).withTimeout(Duration.ofMinutes(2)));
        if (!result.success()) {
            throw new IllegalStateException("'" + script + "' in " + vm.name() + ": " + result.stderrText());
        }
        return result;
    }

    private Section section(String machine, double load) {
        Table table = new Table(
                "filter",
                "round trip, ms",
                "added, µs",
                "least",
                "most",
                "throughput, MiB/s",
                "of no filter",
                "least",
                "most");
        for (Variant variant : Variant.values()) {
            Spread added = added(variant);
            Spread rates = ratio(variant, Variant.NONE, Seen::throughput);
            table.row(
                    variant.text,
                    number(median(variant, Seen::roundTrip), 3),
                    number(added.median(), 0),
                    number(added.min(), 0),
                    number(added.max(), 0),
                    number(median(variant, Seen::throughput), 1),
                    number(rates.median(), 2),
                    number(rates.min(), 2),
                    number(rates.max(), 2));
        }
        Table observer = new Table("watched ÷ not watched, of a round", "median", "least", "most");
        observed(observer, "round trip", Seen::roundTrip);
        observed(observer, "throughput", Seen::throughput);
        String text = "Measured on " + machine + ", guests run by " + Bench.accelerator() + ", " + rounds.size()
                + " rounds of " + PINGS + " pings and " + MEBIBYTES + " MiB by HTTP; load before the run "
                + number(load, 1) + ".\n\n" + table + "\n\n" + observer;
        return new Section("traffic", text, List.of());
    }

    private void observed(Table table, String what, ToDoubleFunction<Seen> value) {
        Spread ratio = ratio(Variant.REJECT, Variant.UNWATCHED, value);
        table.row(what, number(ratio.median(), 2), number(ratio.min(), 2), number(ratio.max(), 2));
    }

    private double median(Variant variant, ToDoubleFunction<Seen> value) {
        return Spread.of(rounds.stream()
                        .map(round -> value(round, variant, value))
                        .toList())
                .median();
    }

    /** To the round trip of a round, in microseconds. */
    private Spread added(Variant variant) {
        return Spread.of(rounds.stream()
                .map(round ->
                        1000 * (value(round, variant, Seen::roundTrip) - value(round, Variant.NONE, Seen::roundTrip)))
                .toList());
    }

    private Spread ratio(Variant variant, Variant reference, ToDoubleFunction<Seen> value) {
        return Spread.of(rounds.stream()
                .map(round -> value(round, variant, value) / value(round, reference, value))
                .toList());
    }

    private static double value(Map<Variant, Seen> round, Variant variant, ToDoubleFunction<Seen> value) {
        return value.applyAsDouble(requireNonNull(round.get(variant)));
    }

    private static String number(double value, int decimals) {
        return Table.number(value, decimals);
    }
}
