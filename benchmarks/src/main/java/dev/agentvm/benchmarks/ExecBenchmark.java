package dev.agentvm.benchmarks;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.VMProcess;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a command costs beyond the calls that it cannot do without, and how soon a reader has its output. */
final class ExecBenchmark {
    static final double BUDGET = 1.3;
    static final double LATENCY_BUDGET_MILLIS = 50;

    private static final int COMMANDS_PER_PAIR = 10;
    private static final int BUSY = 8;
    private static final int CLOCK_READINGS = 20;
    private static final Command TRUE = Command.of("/bin/true");
    private static final String GUEST_EXEC =
            "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/true\",\"capture-output\":true}}";
    private static final Pattern PID = Pattern.compile("\"pid\": ?([0-9]+)");
    private static final Pattern EXITED = Pattern.compile("\"exited\": ?true");
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    /** Says what the guest's clock says; by the shell alone, so that a line costs the guest next to nothing. */
    private static final String TELL_TIME = "read -r up idle </proc/uptime; echo \"$up\"";

    private final Libvirt libvirt;
    private final VM vm;
    private final DomainRef domain;

    private ExecBenchmark(Libvirt libvirt, VM vm) {
        this.libvirt = libvirt;
        this.vm = vm;
        this.domain = new DomainRef(vm.id(), vm.name());
    }

    static Section run(int pairs) {
        double load = Machine.load();
        VMTemplate template =
                new VMTemplate.Builder().name(Bench.NAME).image(Bench.IMAGE).build();
        try (Hypervisor hypervisor = Bench.hypervisor();
                Libvirt libvirt = Libvirt.open(LibvirtOptions.of("qemu:///system"));
                VM vm = hypervisor.launch(template)) {
            ExecBenchmark benchmark = new ExecBenchmark(libvirt, vm);
            return benchmark.section(pairs, Machine.describe(libvirt.host()), load);
        }
    }

    private Section section(int pairs, String machine, double load) {
        List<Double> library = new ArrayList<>();
        List<Double> direct = new ArrayList<>();
        List<Double> ratios = new ArrayList<>();
        throughLibrary();
        directly();
        for (int pair = 0; pair < pairs; pair++) {
            double one = 0;
            double other = 0;
            for (int i = 0; i < COMMANDS_PER_PAIR; i++) {
                one += throughLibrary();
                other += directly();
            }
            library.add(one / COMMANDS_PER_PAIR);
            direct.add(other / COMMANDS_PER_PAIR);
            ratios.add(one / other);
        }
        Spread ratio = Spread.of(ratios);
        Table commands = new Table("a command that does nothing", "median", "least", "most");
        row(commands, "vm.exec ÷ directly, of a pair of " + COMMANDS_PER_PAIR + " each", ratio, 2);
        row(commands, "vm.exec, ms", Spread.of(library), 1);
        row(commands, "directly, ms", Spread.of(direct), 1);

        List<Double> latencies = latencies();
        Spread latency = Spread.of(latencies);
        Table lines = new Table("from output to reader, " + BUSY + " busy commands", "median", "least", "most");
        row(lines, "ms, of " + latencies.size() + " lines", latency, 0);

        List<String> exceeded = new ArrayList<>();
        if (ratio.median() > BUDGET) {
            exceeded.add("vm.exec takes " + Table.number(ratio.median(), 2) + " times as long as its calls directly; "
                    + Table.number(BUDGET, 2) + " is the budget");
        }
        if (latency.median() > LATENCY_BUDGET_MILLIS) {
            exceeded.add("half of the lines take " + Table.number(latency.median(), 0) + " ms to their reader; "
                    + Table.number(LATENCY_BUDGET_MILLIS, 0) + " is the budget");
        }
        String text = "Measured on " + machine + ", guests run by " + Bench.accelerator() + ", " + pairs
                + " pairs; load before the run " + Table.number(load, 1) + ".\n\n" + commands + "\n\n" + lines;
        return new Section("exec", text, exceeded);
    }

    private static void row(Table table, String what, Spread spread, int decimals) {
        table.row(
                what,
                Table.number(spread.median(), decimals),
                Table.number(spread.min(), decimals),
                Table.number(spread.max(), decimals));
    }

    /** Milliseconds. */
    private double throughLibrary() {
        long begin = System.nanoTime();
        if (!vm.exec(TRUE).success()) {
            throw new IllegalStateException("true failed in the guest");
        }
        return (System.nanoTime() - begin) / 1e6;
    }

    /** Milliseconds. */
    private double directly() {
        long begin = System.nanoTime();
        Matcher started = PID.matcher(libvirt.agents().command(domain, GUEST_EXEC, PATIENCE));
        if (!started.find()) {
            throw new IllegalStateException("the guest agent started nothing");
        }
        String status = "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":" + started.group(1) + "}}";
        while (!EXITED.matcher(libvirt.agents().command(domain, status, PATIENCE))
                .find()) {
            Thread.onSpinWait();
        }
        return (System.nanoTime() - begin) / 1e6;
    }

    /** Milliseconds at most: what the clock of the guest lags in telling its time counts as the library's. */
    private List<Double> latencies() {
        double zero = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < CLOCK_READINGS; i++) {
            double before = now();
            zero = Math.max(
                    zero, before - uptime(vm.exec(Command.shell(TELL_TIME)).stdoutText()));
        }
        double offset = zero;
        ExecutorService readers = Executors.newFixedThreadPool(BUSY);
        try {
            List<CompletableFuture<List<Double>>> all = new ArrayList<>();
            for (int i = 0; i < BUSY; i++) {
                all.add(CompletableFuture.supplyAsync(() -> read(offset), readers));
            }
            return all.stream().flatMap(one -> one.join().stream()).toList();
        } finally {
            readers.shutdown();
        }
    }

    private List<Double> read(double offset) {
        List<Double> latencies = new ArrayList<>();
        String script = "n=0; while [ $n -lt 40 ]; do n=$((n + 1)); " + TELL_TIME + "; sleep 0.2; done";
        try (VMProcess process = vm.start(Command.shell(script));
                BufferedReader lines = process.stdoutReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                latencies.add(1000 * (now() - offset - uptime(line)));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return latencies;
    }

    private static double now() {
        return System.nanoTime() / 1e9;
    }

    private static double uptime(String text) {
        return Double.parseDouble(text.strip());
    }
}
