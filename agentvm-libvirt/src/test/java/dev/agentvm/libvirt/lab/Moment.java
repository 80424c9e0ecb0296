package dev.agentvm.libvirt.lab;

import dev.agentvm.Command;
import dev.agentvm.CopyListener;
import dev.agentvm.CopyOptions;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.VM;
import dev.agentvm.VMProcess;
import dev.agentvm.VMTemplate;
import dev.agentvm.cloudinit.CloudInit;
import dev.agentvm.pool.VMLease;
import dev.agentvm.pool.VMPool;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * When a program dies: at a step of a launch, which bears the name of that step, or in the midst of something else. What
 * the program itself cannot tell, as it waits for libvirt meanwhile, is seen on the host.
 */
enum Moment {
    HOST_CHECKED,
    NETWORK_READY,
    ADDRESS_RESERVED,
    DISK_MADE,
    POLICY_DEFINED,
    DOMAIN_CREATED,
    POLICY_VERIFIED,
    RESUMED,
    AGENT_READY,
    LAUNCHED(Moment::launched),
    EXEC(Moment::exec),
    COPY_IN(Moment::copyIn),
    CLOSE_BEGUN(host -> true, Moment::close),
    FIRST_MEMORY_ANNOUNCED(host -> host.savedBytes(1) >= 0, Moment::launchResettable),
    FIRST_MEMORY_WRITTEN(host -> host.savedBytes(1) > 4 << 20, Moment::launchResettable),
    SNAPSHOT_BEGUN(host -> true, Moment::snapshot),
    SNAPSHOT_ANNOUNCED(host -> host.savedBytes(2) >= 0, Moment::snapshot),
    SNAPSHOT_WRITTEN(host -> host.savedBytes(2) > 4 << 20, Moment::snapshot),
    RESTORE_BEGUN(host -> true, Moment::restore),
    RESTORE_DOMAIN_DESTROYED(host -> !host.runs(), Moment::restore),
    RESTORED((hypervisor, name, reached) -> {
        restore(hypervisor, name, () -> {});
        reached.run();
    }),
    RESET_BEGUN(host -> true, Moment::reset),
    RESET_DOMAIN_DESTROYED(host -> !host.runs(), Moment::reset),
    RESET((hypervisor, name, reached) -> {
        reset(hypervisor, name, () -> {});
        reached.run();
    }),
    POOL_REFILL((hypervisor, name, reached) -> giveBack(pool(hypervisor, name, 1), reached)),
    POOL_RESET((hypervisor, name, reached) -> giveBack(pool(hypervisor, name, 10), reached)),
    POOL_CLOSE_BEGUN(host -> true, Moment::closePool);

    /** Many guests are emulated at the same time. */
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    private static final LaunchOptions PATIENT = LaunchOptions.standard().withTimeout(PATIENCE);
    private static final LaunchOptions RESETTABLE = PATIENT.withResettable(true);

    /** What the program does; {@code reached} is run at the moment, or when it is near and will be seen on the host. */
    private interface Work {
        void go(Hypervisor hypervisor, String name, Runnable reached) throws Exception;
    }

    private final Optional<Predicate<HostEye>> sight;
    private final Work work;

    /** The end of a step of a launch. */
    Moment() {
        sight = Optional.empty();
        work = this::launch;
    }

    /** One at which the program can stand still. */
    Moment(Work work) {
        sight = Optional.empty();
        this.work = work;
    }

    /** One that comes while the program goes on from what it has told. */
    Moment(Predicate<HostEye> sight, Work work) {
        this.sight = Optional.of(sight);
        this.work = work;
    }

    boolean canStandStill() {
        return sight.isEmpty();
    }

    /** Whether it has come, once the program has said that it is near. */
    boolean isSeen(HostEye host) {
        return sight.map(seen -> seen.test(host)).orElse(true);
    }

    void work(Hypervisor hypervisor, String name, Runnable reached) throws Exception {
        work.go(hypervisor, name, reached);
    }

    private void launch(Hypervisor hypervisor, String name, Runnable reached) {
        LaunchStep at = LaunchStep.valueOf(name());
        LaunchOptions options = PATIENT.withListener((step, time) -> {
            if (step == at) {
                reached.run();
            }
        });
        hypervisor.launch(template(name), options);
    }

    /** With a seed, so that a launch makes all that one can. */
    private static VMTemplate template(String name) {
        return Lab.tiny(name).withCloudInit(new CloudInit.Builder().build());
    }

    private static void launched(Hypervisor hypervisor, String name, Runnable reached) {
        hypervisor.launch(template(name), PATIENT);
        reached.run();
    }

    private static void close(Hypervisor hypervisor, String name, Runnable before) {
        VM vm = hypervisor.launch(template(name), PATIENT);
        before.run();
        vm.close();
    }

    private static void exec(Hypervisor hypervisor, String name, Runnable reached) throws InterruptedException {
        VM vm = hypervisor.launch(template(name), PATIENT);
        try (VMProcess process = vm.start(Command.of("yes"))) {
            CompletableFuture<?> unused = CompletableFuture.runAsync(() -> vm.exec(Command.of("sleep", "1000")));
            while (!vm.exec(Command.of("pidof", "sleep")).success() && process.isAlive()) {
                TimeUnit.MILLISECONDS.sleep(50);
            }
            reached.run();
        }
    }

    private static void copyIn(Hypervisor hypervisor, String name, Runnable reached) throws IOException {
        VM vm = hypervisor.launch(template(name), PATIENT);
        Path file = Files.createTempFile("agentvm-killed", "");
        try (RandomAccessFile big = new RandomAccessFile(file.toFile(), "rw")) {
            big.setLength(64L << 20);
        }
        CopyListener listener = (entries, bytes) -> {
            // The copy has it open.
            if (bytes > 0 && file.toFile().delete()) {
                reached.run();
            }
        };
        vm.files()
                .copyIn(
                        file,
                        "/tmp",
                        new CopyOptions.Builder().listener(listener).build());
    }

    private static void launchResettable(Hypervisor hypervisor, String name, Runnable before) {
        before.run();
        hypervisor.launch(template(name), RESETTABLE);
    }

    private static void snapshot(Hypervisor hypervisor, String name, Runnable before) {
        VM vm = hypervisor.launch(template(name), RESETTABLE);
        before.run();
        vm.snapshot("base");
    }

    private static void restore(Hypervisor hypervisor, String name, Runnable before) {
        VM vm = hypervisor.launch(template(name), RESETTABLE);
        vm.snapshot("base");
        before.run();
        vm.restore("base");
    }

    private static void reset(Hypervisor hypervisor, String name, Runnable before) {
        VM vm = hypervisor.launch(template(name), RESETTABLE);
        before.run();
        vm.reset();
    }

    private static void closePool(Hypervisor hypervisor, String name, Runnable before) {
        VMPool pool = pool(hypervisor, name, 1);
        VMLease unused = pool.acquire(PATIENCE);
        before.run();
        pool.close();
    }

    private static void giveBack(VMPool pool, Runnable after) {
        pool.acquire(PATIENCE).close();
        after.run();
    }

    private static VMPool pool(Hypervisor hypervisor, String name, int uses) {
        return new VMPool.Builder(hypervisor, template(name))
                .min(1)
                .max(2)
                .maxUses(uses)
                .launchOptions(PATIENT)
                .open();
    }
}
