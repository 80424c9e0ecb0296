package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.GuestAgentException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Runs small scripts of our own in the guest, whatever interrupts. */
final class ScriptRunner {
    private final AgentCalls calls;

    ScriptRunner(AgentCalls calls) {
        this.calls = calls;
    }

    /** Runs a script and waits for its end. */
    AgentCalls.Status run(String what, String script, List<String> parameters, Duration timeout) {
        return run(what, Scripts.SHELL, timeout, Scripts.arguments(script, parameters));
    }

    /** The same, with standard input. */
    AgentCalls.Status run(String what, String script, List<String> parameters, byte[] input, Duration timeout) {
        return run(what, Scripts.SHELL, timeout, Scripts.arguments(script, parameters), input);
    }

    /** Removes files or directories; those that are not there are no matter. */
    void remove(List<String> paths, Duration timeout) {
        List<String> arguments = new ArrayList<>(List.of("-rf"));
        arguments.addAll(paths);
        run("Removing files", "rm", timeout, arguments);
    }

    private AgentCalls.Status run(String what, String program, Duration timeout, List<String> arguments) {
        return run(what, program, timeout, arguments, new byte[0]);
    }

    private AgentCalls.Status run(String what, String program, Duration timeout, List<String> arguments, byte[] input) {
        long deadline = System.nanoTime() + timeout.toNanos();
        long pid = calls.exec(program, arguments, input, timeout, late -> {});
        return awaitEnd(what, pid, deadline);
    }

    /** Waits for the end of a process, which the agent then forgets. */
    AgentCalls.Status awaitEnd(String what, long pid, long deadline) {
        Backoff backoff = new Backoff(System.nanoTime());
        while (true) {
            AgentCalls.Status status = calls.status(pid, Backoff.left(deadline));
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
