package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.LaunchStep;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.spi.VMEventSource;
import java.io.IOException;
import java.time.Duration;
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
     * @param telling is told of the steps as they end
     */
    void go(
            String what,
            Consumer<VMDisk> create,
            Supplier<VMDisk> disk,
            Consumer<VMDisk> destroyed,
            VMEventSource.Restore telling) {
        go(what, create, disk, destroyed, telling, true);
    }

    /** Goes back to before the boot. */
    void goAndBoot(
            String what,
            Consumer<VMDisk> create,
            Supplier<VMDisk> disk,
            Consumer<VMDisk> destroyed,
            VMEventSource.Restore telling) {
        go(what, create, disk, destroyed, telling, false);
    }

    private void go(
            String what,
            Consumer<VMDisk> create,
            Supplier<VMDisk> disk,
            Consumer<VMDisk> destroyed,
            VMEventSource.Restore telling,
            boolean remembers) {
        VMDisk next = disk.get();
        telling.step(LaunchStep.DISK_MADE);
        vm.activity().begin();
        try {
            Runnable makeAnew = () -> {
                vm.beginReturn();
                parts.libvirt().domains().destroy(blueprint.domain());
                destroyed.accept(next);
                requireAlive();
                create.accept(next);
                telling.step(LaunchStep.DOMAIN_CREATED);
                // The metadata came back with the memory, or is that of a launch.
                vm.activity().tell();
                run(telling);
            };
            vm.policy().ifPresentOrElse(policy -> policy.whileUnchanged(makeAnew), makeAnew);
            awaitAgent();
            if (remembers) {
                vm.reviveGuest();
            }
            telling.step(LaunchStep.AGENT_READY);
            vm.endReturn();
            vm.endIfLost();
            vm.requireAlive(what);
        } catch (RuntimeException | Error e) {
            vm.died("its " + what.toLowerCase(Locale.ROOT) + " failed: " + e.getMessage());
            if (e instanceof AgentVMException failure) {
                throw failure.during(what + " of '" + vm.name() + "', which was destroyed");
            }
            throw e;
        } finally {
            vm.activity().end();
        }
    }

    private void run(VMEventSource.Restore telling) {
        requireAlive();
        vm.policy().ifPresent(policy -> {
            policy.verify();
            telling.step(LaunchStep.POLICY_VERIFIED);
        });
        vm.reopenConsoleAfresh();
        blueprint.mac().ifPresent(mac -> {
            vm.watchTapAfresh(mac);
            vm.keepBandwidth();
            try {
                vm.forgetConnections();
            } catch (IOException e) {
                vm.returnWarning("restore: the host still keeps track of the VM's connections of before ("
                        + e.getMessage() + "); give this program CAP_NET_ADMIN");
            }
        });
        requireAlive();
        parts.libvirt().domains().resume(blueprint.domain());
        telling.step(LaunchStep.RESUMED);
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

    /** A VM that outlives this program is put back to the end; who closes the program waits for that. */
    private void requireAlive() {
        if (vm.isAttached()) {
            host.requireOpen("restore");
        }
        vm.requireAlive("restore");
    }
}
