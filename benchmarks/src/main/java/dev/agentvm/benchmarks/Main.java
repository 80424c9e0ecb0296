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
            Section section = run(kind, options.pairs());
            report(section, options);
            exceeded.addAll(section.exceeded());
        }
        exceeded.forEach(budget -> System.err.println("lab/bench: " + budget));
        System.exit(options.check() && !exceeded.isEmpty() ? 1 : 0);
    }

    private static Section run(Options.Kind kind, int pairs) throws Exception {
        return switch (kind) {
            case LAUNCH -> LaunchBenchmark.run(pairs);
            case RESET -> ResetBenchmark.run(pairs);
            case FILTER -> FilterBenchmark.run(pairs);
            case TRAFFIC -> TrafficBenchmark.run(pairs);
            case EXEC -> ExecBenchmark.run(pairs);
            case COPY -> CopyBenchmark.run(pairs);
            case POLICY -> PolicyBenchmark.run();
            case FAKE -> FakeBenchmark.run();
            case POOL -> PoolBenchmark.run();
        };
    }

    private static void report(Section section, Options options) throws IOException {
        System.out.println("\n## " + section.name() + "\n\n" + section.text());
        if (options.document().isPresent()) {
            new Document(options.document().get()).write(section);
        }
    }
}
