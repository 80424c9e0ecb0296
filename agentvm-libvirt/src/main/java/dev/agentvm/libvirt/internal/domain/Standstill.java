package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.AgentVMException;
import dev.agentvm.VMState;
import dev.agentvm.libvirt.internal.Uninterrupted;
import dev.agentvm.libvirt.internal.connection.DomainState;
import dev.agentvm.libvirt.internal.connection.Domains;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Pauses one VM and lets it run on. A VM that is put back to an earlier state is held paused until its policy was found in
 * force, so both wait for such changes. Safe for use by many threads.
 */
final class Standstill {
    private final LibvirtHost host;
    private final Domains domains;
    private final LibvirtVM vm;

    Standstill(LibvirtHost host, LibvirtVM vm) {
        this.host = host;
        this.domains = host.parts().libvirt().domains();
        this.vm = vm;
    }

    void pause() {
        change("pause", () -> {
            if (isStill("pause")) {
                vm.beginStandstill(() -> {});
            } else {
                vm.beginStandstill(() -> domains.suspend(vm.domain()));
                vm.events().paused();
            }
        });
    }

    void resume() {
        AtomicBoolean stoodStill = new AtomicBoolean();
        change("resume", () -> {
            stoodStill.set(isStill("resume"));
            if (stoodStill.get()) {
                vm.endStandstill(() -> domains.resume(vm.domain()));
                vm.events().resumed();
            } else {
                vm.endStandstill(() -> {});
            }
        });
        if (stoodStill.get()) {
            setClock();
        }
    }

    /** Whoever paused it, and whether or not that has been told. */
    private boolean isStill(String operation) {
        Optional<DomainState> now = domains.state(vm.domain());
        if (now.isEmpty()) {
            vm.endIfLost();
            vm.requireAlive(operation);
        }
        return now.filter(known -> known.state() == DomainState.State.PAUSED).isPresent();
    }

    /** Not under the lock: a guest whose agent is slow can be paused again meanwhile. */
    private void setClock() {
        Uninterrupted.run(() -> {
            try {
                vm.tellTime();
            } catch (AgentVMException e) {
                if (vm.state() == VMState.RUNNING) {
                    throw vm.explain("resume", e)
                            .during("The guest of '" + vm.name() + "' runs on, but its clock may be behind");
                }
                vm.requireAlive("resume");
            }
        });
    }

    /** Makes a change that, once begun, goes on to its end. */
    private void change(String operation, Runnable work) {
        Uninterrupted.run(() -> {
            try {
                host.change(vm, operation, work);
            } catch (AgentVMException e) {
                throw vm.explain(operation, e);
            }
        });
    }
}
