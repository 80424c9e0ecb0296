package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.libvirt.internal.nativeaccess.ConnectionTracking;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * The way of one VM back to an earlier state: its domain is destroyed and created anew, under the policy that is in force,
 * which stands before the first instruction. What fails once the domain is destroyed ends the VM.
 */
final class Return {
    private static final Duration LOOK_AROUND = Duration.ofSeconds(1);

    private final LibvirtHost host;
    private final Parts parts;
    private final LibvirtVM vm;
    private final Blueprint blueprint;

    Return(LibvirtHost host, LibvirtVM vm, Blueprint blueprint) {
        this.host = host;
        this.parts = host.parts();
        this.vm = vm;
        this.blueprint = blueprint;
    }

    /**
     * Goes back to a memory.
     *
     * @param create creates the domain, paused, with that disk
     * @param disk makes the disk
     * @param destroyed is told the new disk when the domain is gone that wrote the old one
     */
    void go(String what, Consumer<VMDisk> create, Supplier<VMDisk> disk, Consumer<VMDisk> destroyed) {
        go(what, create, disk, destroyed, true);
    }

    /** Goes back to before the boot. */
    void goAndBoot(String what, Consumer<VMDisk> create, Supplier<VMDisk> disk, Consumer<VMDisk> destroyed) {
        go(what, create, disk, destroyed, false);
    }

    private void go(
            String what,
            Consumer<VMDisk> create,
            Supplier<VMDisk> disk,
            Consumer<VMDisk> destroyed,
            boolean remembers) {
        Runnable work = () -> {
            VMDisk next = disk.get();
            List<LibvirtVM> handles = host.handles(vm.id());
            vm.activity().begin();
            try {
                handles.forEach(LibvirtVM::beginReturn);
                parts.libvirt().domains().destroy(blueprint.domain());
                destroyed.accept(next);
                requireAlive();
                create.accept(next);
                // The metadata came back with the memory, or is that of a launch.
                vm.activity().tell();
                run(remembers);
                handles.forEach(LibvirtVM::endReturn);
                vm.endIfLost();
                vm.requireAlive(what);
            } catch (RuntimeException | Error e) {
                handles.forEach(
                        handle -> handle.died("its " + what.toLowerCase(Locale.ROOT) + " failed: " + e.getMessage()));
                if (e instanceof AgentVMException failure) {
                    throw failure.during(what + " of '" + vm.name() + "', which was destroyed");
                }
                throw e;
            } finally {
                vm.activity().end();
            }
        };
        vm.policy().ifPresentOrElse(policy -> policy.whileUnchanged(work), work);
    }

    private void run(boolean remembers) {
        requireAlive();
        vm.policy().ifPresent(PolicyInForce::verify);
        vm.reopenConsoleAfresh();
        blueprint.mac().ifPresent(mac -> {
            vm.watchTapAfresh(mac);
            vm.keepBandwidth();
            forgetConnections();
        });
        requireAlive();
        parts.libvirt().domains().resume(blueprint.domain());
        awaitAgent();
        if (remembers) {
            vm.reviveGuest();
        }
    }

    /** Answers that are still under way to the guest of before shall not reach this one. */
    private void forgetConnections() {
        vm.attachment().ifPresent(attachment -> {
            try {
                int unused = ConnectionTracking.forget(
                        attachment.address().toInetAddress().getAddress());
            } catch (IOException e) {
                vm.returnWarning("restore: the host still keeps track of the VM's connections of before ("
                        + e.getMessage() + "); give this program CAP_NET_ADMIN");
            }
        });
    }

    /** The end of the domain that was destroyed and that of the new one look the same, so libvirt is asked. */
    private void awaitAgent() {
        long begin = System.nanoTime();
        while (!vm.awaitAgent(LOOK_AROUND)) {
            if (parts.libvirt().domains().state(blueprint.domain()).isEmpty()) {
                vm.died("its guest ended during the restore");
            }
            if (System.nanoTime() - begin > blueprint.timeout().toNanos()) {
                throw new OperationTimeoutException(
                        "The guest agent did not answer within "
                                + blueprint.timeout().toSeconds() + " s. " + vm.serialTail(),
                        FailureContext.of("restore").vm(vm.name()));
            }
        }
        requireAlive();
    }

    private void requireAlive() {
        host.requireOpen("restore");
        vm.requireAlive("restore");
    }
}
