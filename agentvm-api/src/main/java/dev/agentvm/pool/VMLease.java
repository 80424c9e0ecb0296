package dev.agentvm.pool;

import dev.agentvm.VM;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A VM that a {@link VMPool} has lent to one caller, until this is closed. Safe for use by many threads.
 *
 * <pre>{@code
 * try (VMLease lease = pool.acquire(Duration.ofMinutes(1))) {
 *     lease.vm().exec(command);
 * }
 * }</pre>
 */
public final class VMLease implements AutoCloseable {
    private final Runnable release;
    private final LeasedVM vm;
    private final AtomicBoolean closed = new AtomicBoolean();

    VMLease(VM vm, Runnable release) {
        this.release = release;
        this.vm = new LeasedVM(vm, this);
    }

    /**
     * The VM. Closing it closes this lease. Once the lease is closed, it behaves as a VM that is gone: its calls throw
     * {@link dev.agentvm.VMDestroyedException}.
     */
    public VM vm() {
        return vm;
    }

    boolean isClosed() {
        return closed.get();
    }

    /**
     * Gives the VM back. It is destroyed in the background, and the pool launches another in its stead; nobody else ever
     * sees it. Closing twice does nothing, nor does closing after the pool.
     */
    @Override
    public void close() {
        if (!closed.getAndSet(true)) {
            release.run();
        }
    }

    @Override
    public String toString() {
        return "lease of " + vm;
    }
}
