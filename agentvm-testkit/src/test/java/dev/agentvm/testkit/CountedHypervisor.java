package dev.agentvm.testkit;

import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/** A hypervisor that counts the VMs that there are, from before their launch until they have been closed. */
final class CountedHypervisor extends SpoiltHypervisor {
    private final AtomicInteger live = new AtomicInteger();
    private final AtomicInteger most = new AtomicInteger();
    private final List<String> names = Collections.synchronizedList(new ArrayList<>());
    private final AtomicInteger closesThatFail = new AtomicInteger();

    CountedHypervisor(Hypervisor hypervisor) {
        super(hypervisor);
    }

    /** How many there are. */
    int live() {
        return live.get();
    }

    /** How many there were at most. */
    int most() {
        return most.get();
    }

    /** The names of all launches, in the order of their begins. */
    List<String> names() {
        return List.copyOf(names);
    }

    /** That many went in another way than by being closed. */
    void forget(int number) {
        live.addAndGet(-number);
    }

    /** That many of the next attempts to close a VM fail. */
    void failCloses(int number) {
        closesThatFail.set(number);
    }

    @Override
    public VM launch(VMTemplate template, LaunchOptions options) {
        most.accumulateAndGet(live.incrementAndGet(), Math::max);
        names.add(template.name());
        try {
            return new Counted(super.launch(template, options));
        } catch (RuntimeException | Error e) {
            live.decrementAndGet();
            throw e;
        }
    }

    private final class Counted extends SpoiltVM {
        private final AtomicBoolean closed = new AtomicBoolean();

        private Counted(VM vm) {
            super(vm);
        }

        @Override
        public void close() {
            if (closesThatFail.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
                throw new IllegalStateException("the host keeps it");
            }
            super.close();
            if (!closed.getAndSet(true)) {
                live.decrementAndGet();
            }
        }
    }
}
