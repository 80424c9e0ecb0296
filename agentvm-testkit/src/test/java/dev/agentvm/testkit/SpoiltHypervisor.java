package dev.agentvm.testkit;

import dev.agentvm.Hypervisor;
import dev.agentvm.Images;
import dev.agentvm.LaunchOptions;
import dev.agentvm.ReapReport;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.event.VMEvents;
import java.util.List;
import java.util.Optional;

/** A hypervisor like another, but for what a subclass gets wrong. */
class SpoiltHypervisor implements Hypervisor {
    private final Hypervisor right;

    SpoiltHypervisor(Hypervisor right) {
        this.right = right;
    }

    /** What a launch gives. */
    VM launched(VM vm) {
        return vm;
    }

    /** What a search gives. */
    VM found(VM vm) {
        return vm;
    }

    @Override
    public VM launch(VMTemplate template, LaunchOptions options) {
        return launched(right.launch(template, options));
    }

    @Override
    public Optional<VM> find(String name) {
        return right.find(name).map(this::found);
    }

    @Override
    public List<VM> list() {
        return right.list().stream().map(this::found).toList();
    }

    @Override
    public Images images() {
        return right.images();
    }

    @Override
    public VMEvents events() {
        return right.events();
    }

    @Override
    public ReapReport reap(boolean dryRun) {
        return right.reap(dryRun);
    }

    @Override
    public void close() {
        right.close();
    }
}
