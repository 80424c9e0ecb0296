package dev.agentvm.benchmarks;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.NamedImage;
import dev.agentvm.VM;
import dev.agentvm.VMProcess;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a command costs beyond the calls that it cannot do without, and how soon a reader has its output. */
final class ExecBenchmark {
    static final double BUDGET = 1.3;
    static final double LATENCY_BUDGET_MILLIS = 50;

    private static final int COMMANDS_PER_PAIR = 10;
    private static final int PAUSE_MILLIS = 700;
    private static final int BUSY = 8;
    private static final int CLOCK_READINGS = 20;
    private static final Command TRUE = Command.of("/bin/true");
    private static final String GUEST_EXEC =
            "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/true\",\"capture-output\":true}}";
    private static final Pattern PID = Pattern.compile("\"pid\": ?([0-9]+)");
    private static final Pattern EXITED = Pattern.compile("\"exited\": ?true");
    private static final Pattern NUMBER = Pattern.compile("\"return\": ?([0-9]+)");
    private static final Pattern BYTES = Pattern.compile("\"buf-b64\": ?\"([^\"]+)\"");
    private static final Pattern RETURN = Pattern.compile("(\"return\")");
    /** In seconds. */
    private static final double UPTIME_STEP = 0.01;

    private static final Duration PATIENCE = Duration.ofSeconds(30);
    /** Says what the guest's clock says; by the shell alone, so that a line costs the guest next to nothing. */
    private static final String TELL_TIME = "read -r up idle </proc/uptime; echo \"$up\"";
    /** A shell that waits by itself; dash cannot. */
    private static final String ONE_PROGRAM =
            "mkfifo /tmp/$$; exec 3<>/tmp/$$; n=0; while [ $n -lt 40 ]; do n=$((n + 1)); " + TELL_TIME
                    + "; read -r -t 0.2 nothing <&3; done";

    private static final String PROGRAM_FOR_EACH =
            "n=0; while [ $n -lt 40 ]; do n=$((n + 1)); " + TELL_TIME + "; sleep 0.2; done";

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
        Table commands = new Table("a command that does nothing", "guest", "median", "least", "most");
        Table lines =
                new Table("from output to reader, " + BUSY + " busy commands", "guest", "median", "least", "most");
        List<String> exceeded = new ArrayList<>();
        try (Hypervisor hypervisor = Bench.hypervisor();
                Libvirt libvirt = Libvirt.open(LibvirtOptions.of("qemu:///system"))) {
            for (NamedImage image : Bench.IMAGES) {
                try (VM vm = hypervisor.launch(Bench.template(image))) {
                    ExecBenchmark benchmark = new ExecBenchmark(libvirt, vm);
                    benchmark.commands(image.name(), pairs, commands, exceeded);
                    benchmark.lines(image.name(), lines, exceeded);
                }
            }
            String text = "Measured on " + Machine.describe(libvirt.host()) + ", guests run by " + Bench.accelerator()
                    + ", " + pairs + " pairs; load before the run " + Table.number(load, 1) + ".\n\n" + commands
                    + "\n\n" + lines;
            return new Section("exec", text, exceeded);
        }
    }

    private void commands(String guest, int pairs, Table table, List<String> exceeded) {
        throughLibrary();
        directly();
        double ratio = commands("alone", guest, pairs, this::alone, table);
        if (ratio > BUDGET) {
            exceeded.add("vm.exec of the guest " + guest + " takes " + Table.number(ratio, 2)
                    + " times as long as its calls directly; " + Table.number(BUDGET, 2) + " is the budget");
        }
        double unused = commands("in a row", guest, pairs, this::inARow, table);
    }

    /** The median ratio of pairs of the library's way and the direct one. */
    private double commands(
            String how, String guest, int pairs, Function<Supplier<Double>, Double> average, Table table) {
        List<Double> library = new ArrayList<>();
        List<Double> direct = new ArrayList<>();
        List<Double> ratios = new ArrayList<>();
        for (int pair = 0; pair < pairs; pair++) {
            double one = average.apply(this::throughLibrary);
            double other = average.apply(this::directly);
            library.add(one);
            direct.add(other);
            ratios.add(one / other);
        }
        Spread ratio = Spread.of(ratios);
        row(table, how + ": vm.exec ÷ directly, of a pair of " + COMMANDS_PER_PAIR + " each", guest, ratio, 2);
        row(table, how + ": vm.exec, ms", guest, Spread.of(library), 1);
        row(table, how + ": directly, ms", guest, Spread.of(direct), 1);
        return ratio.median();
    }

    /** Each after a pause, as they come from an agent that thinks between two. */
    private double alone(Supplier<Double> command) {
        double sum = 0;
        for (int i = 0; i < COMMANDS_PER_PAIR; i++) {
            pause();
            sum += command.get();
        }
        return sum / COMMANDS_PER_PAIR;
    }

    /** Each right after the one before, and all after a pause. */
    private double inARow(Supplier<Double> command) {
        pause();
        double sum = 0;
        for (int i = 0; i < COMMANDS_PER_PAIR; i++) {
            sum += command.get();
        }
        return sum / COMMANDS_PER_PAIR;
    }

    private static void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private void lines(String guest, Table table, List<String> exceeded) {
        String shell = vm.exec(Command.shell("command -v bash || command -v sh"))
                .stdoutText()
                .strip();
        lines("of one program each", guest, Command.of(shell, "-c", ONE_PROGRAM), table, exceeded);
        lines("with a program begun for each line", guest, Command.shell(PROGRAM_FOR_EACH), table, exceeded);
    }

    private void lines(String how, String guest, Command busy, Table table, List<String> exceeded) {
        List<Double> latencies = latencies(busy);
        Spread latency = Spread.of(latencies);
        row(table, how + ": ms, of " + latencies.size() + " lines", guest, latency, 0);
        if (latency.median() > LATENCY_BUDGET_MILLIS) {
            exceeded.add("half of the lines of the guest " + guest + ", " + how + ", take "
                    + Table.number(latency.median(), 0) + " ms to their reader; "
                    + Table.number(LATENCY_BUDGET_MILLIS, 0) + " is the budget");
        }
    }

    private static void row(Table table, String what, String guest, Spread spread, int decimals) {
        table.row(
                what,
                guest,
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
    private List<Double> latencies(Command busy) {
        double zero = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < CLOCK_READINGS; i++) {
            zero = Math.max(zero, clockDifference());
        }
        double offset = zero - UPTIME_STEP;
        ExecutorService readers = Executors.newFixedThreadPool(BUSY);
        try {
            List<CompletableFuture<List<Double>>> all = new ArrayList<>();
            for (int i = 0; i < BUSY; i++) {
                all.add(CompletableFuture.supplyAsync(() -> read(busy, offset), readers));
            }
            return all.stream().flatMap(one -> one.join().stream()).toList();
        } finally {
            readers.shutdown();
        }
    }

    /** What the host's clock is ahead of the guest's at least, in seconds: the guest's is read after the host's. */
    private double clockDifference() {
        String handle = agent("guest-file-open", "\"path\":\"/proc/uptime\"", NUMBER);
        double before = now();
        String bytes = agent("guest-file-read", "\"handle\":" + handle, BYTES);
        String unused = agent("guest-file-close", "\"handle\":" + handle, RETURN);
        return before - uptime(new String(Base64.getDecoder().decode(bytes), StandardCharsets.US_ASCII).split(" ")[0]);
    }

    private String agent(String name, String arguments, Pattern result) {
        String reply = libvirt.agents()
                .command(domain, "{\"execute\":\"" + name + "\",\"arguments\":{" + arguments + "}}", PATIENCE);
        Matcher matcher = result.matcher(reply);
        if (!matcher.find()) {
            throw new IllegalStateException("the guest agent answered " + name + " with " + reply);
        }
        return matcher.group(1);
    }

    private List<Double> read(Command busy, double offset) {
        List<Double> latencies = new ArrayList<>();
        try (VMProcess process = vm.start(busy);
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
