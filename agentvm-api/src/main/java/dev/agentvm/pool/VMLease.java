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
    private final Release release;
    private final LeasedVM vm;
    private final AtomicBoolean closed = new AtomicBoolean();

    /** Is told of the end of a lease. */
    interface Release {
        /**
         * The lease is over.
         *
         * @param quiet whether no call of the tenant is under way
         * @param throttled whether the tenant has changed the bandwidth limit
         */
        void released(boolean quiet, boolean throttled);
    }

    VMLease(VM vm, Release release) {
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

    /**
     * Gives the VM back. It is destroyed in the background, and the pool launches another in its stead; or it is reset, if
     * the pool lends its VMs {@linkplain VMPool.Builder#maxUses more than once}. Nobody else ever sees what was done in it.
     * Closing twice does nothing, nor does closing after the pool.
     */
    @Override
    public void close() {
        if (!closed.getAndSet(true)) {
            try {
                vm.giveBack();
            } finally {
                release.released(vm.isQuiet(), vm.isThrottled());
            }
        }
    }

    @Override
    public String toString() {
        return "lease of " + vm;
    }
}
