package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.OptionalInt;

/** What a guest must be told whose memory is of another time. */
final class Revival {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int SEED = 64;
    private static final Duration TOLERANCE = Duration.ofSeconds(2);
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final AgentCalls calls;
    private final ScriptRunner scripts;

    Revival(AgentCalls calls, ScriptRunner scripts) {
        this.calls = calls;
        this.scripts = scripts;
    }

    /**
     * Sets the clock, and lets random numbers take another course.
     *
     * @return whether they do from now on; else the kernel goes on as it did before, for at most a minute
     */
    boolean tell(Clock clock) {
        setTime(clock);
        byte[] seed = new byte[SEED];
        RANDOM.nextBytes(seed);
        AgentCalls.Status status =
                scripts.run("Renewing the random numbers", Scripts.RENEW_RANDOM_NUMBERS, List.of(), seed, PATIENCE);
        return status.exitCode().equals(OptionalInt.of(0));
    }

    /**
     * Sets the clock. The agent sets the hardware clock too, and fails where the guest has no program for that, having set
     * its own.
     */
    void setTime(Clock clock) {
        GuestAgentException refusal;
        try {
            calls.setTime(clock.instant());
            return;
        } catch (GuestAgentException e) {
            if (e.retryable()) {
                throw e;
            }
            refusal = e;
        }
        if (!isRight(clock)) {
            scripts.run("Setting the clock", Scripts.SET_CLOCK, List.of(Long.toString(seconds(clock))), PATIENCE);
            if (!isRight(clock)) {
                throw new GuestAgentException(
                        "The clock of " + calls.vmName() + " cannot be set: " + refusal.getMessage(),
                        FailureContext.of("set the clock").vm(calls.vmName()),
                        refusal);
            }
        }
    }

    private static long seconds(Clock clock) {
        return clock.instant().getEpochSecond();
    }

    private boolean isRight(Clock clock) {
        Instant guest = calls.time();
        return Duration.between(guest, clock.instant()).abs().compareTo(TOLERANCE) < 0;
    }
}
