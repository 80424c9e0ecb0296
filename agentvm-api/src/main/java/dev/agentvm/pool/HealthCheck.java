package dev.agentvm.pool;

import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.VM;
import dev.agentvm.VMState;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * What a VM must pass before it is lent.
 *
 * @param complaint what is wrong with a VM; empty if nothing is
 * @param timeout how long that may take; for ever if empty, for what cannot take long
 */
record HealthCheck(Function<VM, Optional<String>> complaint, Optional<Duration> timeout) {
    /** It has not ended and does not stand still. */
    static HealthCheck running() {
        return new HealthCheck(HealthCheck::notRunning, Optional.empty());
    }

    /** It runs, and the command returns 0. */
    static HealthCheck of(Command command) {
        return new HealthCheck(
                vm -> notRunning(vm).or(() -> notSuccessful(command, vm.exec(command))),
                Optional.of(command.timeout()));
    }

    /** It runs, and the predicate holds. */
    static HealthCheck of(Predicate<? super VM> check, Duration timeout) {
        return new HealthCheck(
                vm -> notRunning(vm)
                        .or(() -> check.test(vm) ? Optional.empty() : Optional.of("its health check said no")),
                Optional.of(timeout));
    }

    private static Optional<String> notRunning(VM vm) {
        VMState state = vm.state();
        return state == VMState.RUNNING
                ? Optional.empty()
                : Optional.of(vm.endReason().orElse("it is " + state + " instead of RUNNING"));
    }

    private static Optional<String> notSuccessful(Command command, ExecResult result) {
        return result.success()
                ? Optional.empty()
                : Optional.of("its health check '" + String.join(" ", command.argv()) + "' ended with "
                        + (result.exitCode().isPresent()
                                ? "exit code " + result.exitCode().getAsInt()
                                : "signal " + result.signal().orElseThrow()));
    }
}
