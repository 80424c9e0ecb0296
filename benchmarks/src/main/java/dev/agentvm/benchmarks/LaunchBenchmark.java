package dev.agentvm.benchmarks;

import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.Resources;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import dev.agentvm.libvirt.internal.network.ManagedNetwork;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.NetworkPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;

/** A launch through the library against the same calls of libvirt without it. */
final class LaunchBenchmark {
    static final double BUDGET = 1.10;

    private static final String READY = "benchmark: network ready";
    /** Waits in the guest until a name resolves, which needs an address, and says so on its serial console. */
    private static final Command AWAIT_NETWORK = Command.shell("until server=$(sed -n 's/^nameserver //p;T;q'"
            + " /etc/resolv.conf 2>/dev/null) && [ -n \"$server\" ]"
            + " && probe dns \"$server\" www.example.com udp 500 >/dev/null; do sleep 0.02; done; echo '" + READY
            + "' >/dev/ttyS0");

    private final Hypervisor hypervisor;
    private final Libvirt libvirt;
    private final VMTemplate template = new VMTemplate.Builder()
            .name(Bench.NAME)
            .image(Bench.IMAGE)
            .bandwidth(BandwidthLimit.unlimited())
            .build();
    private final Random random = new Random();

    private final List<StepTimes> library = new ArrayList<>();
    private final List<StepTimes> direct = new ArrayList<>();
    private final List<Double> libraryTotals = new ArrayList<>();
    private final List<Double> directTotals = new ArrayList<>();
    private final List<Double> networkReady = new ArrayList<>();

    private LaunchBenchmark(Hypervisor hypervisor, Libvirt libvirt) {
        this.hypervisor = hypervisor;
        this.libvirt = libvirt;
    }

    static Section run(int pairs) throws InterruptedException {
        double load = Machine.load();
        try (Hypervisor hypervisor = Bench.hypervisor();
                Libvirt libvirt = Libvirt.open(LibvirtOptions.of("qemu:///system"))) {
            LaunchBenchmark benchmark = new LaunchBenchmark(hypervisor, libvirt);
            benchmark.warmUp();
            for (int pair = 0; pair < pairs; pair++) {
                benchmark.pair();
            }
            return benchmark.section(Machine.describe(libvirt.host()), load);
        }
    }

    /** One launch each, which also shows that it is the same domain and the same filter on both ways. */
    private void warmUp() throws InterruptedException {
        ManagedNetwork network = Bench.network(libvirt);
        String expected;
        try (VM vm = hypervisor.launch(template)) {
            expected = Sameness.of(libvirt, new DomainRef(vm.id(), vm.name()));
        }
        try (DirectVM vm = prepare(network)) {
            vm.launch(new StepTimes());
            Sameness.require(expected, Sameness.of(libvirt, vm.domain()));
        }
    }

    private DirectVM prepare(ManagedNetwork network) {
        return DirectVM.prepare(libvirt, network, Resources.standard(), NetworkPolicy.agentDefault());
    }

    private void pair() throws InterruptedException {
        if (random.nextBoolean()) {
            throughLibrary();
            directly();
        } else {
            directly();
            throughLibrary();
        }
    }

    private void throughLibrary() throws InterruptedException {
        StepTimes times = new StepTimes();
        LaunchOptions options = new LaunchOptions.Builder()
                .listener((step, sinceStart) -> times.done(step))
                .build();
        try (VM vm = hypervisor.launch(template, options)) {
            libraryTotals.add(times.elapsed());
            library.add(times);
            networkReady.add(awaitNetwork(vm, times));
        }
    }

    private void directly() throws InterruptedException {
        try (DirectVM vm = prepare(Bench.network(libvirt))) {
            StepTimes times = new StepTimes();
            vm.launch(times);
            directTotals.add(times.elapsed());
            direct.add(times);
        }
    }

    /** The guest's line arrives by itself in the serial log, so that looking for it costs no call. */
    private static double awaitNetwork(VM vm, StepTimes times) throws InterruptedException {
        CompletableFuture<ExecResult> command = CompletableFuture.supplyAsync(() -> vm.exec(AWAIT_NETWORK));
        while (!vm.serialLog().contains(READY)) {
            if (command.isDone() && !command.join().success()) {
                throw new IllegalStateException(
                        "the network did not get ready: " + command.join().stderrText());
            }
            Thread.sleep(2);
        }
        double ready = times.elapsed();
        command.join();
        return ready;
    }

    private Section section(String machine, double load) {
        List<Double> ratios = new ArrayList<>();
        for (int i = 0; i < libraryTotals.size(); i++) {
            ratios.add(libraryTotals.get(i) / directTotals.get(i));
        }
        Spread ratio = Spread.of(ratios);
        Table totals = new Table("launch until the guest agent answers", "median", "least", "most");
        totals.row(
                "through the library ÷ directly, of a pair",
                cell(ratio.median()),
                cell(ratio.min()),
                cell(ratio.max()));
        seconds(totals, "through the library, s", libraryTotals);
        seconds(totals, "directly, s", directTotals);
        seconds(totals, "through the library until a name resolves in the guest, s", networkReady);

        Table steps = new Table("median of each step, ms", "library", "directly");
        for (LaunchStep step : LaunchStep.values()) {
            steps.row(step.toString(), milliseconds(library, step), milliseconds(direct, step));
        }
        String text = "Measured on " + machine + ", guests run by " + Bench.accelerator() + ", " + ratios.size()
                + " pairs; load before the run " + Table.number(load, 1) + ".\n\n" + totals + "\n\n" + steps;
        List<String> exceeded = ratio.median() <= BUDGET
                ? List.of()
                : List.of("a launch through the library takes " + cell(ratio.median()) + " times as long as directly; "
                        + cell(BUDGET) + " is the budget");
        return new Section("launch", text, exceeded);
    }

    private static void seconds(Table table, String what, List<Double> values) {
        Spread spread = Spread.of(values);
        table.row(what, cell(spread.median()), cell(spread.min()), cell(spread.max()));
    }

    private static String milliseconds(List<StepTimes> launches, LaunchStep step) {
        List<Double> values = launches.stream()
                .map(StepTimes::seconds)
                .filter(times -> times.containsKey(step))
                .map(times -> 1000 * times.getOrDefault(step, 0.0))
                .toList();
        return values.isEmpty() ? "" : Table.number(Spread.of(values).median(), 1);
    }

    private static String cell(double value) {
        return Table.number(value, 2);
    }
}
