package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.VM;
import dev.agentvm.pool.VMLease;
import dev.agentvm.pool.VMPool;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/** A program that works, in a VM of its own and in one that its pool has lent it, and notices if anything is not right. */
final class SecondProgram implements AutoCloseable {
    /** Many guests are emulated at the same time. */
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    private final VM own;
    private final VMPool pool;
    private final VMLease lease;
    private final AtomicBoolean over = new AtomicBoolean();
    private final AtomicInteger commands = new AtomicInteger();
    private final List<CompletableFuture<Void>> work;
    private final String filters;

    SecondProgram(Hypervisor hypervisor) {
        LaunchOptions options = LaunchOptions.standard().withTimeout(PATIENCE);
        own = hypervisor.launch(Lab.tiny("neighbour"), options);
        pool = new VMPool.Builder(hypervisor, Lab.tiny("pooled"))
                .max(1)
                .maxUses(2)
                .launchOptions(options)
                .open();
        lease = pool.acquire(PATIENCE);
        vms().forEach(Lab::awaitNetwork);
        filters = filters();
        work = vms().map(vm -> CompletableFuture.runAsync(() -> work(vm))).toList();
    }

    private Stream<VM> vms() {
        return Stream.of(own, lease.vm());
    }

    private void work(VM vm) {
        for (int number = 1; !over.get(); number++) {
            assertThat(Lab.output(vm, Command.shell("echo " + number + " >>/tmp/work; wc -l </tmp/work")))
                    .as("its files")
                    .isEqualTo(Integer.toString(number));
            if (number % 10 == 0) {
                assertThat(Lab.probe(vm, "tcp", Lab.fact("WWW_ADDRESS"), "443", "20000"))
                        .as("what its policy allows")
                        .startsWith("open");
                assertThat(Lab.probe(vm, "tcp", Lab.fact("METADATA_ADDRESS"), "80", "200"))
                        .as("what its policy denies")
                        .doesNotStartWith("open");
            }
            commands.incrementAndGet();
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(250));
        }
    }

    /** Fails if anything of it has failed, or is not what it was. */
    void assertUndisturbed() {
        for (CompletableFuture<Void> one : work) {
            if (one.isDone()) {
                one.join();
            }
        }
        assertThat(filters()).as("its filters").isEqualTo(filters);
        vms().forEach(vm -> assertThat(vm.endReason()).isEmpty());
        assertThat(pool.metrics().launchesFailed()).isZero();
    }

    private String filters() {
        return Lab.host(
                "sh",
                "-c",
                "for filter in $(virsh -q nwfilter-list | awk '/agentvm-/ {print $2}' | grep -e " + own.id() + " -e "
                        + lease.vm().id() + "); do virsh nwfilter-dumpxml $filter; done");
    }

    /** How often it has worked by now. */
    int commands() {
        return commands.get();
    }

    @Override
    public void close() {
        over.set(true);
        try {
            CompletableFuture.allOf(work.toArray(CompletableFuture[]::new)).join();
        } finally {
            lease.close();
            pool.close();
            own.close();
        }
    }
}
