package dev.agentvm.benchmarks;

import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.testkit.FakeHypervisor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** What the testkit's fake costs the tests that use it. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
public class FakeBenchmark {
    /** The launches that one core must manage each second: a suite of thousands of tests shall not notice them. */
    private static final int LAUNCHES = 10_000;

    private static final String LAUNCH = "launchAndClose";

    private final FakeHypervisor hypervisor = FakeHypervisor.create();
    private final VMTemplate template = new VMTemplate.Builder().name("vm").build();
    private final Command command = Command.of("echo", "hello");

    /** Launches a VM and closes it. */
    @Benchmark
    public UUID launchAndClose() {
        try (VM vm = hypervisor.launch(template)) {
            return vm.id();
        }
    }

    /** The same with a command between. */
    @Benchmark
    public ExecResult launchExecAndClose() {
        try (VM vm = hypervisor.launch(template)) {
            return vm.exec(command);
        }
    }

    static Section run() throws RunnerException {
        List<RunResult> results = new Runner(new OptionsBuilder()
                        .include("^" + FakeBenchmark.class.getName().replace(".", "\\.") + "\\.")
                        .threads(1)
                        .forks(1)
                        .warmupIterations(10)
                        .warmupTime(TimeValue.seconds(1))
                        .measurementIterations(5)
                        .measurementTime(TimeValue.seconds(1))
                        .shouldFailOnError(true)
                        .verbosity(VerboseMode.SILENT)
                        .build())
                .run().stream()
                        .sorted(Comparator.comparing(
                                result -> result.getPrimaryResult().getLabel()))
                        .toList();
        Table table = new Table("fake VM, one thread", "per second", "± (99.9 %)");
        List<String> exceeded = new ArrayList<>();
        for (RunResult run : results) {
            Result<?> result = run.getPrimaryResult();
            table.row(result.getLabel(), Table.number(result.getScore(), 0), Table.number(result.getScoreError(), 0));
            if (result.getLabel().equals(LAUNCH) && result.getScore() < LAUNCHES) {
                exceeded.add("fake VMs: " + Table.number(result.getScore(), 0) + " launches per second, " + LAUNCHES
                        + " are needed");
            }
        }
        return new Section("fake", "Measured on " + Machine.describe() + ".\n\n" + table, exceeded);
    }
}
