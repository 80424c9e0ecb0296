package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.GuestAgentException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMRestoredException;
import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import java.time.Duration;
import java.util.OptionalInt;

/**
 * Tells what may come round from what is lost: a guest that is out of breath or paused, a libvirt that is restarted.
 * Used by one thread.
 */
final class Breath {
    private final long silence;
    private boolean failing;
    private long since;

    Breath(Duration silence) {
        this.silence = silence.toNanos();
    }

    /** Whether the same call may succeed later. */
    static boolean isTemporary(AgentVMException failure) {
        return !(failure instanceof VMRestoredException)
                && (failure.retryable()
                        || !(failure instanceof GuestAgentException || failure instanceof VMDestroyedException));
    }

    /** Whether libvirt says that the guest does not run at present, so that its silence says nothing of it. */
    static boolean standsStill(AgentVMException failure) {
        return isTemporary(failure) && failure.libvirtCode().equals(OptionalInt.of(ErrorCode.OPERATION_INVALID));
    }

    void answered() {
        failing = false;
    }

    /** Whether this failure is the end of it; the call began at {@code begin}, in nanoseconds. */
    boolean isSpent(AgentVMException failure, long begin) {
        if (standsStill(failure)) {
            answered();
            return false;
        }
        if (!failing) {
            failing = true;
            since = begin;
        }
        return !isTemporary(failure) || System.nanoTime() - since >= silence;
    }
}
