package dev.agentvm.testkit;

import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.Isolation;
import dev.agentvm.Snapshot;
import dev.agentvm.VM;
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

/** A VM like another, but for what a subclass gets wrong. */
class SpoiltVM implements VM {
    private final VM right;

    SpoiltVM(VM right) {
        this.right = right;
    }

    boolean isGone() {
        return right.state() == VMState.DESTROYED;
    }

    @Override
    public String name() {
        return right.name();
    }

    @Override
    public UUID id() {
        return right.id();
    }

    @Override
    public Map<String, String> labels() {
        return right.labels();
    }

    @Override
    public VMState state() {
        return right.state();
    }

    @Override
    public Optional<String> endReason() {
        return right.endReason();
    }

    @Override
    public boolean awaitEnd(Duration timeout) {
        return right.awaitEnd(timeout);
    }

    @Override
    public Optional<NetworkAttachment> attachment() {
        return right.attachment();
    }

    @Override
    public void setNetworkPolicy(NetworkPolicy policy) {
        right.setNetworkPolicy(policy);
    }

    @Override
    public Optional<NetworkPolicy> networkPolicy() {
        return right.networkPolicy();
    }

    @Override
    public void setBandwidth(BandwidthLimit limit) {
        right.setBandwidth(limit);
    }

    @Override
    public ExecResult exec(Command command) {
        return right.exec(command);
    }

    @Override
    public ConnectionLog connectionLog() {
        return right.connectionLog();
    }

    @Override
    public VMProcess start(Command command) {
        return right.start(command);
    }

    @Override
    public VMFiles files() {
        return right.files();
    }

    @Override
    public Isolation isolation() {
        return right.isolation();
    }

    @Override
    public List<String> warnings() {
        return right.warnings();
    }

    @Override
    public String serialLog() {
        return right.serialLog();
    }

    @Override
    public Snapshot snapshot(String name) {
        return right.snapshot(name);
    }

    @Override
    public void restore(String name) {
        right.restore(name);
    }

    @Override
    public List<Snapshot> snapshots() {
        return right.snapshots();
    }

    @Override
    public void deleteSnapshot(String name) {
        right.deleteSnapshot(name);
    }

    @Override
    public void reset() {
        right.reset();
    }

    @Override
    public void pause() {
        right.pause();
    }

    @Override
    public void resume() {
        right.resume();
    }

    @Override
    public void destroy() {
        right.destroy();
    }

    @Override
    public void close() {
        right.close();
    }
}
