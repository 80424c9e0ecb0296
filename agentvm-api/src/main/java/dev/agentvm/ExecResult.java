package dev.agentvm;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.OptionalInt;
import org.immutables.value.Value;

/** How a command in a VM ended, and all it wrote. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract class ExecResult {
    ExecResult() {}

    /** What the program returned, 0 to 255; empty if a signal ended it. */
    public abstract OptionalInt exitCode();

    /** The number of the signal that ended the program, 1 to 127 in the guest's numbering; empty if it returned. */
    public abstract OptionalInt signal();

    /** All that it wrote to its standard output. */
    @Value.Redacted
    public abstract byte[] stdout();

    /** All that it wrote to its standard error. */
    @Value.Redacted
    public abstract byte[] stderr();

    /** The time from the call until its end was known. */
    public abstract Duration duration();

    /** Its standard output as UTF-8; malformed bytes become U+FFFD. */
    public final String stdoutText() {
        return new String(stdout(), StandardCharsets.UTF_8);
    }

    /** Its standard error as UTF-8; malformed bytes become U+FFFD. */
    public final String stderrText() {
        return new String(stderr(), StandardCharsets.UTF_8);
    }

    /** Whether it returned 0. */
    public final boolean success() {
        return exitCode().equals(OptionalInt.of(0));
    }

    @Value.Check
    void check() {
        if (exitCode().isPresent() == signal().isPresent()) {
            throw new InvalidValueException(
                    "exitCode and signal", exitCode() + ", " + signal(), "exactly one is present");
        }
        exitCode().ifPresent(code -> Checks.within("exitCode", code, 0, 255));
        signal().ifPresent(number -> Checks.within("signal", number, 1, 127));
        if (duration().isNegative()) {
            throw new InvalidValueException("duration", duration(), "must not be negative");
        }
    }

    /** Makes an {@link ExecResult}, as hypervisors do. Not thread-safe. */
    public static final class Builder extends ImmutableExecResult.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
