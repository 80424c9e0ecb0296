package dev.agentvm.benchmarks;

import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.Resources;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import dev.agentvm.network.BandwidthLimit;
import java.util.ArrayList;
import java.util.List;

/** The reset of a VM whose memory was kept at its launch, against the launch of another, filters included in both. */
final class ResetBenchmark {
    private static final int PAIRS_OF_TINY_FOR_ONE_OF_DEBIAN = 4;
    private static final LaunchOptions RESETTABLE =
            new LaunchOptions.Builder().resettable(true).build();

    private final Hypervisor hypervisor;
    private final Guest guest;
    private final List<Double> launches = new ArrayList<>();
    private final List<Double> resets = new ArrayList<>();
    private final List<Double> ratios = new ArrayList<>();
    private double keeping;

    /**
     * A guest.
     *
     * @param image its image
     * @param memoryMiB how much memory it has
     * @param budget how long a reset may take at most, as a part of a launch
     */
    private record Guest(String image, int memoryMiB, double budget) {
        VMTemplate template(String name) {
            return new VMTemplate.Builder()
                    .name(name)
                    .image(GuestImage.named(image))
                    .resources(new Resources.Builder()
                            .vcpus(1)
                            .memoryMiB(memoryMiB)
                            .diskGiB(4)
                            .build())
                    .bandwidth(BandwidthLimit.unlimited())
                    .build();
        }
    }

    private ResetBenchmark(Hypervisor hypervisor, Guest guest) {
        this.hypervisor = hypervisor;
        this.guest = guest;
    }

    static Section run(int pairs) {
        double load = Machine.load();
        Table table = new Table(
                "guest",
                "reset ÷ launch, of a pair",
                "least",
                "most",
                "reset, s",
                "launch, s",
                "launch that keeps the memory, s");
        List<String> exceeded = new ArrayList<>();
        try (Hypervisor hypervisor = Bench.hypervisor();
                Libvirt libvirt = Libvirt.open(LibvirtOptions.of("qemu:///system"))) {
            new ResetBenchmark(hypervisor, new Guest("tiny", 256, 0.70)).measure(pairs, table, exceeded);
            new ResetBenchmark(hypervisor, new Guest("debian", 1024, 0.30))
                    .measure(Math.max(1, pairs / PAIRS_OF_TINY_FOR_ONE_OF_DEBIAN), table, exceeded);
            String text = "Measured on " + Machine.describe(libvirt.host()) + ", guests run by " + Bench.accelerator()
                    + ", " + pairs + " pairs of tiny; load before the run " + Table.number(load, 1) + ".\n\n" + table;
            return new Section("reset", text, exceeded);
        }
    }

    private void measure(int pairs, Table table, List<String> exceeded) {
        long begin = System.nanoTime();
        try (VM vm = hypervisor.launch(guest.template("bench-reset"), RESETTABLE)) {
            keeping = seconds(begin);
            vm.reset();
            launch();
            launches.clear();
            for (int pair = 0; pair < pairs; pair++) {
                if (pair % 2 == 0) {
                    launch();
                    reset(vm);
                } else {
                    reset(vm);
                    launch();
                }
                ratios.add(resets.get(pair) / launches.get(pair));
            }
        }
        Spread ratio = Spread.of(ratios);
        table.row(
                guest.image(),
                cell(ratio.median()),
                cell(ratio.min()),
                cell(ratio.max()),
                cell(Spread.of(resets).median()),
                cell(Spread.of(launches).median()),
                cell(keeping));
        if (ratio.median() > guest.budget()) {
            exceeded.add("a reset of the guest " + guest.image() + " takes " + cell(ratio.median()) + " of a launch; "
                    + cell(guest.budget()) + " is the budget");
        }
    }

    private void launch() {
        long begin = System.nanoTime();
        VM vm = hypervisor.launch(guest.template("bench-launch"));
        launches.add(seconds(begin));
        vm.close();
    }

    private void reset(VM vm) {
        long begin = System.nanoTime();
        vm.reset();
        resets.add(seconds(begin));
    }

    private static double seconds(long begin) {
        return (System.nanoTime() - begin) / 1e9;
    }

    private static String cell(double value) {
        return Table.number(value, 2);
    }
}
