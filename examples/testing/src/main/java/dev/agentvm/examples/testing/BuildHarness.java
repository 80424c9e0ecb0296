package dev.agentvm.examples.testing;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExecResult;
import dev.agentvm.Hypervisor;
import dev.agentvm.Resources;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.network.NetworkPolicy;
import java.util.List;

/** Runs the steps of an untrusted build in a VM of its own, one after the other, until one fails. */
public final class BuildHarness {
    private static final int ATTEMPTS = 2;

    private final Hypervisor hypervisor;

    /** Runs builds on that hypervisor. */
    public BuildHarness(Hypervisor hypervisor) {
        this.hypervisor = hypervisor;
    }

    /** How a build ended: what its steps printed, and why it stopped, empty if it did not. */
    public record Report(String log, String failure) {
        /** Whether all steps ran. */
        public boolean passed() {
            return failure.isEmpty();
        }
    }

    /** What builds may reach: HTTPS and name resolution, nothing else. */
    public static NetworkPolicy policy() {
        return NetworkPolicy.agentDefault().toBuilder()
                .removeRules(rule -> !rule.reason().startsWith("HTTPS"))
                .build();
    }

    static VMTemplate template() {
        return new VMTemplate.Builder()
                .name("build")
                .resources(new Resources.Builder()
                        .vcpus(1)
                        .memoryMiB(256)
                        .diskGiB(1)
                        .build())
                .networkPolicy(policy())
                .build();
    }

    /** Runs {@code steps} in a new VM, which is gone afterwards. */
    public Report run(List<Command> steps) {
        StringBuilder log = new StringBuilder();
        try (VM vm = launch()) {
            for (Command step : steps) {
                String name = String.join(" ", step.argv());
                ExecResult result;
                try {
                    result = vm.exec(step);
                } catch (CommandTimeoutException e) {
                    return new Report(log.toString(), name + " took too long");
                }
                log.append(result.stdoutText());
                if (!result.success()) {
                    return new Report(log.toString(), name + " failed");
                }
            }
        }
        return new Report(log.toString(), "");
    }

    /** Tries again what is worth it. */
    private VM launch() {
        for (int attempt = 1; ; attempt++) {
            try {
                return hypervisor.launch(template());
            } catch (AgentVMException e) {
                if (!e.retryable() || attempt == ATTEMPTS) {
                    throw e;
                }
            }
        }
    }
}
