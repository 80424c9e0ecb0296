package dev.agentvm.testkit.assertions;

import dev.agentvm.ExecResult;
import dev.agentvm.VM;
import dev.agentvm.network.NetworkPolicy;

/**
 * Where assertions begin; they go along with AssertJ's own {@code assertThat}:
 *
 * <pre>{@code
 * import static dev.agentvm.network.Flow.tcp;
 * import static dev.agentvm.testkit.assertions.AgentVMAssertions.assertThat;
 *
 * assertThat(policy).allows(tcp("93.184.216.34", 443), tcp("example.com", 443)).denies(tcp("10.0.0.1", 443));
 * assertThat(vm).isRunning().exec("git", "status").succeeds().printsLine("nothing to commit");
 * }</pre>
 *
 * <p>Filters know addresses only: a flow to a name such as {@code example.com} stands for one to some public address, as
 * {@link dev.agentvm.network.Flow#destinationName} says. It tells nothing of which names resolve. Stateless, safe for use by
 * many threads.
 */
public final class AgentVMAssertions {
    private AgentVMAssertions() {}

    /** Begins assertions about a policy. */
    public static NetworkPolicyAssert assertThat(NetworkPolicy actual) {
        return new NetworkPolicyAssert(actual);
    }

    /** Begins assertions about a VM. */
    public static VMAssert assertThat(VM actual) {
        return new VMAssert(actual);
    }

    /** Begins assertions about the result of a command. */
    public static ExecResultAssert assertThat(ExecResult actual) {
        return new ExecResultAssert(actual);
    }
}
