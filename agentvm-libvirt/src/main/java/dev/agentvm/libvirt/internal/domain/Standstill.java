package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.AgentVMException;
import dev.agentvm.GuestAgentException;
import dev.agentvm.libvirt.internal.Uninterrupted;
import dev.agentvm.libvirt.internal.connection.DomainState;
import dev.agentvm.libvirt.internal.connection.Domains;

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
            if (isStill()) {
                vm.beginStandstill(() -> {});
            } else {
                vm.beginStandstill(() -> domains.suspend(vm.domain()));
                vm.events().paused();
            }
        });
    }

    void resume() {
        change("resume", () -> {
            if (isStill()) {
                vm.endStandstill(() -> domains.resume(vm.domain()));
                vm.events().resumed();
                setClock();
            } else {
                vm.endStandstill(() -> {});
            }
        });
    }

    /** Whoever paused it, and whether or not that has been told. */
    private boolean isStill() {
        return domains.state(vm.domain())
                .filter(now -> now.state() == DomainState.State.PAUSED)
                .isPresent();
    }

    private void setClock() {
        try {
            vm.tellTime();
        } catch (GuestAgentException e) {
            throw vm.explain("resume", e)
                    .during("The guest of '" + vm.name() + "' runs on, but its clock may be behind");
        }
    }

    /** Makes a change that, once begun, goes on to its end. */
    private void change(String operation, Runnable work) {
        Uninterrupted.run(() -> {
            vm.changes().lock();
            try {
                host.requireOpen(operation);
                vm.requireAlive(operation);
                work.run();
            } catch (AgentVMException e) {
                vm.endIfLost();
                vm.requireAlive(operation);
                throw e;
            } finally {
                vm.changes().unlock();
            }
        });
    }
}
