package dev.agentvm;

import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * How a {@link VMProcess} ended: it returned an exit code, or a signal ended it, or this library has ended or lost it.
 * Exactly one of the three is present. Failures are equal if they are the same exception.
 *
 * <p>Immutable, safe for use by many threads.
 */
public final class ExitStatus {
    private final int exitCode;
    private final int signal;
    private final @Nullable AgentVMException failure;

    private ExitStatus(int exitCode, int signal, @Nullable AgentVMException failure) {
        this.exitCode = exitCode;
        this.signal = signal;
        this.failure = failure;
    }

    /** The program returned {@code code}, 0 to 255. */
    public static ExitStatus exited(int code) {
        Checks.within("exitCode", code, 0, 255);
        return new ExitStatus(code, 0, null);
    }

    /** The signal of that number ended the program, 1 to 127. */
    public static ExitStatus signaled(int number) {
        Checks.within("signal", number, 1, 127);
        return new ExitStatus(0, number, null);
    }

    /** How the program ended is not to be known, or was not its own doing, for that reason. */
    public static ExitStatus failed(AgentVMException reason) {
        return new ExitStatus(0, 0, Objects.requireNonNull(reason, "reason"));
    }

    /** What the program returned, 0 to 255. */
    public OptionalInt exitCode() {
        return failure == null && signal == 0 ? OptionalInt.of(exitCode) : OptionalInt.empty();
    }

    /** The number of the signal that ended the program, 1 to 127 in the guest's numbering. */
    public OptionalInt signal() {
        return signal == 0 ? OptionalInt.empty() : OptionalInt.of(signal);
    }

    /**
     * Why the program neither returned nor ended by a signal of somebody else: a {@link CommandTimeoutException}, it was
     * killed when its time was over; a {@link VMDestroyedException}, its VM is gone; a {@link CommandStartException}, it
     * turned out that the program could not be run; a {@link GuestAgentException}, the guest's agent is silent or has lost
     * it; another {@link AgentVMException}, its hypervisor is gone, and the program may go on.
     */
    public Optional<AgentVMException> failure() {
        return Optional.ofNullable(failure);
    }

    /** Whether it returned 0. */
    public boolean success() {
        return exitCode().equals(OptionalInt.of(0));
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof ExitStatus status
                && exitCode == status.exitCode
                && signal == status.signal
                && Objects.equals(failure, status.failure);
    }

    @Override
    public int hashCode() {
        return Objects.hash(exitCode, signal, failure);
    }

    @Override
    public String toString() {
        return failure != null
                ? "failure: " + failure.getMessage()
                : signal == 0 ? "exit " + exitCode : "signal " + signal;
    }
}
