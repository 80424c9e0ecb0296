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

/** A VM as the one sees it to whom it is lent: gone from the moment when the lease is closed. */
final class LeasedVM implements VM {
    private final VM vm;
    private final VMLease lease;

    LeasedVM(VM vm, VMLease lease) {
        this.vm = vm;
        this.lease = lease;
    }

    private VM require(String operation) {
        if (lease.isClosed()) {
            throw new VMDestroyedException(
                    "The VM '" + name() + "' was given back to its pool when its lease was closed; acquire another",
                    FailureContext.of(operation).vm(name()));
        }
        return vm;
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
        return lease.isClosed() ? VMState.DESTROYED : vm.state();
    }

    @Override
    public Optional<String> endReason() {
        Optional<String> reason = vm.endReason();
        return reason.isEmpty() && lease.isClosed() ? Optional.of("its lease was closed") : reason;
    }

    @Override
    public boolean awaitEnd(Duration timeout) {
        return lease.isClosed() || vm.awaitEnd(timeout);
    }

    @Override
    public Optional<NetworkAttachment> attachment() {
        return vm.attachment();
    }

    @Override
    public ExecResult exec(Command command) {
        return require("exec").exec(command);
    }

    @Override
    public VMProcess start(Command command) {
        return require("start").start(command);
    }

    @Override
    public VMFiles files() {
        return require("use the files").files();
    }

    @Override
    public void setNetworkPolicy(NetworkPolicy policy) {
        require("change the network policy").setNetworkPolicy(policy);
    }

    @Override
    public Optional<NetworkPolicy> networkPolicy() {
        return vm.networkPolicy();
    }

    @Override
    public void setBandwidth(BandwidthLimit limit) {
        require("change the bandwidth").setBandwidth(limit);
    }

    @Override
    public ConnectionLog connectionLog() {
        return vm.connectionLog();
    }

    @Override
    public Isolation isolation() {
        return require("read the isolation").isolation();
    }

    @Override
    public List<String> warnings() {
        return vm.warnings();
    }

    @Override
    public String serialLog() {
        return vm.serialLog();
    }

    @Override
    public Snapshot snapshot(String name) {
        return require("take a snapshot").snapshot(name);
    }

    @Override
    public void restore(String name) {
        require("restore").restore(name);
    }

    @Override
    public List<Snapshot> snapshots() {
        return lease.isClosed() ? List.of() : vm.snapshots();
    }

    @Override
    public void deleteSnapshot(String name) {
        require("delete a snapshot").deleteSnapshot(name);
    }

    @Override
    public void reset() {
        require("reset").reset();
    }

    @Override
    public void destroy() {
        if (!lease.isClosed()) {
            vm.destroy();
        }
    }

    @Override
    public void close() {
        lease.close();
    }

    @Override
    public String toString() {
        return lease.isClosed() ? "VM " + name() + ", given back" : vm.toString();
    }
}
