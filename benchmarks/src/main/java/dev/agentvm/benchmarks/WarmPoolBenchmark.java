package dev.agentvm.benchmarks;

import dev.agentvm.Hypervisor;
import dev.agentvm.Resources;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.pool.VMLease;
import dev.agentvm.pool.VMPool;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** What {@code acquire} takes when real VMs stand ready, each reset since it was lent last. */
final class WarmPoolBenchmark {
    private static final int VMS = 2;
    private static final int ROUNDS_PER_PAIR = 5;
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private final VMPool pool;
    private final List<Double> times = new ArrayList<>();

    private WarmPoolBenchmark(VMPool pool) {
        this.pool = pool;
    }

    static Section run(int pairs) throws InterruptedException {
        double load = Machine.load();
        VMTemplate template = new VMTemplate.Builder()
                .name(Bench.NAME)
                .image(Bench.IMAGE)
                .resources(new Resources.Builder()
                        .vcpus(1)
                        .memoryMiB(192)
                        .diskGiB(1)
                        .build())
                .bandwidth(BandwidthLimit.unlimited())
                .build();
        try (Libvirt libvirt = Libvirt.open(LibvirtOptions.of("qemu:///system"));
                Hypervisor hypervisor = Bench.hypervisor();
                VMPool pool = new VMPool.Builder(hypervisor, template)
                        .min(VMS)
                        .max(VMS)
                        .maxUses(1_000_000)
                        .open()) {
            WarmPoolBenchmark benchmark = new WarmPoolBenchmark(pool);
            benchmark.lendAll();
            benchmark.times.clear();
            for (int round = 0; round < pairs * ROUNDS_PER_PAIR; round++) {
                benchmark.lendAll();
            }
            return PoolBenchmark.section(
                    "pool of real VMs",
                    "Measured on " + Machine.describe(libvirt.host()) + ", guests run by " + Bench.accelerator() + ", "
                            + benchmark.times.size() + " leases of " + VMS + " VMs with "
                            + pool.metrics().resets()
                            + " resets; load before the run " + Table.number(load, 1) + ".",
                    Quantiles.of(benchmark.times));
        }
    }

    /** Lends all VMs as soon as all stand ready, and takes them back. */
    private void lendAll() throws InterruptedException {
        while (pool.metrics().idle() < VMS) {
            TimeUnit.MILLISECONDS.sleep(10);
        }
        List<VMLease> leases = new ArrayList<>();
        for (int i = 0; i < VMS; i++) {
            long begin = System.nanoTime();
            leases.add(pool.acquire(PATIENCE));
            times.add((System.nanoTime() - begin) / 1e6);
        }
        leases.forEach(VMLease::close);
    }
}
