package dev.agentvm.pool;

import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.FailureContext;
import dev.agentvm.Isolation;
import dev.agentvm.Snapshot;
import dev.agentvm.VM;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMFiles;
import dev.agentvm.VMProcess;
import dev.agentvm.VMState;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A VM as the one sees it to whom it is lent: gone from the moment when the lease is closed, with what it was then. Nothing
 * of a later tenant is seen through it.
 */
final class LeasedVM implements VM {
    /** How long it may take until one who awaits the end learns that the lease was closed. */
    private static final Duration LOOK = Duration.ofSeconds(1);

    private final VM vm;
    private final VMLease lease;
    private final Visits visits = new Visits();
    private volatile boolean throttled;
    private volatile @Nullable Last last;

    /** What is known of it when it is given back. */
    private record Last(
            Optional<String> endReason,
            Optional<NetworkPolicy> networkPolicy,
            ConnectionLog connectionLog,
            List<String> warnings,
            String serialLog) {
        static Last of(VM vm) {
            return new Last(vm.endReason(), vm.networkPolicy(), vm.connectionLog(), vm.warnings(), vm.serialLog());
        }
    }

    LeasedVM(VM vm, VMLease lease) {
        this.vm = vm;
        this.lease = lease;
    }

    /** The lease is over. */
    void giveBack() {
        try {
            last = Last.of(vm);
        } finally {
            visits.close();
        }
    }

    /** Whether no call is under way. */
    boolean isQuiet() {
        return visits.isQuiet();
    }

    /** Whether the bandwidth limit was changed. */
    boolean isThrottled() {
        return throttled;
    }

    /** Makes a call that counts as under way until it returns. */
    <T> T call(String operation, Function<VM, T> call) {
        if (!visits.begin()) {
            throw new VMDestroyedException(
                    "The VM '" + name() + "' was given back to its pool when its lease was closed; acquire another",
                    FailureContext.of(operation).vm(name()));
        }
        try {
            return call.apply(vm);
        } finally {
            visits.end();
        }
    }

    private void run(String operation, Consumer<VM> call) {
        boolean unused = call(operation, present -> {
            call.accept(present);
            return true;
        });
    }

    private <T> T value(Function<VM, T> now, Function<Last, T> then) {
        Last known = last;
        if (known != null) {
            return then.apply(known);
        }
        T present = now.apply(vm);
        // If it was given back meanwhile, this may be a later tenant's.
        known = last;
        return known == null ? present : then.apply(known);
    }

    @Override
    public String name() {
        return vm.name();
    }

    @Override
    public UUID id() {
        return vm.id();
    }

    @Override
    public Map<String, String> labels() {
        return vm.labels();
    }

    @Override
    public VMState state() {
        return visits.isOver() ? VMState.DESTROYED : vm.state();
    }

    @Override
    public Optional<String> endReason() {
        Optional<String> reason = value(VM::endReason, Last::endReason);
        return reason.isEmpty() && visits.isOver() ? Optional.of("its lease was closed") : reason;
    }

    @Override
    public boolean awaitEnd(Duration timeout) {
        Duration left = timeout;
        while (!visits.isOver() && left.compareTo(LOOK) > 0) {
            if (vm.awaitEnd(LOOK)) {
                return true;
            }
            left = left.minus(LOOK);
        }
        return visits.isOver() || vm.awaitEnd(left) || visits.isOver();
    }

    @Override
    public Optional<NetworkAttachment> attachment() {
        return vm.attachment();
    }

    @Override
    public ExecResult exec(Command command) {
        return call("exec", present -> present.exec(command));
    }

    @Override
    public VMProcess start(Command command) {
        return call("start", present -> present.start(command));
    }

    @Override
    public VMFiles files() {
        return new LeasedFiles(call("use the files", VM::files), this);
    }

    @Override
    public void setNetworkPolicy(NetworkPolicy policy) {
        run("change the network policy", present -> present.setNetworkPolicy(policy));
    }

    @Override
    public Optional<NetworkPolicy> networkPolicy() {
        return value(VM::networkPolicy, Last::networkPolicy);
    }

    @Override
    public void setBandwidth(BandwidthLimit limit) {
        run("change the bandwidth", present -> {
            throttled = true;
            present.setBandwidth(limit);
        });
    }

    @Override
    public ConnectionLog connectionLog() {
        return value(VM::connectionLog, Last::connectionLog);
    }

    @Override
    public Isolation isolation() {
        return call("read the isolation", VM::isolation);
    }

    @Override
    public List<String> warnings() {
        return value(VM::warnings, Last::warnings);
    }

    @Override
    public String serialLog() {
        return value(VM::serialLog, Last::serialLog);
    }

    @Override
    public Snapshot snapshot(String name) {
        return call("take a snapshot", present -> present.snapshot(name));
    }

    @Override
    public void restore(String name) {
        run("restore", present -> present.restore(name));
    }

    @Override
    public List<Snapshot> snapshots() {
        return visits.isOver() ? List.of() : call("list the snapshots", VM::snapshots);
    }

    @Override
    public void deleteSnapshot(String name) {
        run("delete a snapshot", present -> present.deleteSnapshot(name));
    }

    @Override
    public void reset() {
        run("reset", VM::reset);
    }

    @Override
    public void pause() {
        run("pause", VM::pause);
    }

    @Override
    public void resume() {
        run("resume", VM::resume);
    }

    @Override
    public void destroy() {
        if (visits.begin()) {
            try {
                vm.destroy();
            } finally {
                visits.end();
            }
        }
    }

    @Override
    public void close() {
        lease.close();
    }

    @Override
    public String toString() {
        return visits.isOver() ? "VM " + name() + ", given back" : vm.toString();
    }
}
