package dev.agentvm.benchmarks;

import dev.agentvm.libvirt.internal.network.Attached;
import dev.agentvm.libvirt.internal.network.FilterCompiler;
import dev.agentvm.libvirt.internal.network.FilterPlan;
import dev.agentvm.libvirt.internal.network.FilterRenderer;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.Flow;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
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

/** What a policy costs in this JVM: to judge a flow, to compile, to write as XML. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class PolicyBenchmark {
    private final UUID vm = new UUID(1, 1);
    private final NetworkPolicy policy = NetworkPolicy.agentDefault();
    private final NetworkAttachment attachment = NetworkAttachment.example();
    private final Attached attached =
            new Attached(attachment, "agentvm0", Optional.of(MacAddress.of("52:54:c0:a8:65:01")), false);
    private final Flow flow = Flow.tcp("140.82.112.3", 443);
    private final FilterPlan plan = FilterCompiler.compile(policy, attached, policy.denied());

    /** Judges a flow that the last rule allows. */
    @Benchmark
    public Verdict evaluate() {
        return policy.evaluate(flow, attachment);
    }

    /** Makes rules of the default policy. */
    @Benchmark
    public FilterPlan compile() {
        return FilterCompiler.compile(policy, attached, policy.denied());
    }

    /** Writes those rules as libvirt's XML. */
    @Benchmark
    public String write() {
        return LibvirtXml.write(FilterRenderer.render(plan, vm, vm));
    }

    static Section run() throws RunnerException {
        List<RunResult> results = new Runner(new OptionsBuilder()
                        .include("^" + PolicyBenchmark.class.getName().replace(".", "\\.") + "\\.")
                        .forks(1)
                        .warmupIterations(5)
                        .warmupTime(TimeValue.seconds(1))
                        .measurementIterations(5)
                        .measurementTime(TimeValue.seconds(1))
                        .shouldFailOnError(true)
                        .verbosity(VerboseMode.SILENT)
                        .build())
                .run().stream()
                        .sorted(Comparator.comparingDouble(
                                result -> result.getPrimaryResult().getScore()))
                        .toList();
        Table table = new Table("default policy", "µs", "± (99.9 %)");
        for (RunResult run : results) {
            Result<?> result = run.getPrimaryResult();
            table.row(result.getLabel(), Table.number(result.getScore(), 2), Table.number(result.getScoreError(), 2));
        }
        return new Section("policy", "Measured on " + Machine.describe() + ".\n\n" + table, List.of());
    }
}
