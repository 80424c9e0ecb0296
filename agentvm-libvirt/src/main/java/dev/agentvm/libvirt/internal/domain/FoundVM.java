package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.Isolation;
import dev.agentvm.Snapshot;
import dev.agentvm.VM;
import dev.agentvm.VMFiles;
import dev.agentvm.VMProcess;
import dev.agentvm.VMState;
import dev.agentvm.libvirt.internal.guest.GuestAgent;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A further handle on a VM that this program launched. Nothing is its own but what was started through it, which ends with
 * it; the rest is the VM's, however many handles there are.
 */
final class FoundVM implements VM {
    private final LibvirtVM vm;
    private final Commands commands;
    private final Object agents = new Object();
    /** The VM's agent, and this handle's part in it; another after each restore. */
    private @Nullable GuestAgent shared;

    private @Nullable GuestAgent own;

    FoundVM(LibvirtVM vm) {
        this.vm = vm;
        this.commands = new Commands(vm, this::agent);
    }

    private GuestAgent agent(String operation) {
        GuestAgent present = vm.agent(operation);
        synchronized (agents) {
            GuestAgent mine = own;
            if (mine == null || shared != present) {
                mine = present.sibling();
                shared = present;
                own = mine;
            }
            return mine;
        }
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
        return vm.state();
    }

    @Override
    public Optional<String> endReason() {
        return vm.endReason();
    }

    @Override
    public boolean awaitEnd(Duration timeout) {
        return vm.awaitEnd(timeout);
    }

    @Override
    public Optional<NetworkAttachment> attachment() {
        return vm.attachment();
    }

    @Override
    public ExecResult exec(Command command) {
        return commands.exec(command);
    }

    @Override
    public VMProcess start(Command command) {
        return commands.start(command);
    }

    @Override
    public VMFiles files() {
        return commands.files();
    }

    @Override
    public void setNetworkPolicy(NetworkPolicy policy) {
        vm.setNetworkPolicy(policy);
    }

    @Override
    public Optional<NetworkPolicy> networkPolicy() {
        return vm.networkPolicy();
    }

    @Override
    public void setBandwidth(BandwidthLimit limit) {
        vm.setBandwidth(limit);
    }

    @Override
    public ConnectionLog connectionLog() {
        return vm.connectionLog();
    }

    @Override
    public Isolation isolation() {
        return vm.isolation();
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
        return vm.snapshot(name);
    }

    @Override
    public void restore(String name) {
        vm.restore(name);
    }

    @Override
    public List<Snapshot> snapshots() {
        return vm.snapshots();
    }

    @Override
    public void deleteSnapshot(String name) {
        vm.deleteSnapshot(name);
    }

    @Override
    public void reset() {
        vm.reset();
    }

    @Override
    public void pause() {
        vm.pause();
    }

    @Override
    public void resume() {
        vm.resume();
    }

    @Override
    public void destroy() {
        vm.destroy();
    }

    @Override
    public void close() {
        GuestAgent mine;
        synchronized (agents) {
            mine = own;
            own = null;
        }
        if (mine != null) {
            vm.tidyUp(mine);
        }
    }

    @Override
    public String toString() {
        return vm.toString();
    }
}
