package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.GuestAgentException;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.VMFiles;
import dev.agentvm.VMProcess;
import dev.agentvm.libvirt.internal.files.CommandFiles;
import dev.agentvm.libvirt.internal.guest.GuestAgent;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** What is done in a VM through one handle. Safe for use by many threads. */
final class Commands {
    private final LibvirtVM vm;
    private final Function<String, GuestAgent> agent;
    private final VMFiles files;

    /** @param agent gives the agent for an operation, or throws what is said of a VM that is gone or is put back */
    Commands(LibvirtVM vm, Function<String, GuestAgent> agent) {
        this.vm = vm;
        this.agent = agent;
        this.files = new CommandFiles(vm.name(), this::run, this::begin, vm.ports());
    }

    VMFiles files() {
        return files;
    }

    ExecResult exec(Command command) {
        vm.requireAlive("exec");
        return vm.events().tellEnd(command, () -> run(command));
    }

    /** Runs a command of the library's own too, of which nothing is told. */
    private ExecResult run(Command command) {
        GuestAgent present = agent.apply("exec");
        vm.activity().begin();
        try {
            return present.exec(command);
        } catch (HypervisorUnavailableException | GuestAgentException e) {
            throw vm.explain("exec", e);
        } finally {
            vm.activity().end();
        }
    }

    VMProcess start(Command command) {
        vm.requireAlive("start");
        Instant begin = vm.events().now();
        VMProcess process;
        try {
            process = begin(command);
        } catch (AgentVMException e) {
            vm.events().commandFailed(command, begin, e);
            throw e;
        }
        CompletableFuture<Void> unused =
                process.onExit().thenAccept(status -> vm.events().commandEnded(command, begin, status));
        return process;
    }

    private VMProcess begin(Command command) {
        GuestAgent present = agent.apply("start");
        vm.activity().begin();
        VMProcess process;
        try {
            process = present.start(command, e -> vm.explain("start", e));
        } catch (HypervisorUnavailableException | GuestAgentException e) {
            vm.activity().end();
            throw vm.explain("start", e);
        } catch (RuntimeException e) {
            vm.activity().end();
            throw e;
        }
        CompletableFuture<Void> unused = process.onExit().thenRun(vm.activity()::end);
        return process;
    }
}
