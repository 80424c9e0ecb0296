package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMRestoredException;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;

/** Kills processes in the guest with all that belong to them. Safe for use by many threads. */
record Killer(ScriptRunner scripts) {
    static final Duration PATIENCE = Duration.ofSeconds(15);

    /**
     * Kills the process and all that belong to it.
     *
     * @return whether none is left
     */
    boolean kill(long pid) {
        AgentCalls.Status killing =
                scripts.run("Killing processes", Scripts.KILL, List.of(Long.toString(pid)), PATIENCE);
        return killing.exitCode().equals(OptionalInt.of(0));
    }

    /** Kills it, waits for its end, and says how that went. */
    String killAndAwait(String name, long pid) {
        try {
            long until = System.nanoTime() + PATIENCE.toNanos();
            boolean all = kill(pid);
            scripts.awaitEnd(name, pid, until);
            return fate(all);
        } catch (VMDestroyedException | VMRestoredException e) {
            throw e;
        } catch (AgentVMException e) {
            return failed(e);
        }
    }

    /** How that went, in words. */
    static String fate(boolean all) {
        return all
                ? "; it was killed, with all its processes except daemons"
                : "; it was killed, but some of its processes may be left";
    }

    static String failed(AgentVMException e) {
        return "; killing it failed (" + e.getMessage() + ")";
    }
}
