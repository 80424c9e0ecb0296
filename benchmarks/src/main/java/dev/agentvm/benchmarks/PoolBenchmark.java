package dev.agentvm.benchmarks;

import dev.agentvm.VMTemplate;
import dev.agentvm.pool.VMLease;
import dev.agentvm.pool.VMPool;
import dev.agentvm.testkit.FakeHypervisor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;
import org.openjdk.jmh.util.Statistics;

/** What a pool adds to the work of its users when a VM stands ready, on a host that costs nothing. */
@State(Scope.Thread)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class PoolBenchmark {
    private static final double MEAN_MS = 1;
    private static final double P99_MS = 5;
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final FakeHypervisor hypervisor = FakeHypervisor.create();
    private final VMPool pool = new VMPool.Builder(
                    hypervisor, new VMTemplate.Builder().name("vm").build())
            .min(4)
            .max(8)
            .open();
    private @Nullable VMLease lease;

    /** A VM stands ready. */
    @Setup(Level.Invocation)
    public void warm() {
        while (pool.metrics().idle() == 0) {
            Thread.onSpinWait();
        }
    }

    /** Takes it. */
    @Benchmark
    public VMLease acquire() {
        lease = pool.acquire(PATIENCE);
        return lease;
    }

    /** Gives it back. */
    @TearDown(Level.Invocation)
    public void release() {
        Objects.requireNonNull(lease).close();
    }

    /** Ends the pool. */
    @TearDown
    public void close() {
        pool.close();
        hypervisor.close();
    }

    static Section run() throws RunnerException {
        Statistics times = new Runner(new OptionsBuilder()
                        .include("^" + PoolBenchmark.class.getName().replace(".", "\\.") + "\\.")
                        .threads(1)
                        .forks(1)
                        .warmupIterations(5)
                        .warmupTime(TimeValue.seconds(1))
                        .measurementIterations(5)
                        .measurementTime(TimeValue.seconds(1))
                        .shouldFailOnError(true)
                        .verbosity(VerboseMode.SILENT)
                        .build())
                .runSingle()
                .getPrimaryResult()
                .getStatistics();
        return section(
                "pool",
                "Measured on " + Machine.describe() + ".",
                new Quantiles(times.getMean(), times.getPercentile(50), times.getPercentile(99)));
    }

    /** What was measured of a pool, against what is allowed. */
    static Section section(String name, String measured, Quantiles ms) {
        Table table = new Table("acquire of a VM that stands ready", "ms")
                .row("mean", Table.number(ms.mean(), 3))
                .row("median", Table.number(ms.median(), 3))
                .row("99th percentile", Table.number(ms.p99(), 3));
        List<String> exceeded = new ArrayList<>();
        check(name, "on average", ms.mean(), MEAN_MS, exceeded);
        check(name, "at the 99th percentile", ms.p99(), P99_MS, exceeded);
        return new Section(name, measured + "\n\n" + table, exceeded);
    }

    private static void check(String name, String what, double ms, double most, List<String> exceeded) {
        if (ms > most) {
            exceeded.add(name + ": acquire takes " + Table.number(ms, 3) + " ms " + what + ", at most "
                    + Table.number(most, 0) + " are allowed");
        }
    }
}
