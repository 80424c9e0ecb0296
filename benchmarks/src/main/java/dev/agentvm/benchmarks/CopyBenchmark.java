package dev.agentvm.benchmarks;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.NamedImage;
import dev.agentvm.VM;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/** How much of a port's throughput a copy has, and how much more than the agent's own file calls. */
final class CopyBenchmark {
    static final double BUDGET = 0.8;

    private static final int MIB = 1024 * 1024;
    private static final int SIZE = 256 * MIB;
    private static final int AGENT_SIZE = 4 * MIB;
    private static final String RAW = "/tmp/raw-out";
    private static final String RAW_IN = "/tmp/raw-in";
    private static final String TREE = "/tmp/tree";

    private final VM vm;
    private final RawPort raw;
    private final AgentFiles agent;
    private final Path directory;
    private final byte[] content;

    private CopyBenchmark(Libvirt libvirt, VM vm, Path directory) {
        this.vm = vm;
        DomainRef domain = new DomainRef(vm.id(), vm.name());
        this.raw = new RawPort(libvirt, domain);
        this.agent = new AgentFiles(libvirt, domain);
        this.directory = directory;
        this.content = new byte[SIZE];
        new Random(1).nextBytes(content);
    }

    static Section run(int rounds) throws IOException {
        double load = Machine.load();
        Table table = new Table("a copy of " + SIZE / MIB + " MiB", "guest", "median", "least", "most");
        List<String> exceeded = new ArrayList<>();
        try (Hypervisor hypervisor = Bench.hypervisor();
                Libvirt libvirt = Libvirt.open(LibvirtOptions.of("qemu:///system"))) {
            for (NamedImage image : Bench.IMAGES) {
                Path directory = Files.createTempDirectory("agentvm-bench");
                try (VM vm = hypervisor.launch(Bench.template(image))) {
                    new CopyBenchmark(libvirt, vm, directory).measure(image.name(), rounds, table, exceeded);
                } finally {
                    delete(directory);
                }
            }
            String text = "Measured on " + Machine.describe(libvirt.host()) + ", guests run by " + Bench.accelerator()
                    + ", " + rounds + " rounds; load before the run " + Table.number(load, 1) + ".\n\n" + table;
            return new Section("copy", text, exceeded);
        }
    }

    /** One direction: MiB/s three ways, in each round. */
    private static final class Figures {
        final List<Double> library = new ArrayList<>();
        final List<Double> raw = new ArrayList<>();
        final List<Double> agent = new ArrayList<>();

        Spread ofRaw() {
            return ratio(raw);
        }

        Spread ofAgent() {
            return ratio(agent);
        }

        private Spread ratio(List<Double> other) {
            List<Double> ratios = new ArrayList<>();
            for (int i = 0; i < library.size(); i++) {
                ratios.add(library.get(i) / other.get(i));
            }
            return Spread.of(ratios);
        }
    }

    private void measure(String guest, int rounds, Table table, List<String> exceeded) throws IOException {
        Files.createDirectory(directory.resolve("in"));
        Files.write(directory.resolve("in/file"), content);
        vm.files().copyIn(directory.resolve("in"), "/tmp/warm");
        if (!vm.exec(Command.of("mv", "/tmp/warm/file", RAW)).success()) {
            throw new IllegalStateException("the guest has no file to send");
        }
        Figures in = new Figures();
        Figures out = new Figures();
        for (int round = 0; round < rounds; round++) {
            // In turns, each first as often as the other.
            if (round % 2 == 0) {
                in.raw.add(rate(SIZE, raw.in(directory.resolve("in/file"), RAW_IN, SIZE)));
            }
            in.library.add(rate(SIZE, copyIn()));
            if (round % 2 != 0) {
                in.raw.add(rate(SIZE, raw.in(directory.resolve("in/file"), RAW_IN, SIZE)));
                out.raw.add(rate(SIZE, raw.out(RAW, directory.resolve("raw"), SIZE)));
            }
            out.library.add(rate(SIZE, copyOut()));
            if (round % 2 == 0) {
                out.raw.add(rate(SIZE, raw.out(RAW, directory.resolve("raw"), SIZE)));
            }
            vm.files().deleteRecursively(TREE);
            vm.files().delete(RAW_IN);
            in.agent.add(rate(AGENT_SIZE, agent.write("/tmp/agent", Arrays.copyOf(content, AGENT_SIZE))));
            out.agent.add(rate(AGENT_SIZE, agent.read(RAW, AGENT_SIZE)));
        }
        rows(table, "in", guest, in);
        rows(table, "out", guest, out);
        if (!guest.equals(Bench.IMAGE.name())) {
            require("into", guest, in, exceeded);
            require("out of", guest, out, exceeded);
        }
    }

    private double copyIn() {
        long begin = System.nanoTime();
        vm.files().copyIn(directory.resolve("in"), TREE);
        return (System.nanoTime() - begin) / 1e9;
    }

    private double copyOut() throws IOException {
        Path target = directory.resolve("out");
        long begin = System.nanoTime();
        vm.files().copyOut(TREE, target);
        double seconds = (System.nanoTime() - begin) / 1e9;
        if (Files.mismatch(target.resolve("file"), directory.resolve("in/file")) != -1) {
            throw new IllegalStateException("what came back is not what was sent");
        }
        delete(target);
        return seconds;
    }

    private static double rate(int bytes, double seconds) {
        return bytes / seconds / MIB;
    }

    private static void rows(Table table, String way, String guest, Figures figures) {
        row(table, way + ": copy ÷ raw port, of a round", guest, figures.ofRaw(), 2);
        row(table, way + ": copy ÷ agent's file calls, of a round", guest, figures.ofAgent(), 1);
        row(table, way + ": copy, MiB/s", guest, Spread.of(figures.library), 1);
        row(table, way + ": raw port, MiB/s", guest, Spread.of(figures.raw), 1);
        row(table, way + ": agent's file calls, MiB/s", guest, Spread.of(figures.agent), 1);
    }

    private static void row(Table table, String what, String guest, Spread spread, int decimals) {
        table.row(
                what,
                guest,
                Table.number(spread.median(), decimals),
                Table.number(spread.min(), decimals),
                Table.number(spread.max(), decimals));
    }

    private static void require(String way, String guest, Figures figures, List<String> exceeded) {
        double ratio = figures.ofRaw().median();
        if (ratio < BUDGET) {
            exceeded.add("a copy " + way + " the guest " + guest + " has " + Table.number(ratio, 2)
                    + " of a raw port's throughput; " + Table.number(BUDGET, 2) + " is demanded");
        }
    }

    private static void delete(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
