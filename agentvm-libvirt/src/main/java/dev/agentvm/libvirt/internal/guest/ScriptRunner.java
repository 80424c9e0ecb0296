package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.GuestAgentException;
import java.time.Duration;
import java.util.List;

/** Runs small scripts of our own in the guest, whatever interrupts. */
final class ScriptRunner {
    private final AgentCalls calls;

    ScriptRunner(AgentCalls calls) {
        this.calls = calls;
    }

    /** Runs a script and waits for its end. */
    AgentCalls.Status run(String what, String script, List<String> parameters, Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        long pid = calls.exec(Scripts.SHELL, Scripts.arguments(script, parameters), new byte[0], late -> {});
        return awaitEnd(what, pid, deadline);
    }

    /** Waits for the end of a process, which the agent then forgets. */
    AgentCalls.Status awaitEnd(String what, long pid, long deadline) {
        Backoff backoff = new Backoff(System.nanoTime());
        while (true) {
            AgentCalls.Status status = calls.status(pid);
            if (status.exited()) {
                return status;
            }
            long now = System.nanoTime();
            if (now - deadline >= 0) {
                throw new GuestAgentException(
                        what + " did not end in the guest " + calls.vmName() + " in time", calls.context());
            }
            calls.queue().pauseUninterrupted(backoff.next(now, deadline, 1));
        }
    }
}
