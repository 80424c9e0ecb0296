package dev.agentvm.benchmarks;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Runs benchmarks, in the lab: {@code lab/bench}. */
public final class Main {
    private Main() {}

    /** Ends with 1 if budgets are exceeded and are to be checked, with 2 if it was called wrongly. */
    public static void main(String[] arguments) throws Exception {
        Options options;
        try {
            options = Options.parse(List.of(arguments));
        } catch (IllegalArgumentException e) {
            System.err.println("lab/bench: " + e.getMessage() + "\n" + Options.USAGE);
            System.exit(2);
            return;
        }
        List<String> exceeded = new ArrayList<>();
        for (Options.Kind kind : options.kinds()) {
            for (Section section : run(kind, options.pairs())) {
                report(section, options);
                exceeded.addAll(section.exceeded());
            }
        }
        exceeded.forEach(budget -> System.err.println("lab/bench: " + budget));
        System.exit(options.check() && !exceeded.isEmpty() ? 1 : 0);
    }

    private static List<Section> run(Options.Kind kind, int pairs) throws Exception {
        return switch (kind) {
            case LAUNCH -> List.of(LaunchBenchmark.run(pairs));
            case RESET -> List.of(ResetBenchmark.run(pairs));
            case FILTER -> List.of(FilterBenchmark.run(pairs));
            case TRAFFIC -> List.of(TrafficBenchmark.run(pairs));
            case EXEC -> List.of(ExecBenchmark.run(pairs));
            case COPY -> List.of(CopyBenchmark.run(pairs));
            case POLICY -> List.of(PolicyBenchmark.run());
            case FAKE -> List.of(FakeBenchmark.run());
            case POOL -> List.of(PoolBenchmark.run(), WarmPoolBenchmark.run(pairs));
        };
    }

    private static void report(Section section, Options options) throws IOException {
        System.out.println("\n## " + section.name() + "\n\n" + section.text());
        if (options.document().isPresent()) {
            new Document(options.document().get()).write(section);
        }
    }
}
