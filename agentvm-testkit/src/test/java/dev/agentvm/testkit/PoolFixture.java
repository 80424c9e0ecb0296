package dev.agentvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.VMTemplate;
import dev.agentvm.pool.VMLease;
import dev.agentvm.pool.VMPool;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** What tests of pools have in common: a fake host whose launches are counted, and its time. */
final class PoolFixture {
    static final VMTemplate TEMPLATE = new VMTemplate.Builder().name("job").build();

    private final FakeHypervisor host;
    private final CountedHypervisor hypervisor;

    PoolFixture(FakeHypervisor host) {
        this.host = host;
        this.hypervisor = new CountedHypervisor(host);
    }

    FakeHypervisor host() {
        return host;
    }

    CountedHypervisor hypervisor() {
        return hypervisor;
    }

    VirtualTime time() {
        return host.time();
    }

    VMPool.Builder pool() {
        return pool(TEMPLATE);
    }

    VMPool.Builder pool(VMTemplate template) {
        return new VMPool.Builder(hypervisor, template).time(time());
    }

    /** Begins to wait for a VM; returns once it waits or is over. */
    Call<VMLease> acquire(VMPool pool, Duration timeout) {
        int before = pool.metrics().waiting();
        AtomicReference<VMLease> lease = new AtomicReference<>();
        // Announced, so that nothing is settled before it waits in this time.
        Runnable acquire = time().task(() -> lease.set(pool.acquire(timeout)));
        Call<VMLease> call = Call.begin(() -> {
            acquire.run();
            return lease.get();
        });
        until(() -> call.isOver() || pool.metrics().waiting() > before);
        settle();
        return call;
    }

    /** Waits until nothing happens any more unless time moves. */
    void settle() {
        until(() -> !time().isBusy());
    }

    /** Moves a time that is held, once nothing happens without, and waits for what follows. */
    void advance(Duration duration) {
        settle();
        time().advance(duration);
        settle();
    }

    /** What a call returned; fails if it does not end. */
    static <T> T value(Call<T> call) {
        until(call::isOver);
        return call.value();
    }

    /** What a call threw; fails if it does not end. */
    static @Nullable Throwable failure(Call<?> call) {
        until(call::isOver);
        return call.failure();
    }

    static void until(BooleanSupplier condition) {
        long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waited too long").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    /** The threads that live of pools of that template. */
    static List<Thread> threads(String template) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("agentvm-pool-" + template + "-"))
                .toList();
    }
}
