package dev.agentvm;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
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

    /** What it wrote to its standard output: all, unless {@link #stdoutOmission} says otherwise. */
    @Value.Redacted
    public abstract byte[] stdout();

    /** What it wrote to its standard error: all, unless {@link #stderrOmission} says otherwise. */
    @Value.Redacted
    public abstract byte[] stderr();

    /** What {@link OutputLimit#keepEnds} left out of {@link #stdout}; empty if it is complete. */
    public abstract Optional<Omission> stdoutOmission();

    /** What {@link OutputLimit#keepEnds} left out of {@link #stderr}; empty if it is complete. */
    public abstract Optional<Omission> stderrOmission();

    /**
     * Bytes that are not there. Immutable, safe for use by many threads.
     *
     * @param position how many bytes come before them
     * @param bytes how many they are, more than 0
     */
    public record Omission(int position, long bytes) {}

    /** The time from the call until its end was known. */
    public abstract Duration duration();

    /**
     * Its standard output as UTF-8; malformed bytes become U+FFFD. Where something was left out, a line in brackets says
     * how much, and characters that the gap cuts through are left out too.
     */
    public final String stdoutText() {
        return text(stdout(), stdoutOmission());
    }

    /** Its standard error, as {@link #stdoutText}. */
    public final String stderrText() {
        return text(stderr(), stderrOmission());
    }

    private static String text(byte[] bytes, Optional<Omission> omission) {
        if (omission.isEmpty()) {
            return new String(bytes, StandardCharsets.UTF_8);
        }
        int position = omission.get().position();
        int head = endOfCharacters(bytes, position);
        int tail = startOfCharacters(bytes, position);
        long leftOut = omission.get().bytes() + (position - head) + (tail - position);
        return new String(bytes, 0, head, StandardCharsets.UTF_8) + "\n[… " + leftOut + " bytes left out …]\n"
                + new String(bytes, tail, bytes.length - tail, StandardCharsets.UTF_8);
    }

    /** Where the last whole character before {@code end} ends. */
    private static int endOfCharacters(byte[] bytes, int end) {
        int lead = end - 1;
        while (lead >= 0 && end - lead < 4 && isContinuation(bytes[lead])) {
            lead--;
        }
        return lead >= 0 && end - lead < lengthOfCharacter(bytes[lead]) ? lead : end;
    }

    /** Where the first whole character from {@code begin} on starts. */
    private static int startOfCharacters(byte[] bytes, int begin) {
        int start = begin;
        while (start < bytes.length && start - begin < 3 && isContinuation(bytes[start])) {
            start++;
        }
        return start;
    }

    private static boolean isContinuation(byte one) {
        return (one & 0xC0) == 0x80;
    }

    /** By its first byte; 1 for one that begins no character. */
    private static int lengthOfCharacter(byte first) {
        int bits = first & 0xFF;
        return bits >= 0xF0 && bits < 0xF8 ? 4 : bits >= 0xE0 && bits < 0xF0 ? 3 : bits >= 0xC0 && bits < 0xE0 ? 2 : 1;
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
        omission("stdoutOmission", stdoutOmission(), stdout());
        omission("stderrOmission", stderrOmission(), stderr());
        if (duration().isNegative()) {
            throw new InvalidValueException("duration", duration(), "must not be negative");
        }
    }

    private static void omission(String field, Optional<Omission> omission, byte[] bytes) {
        omission.ifPresent(gap -> {
            if (gap.position() < 0 || gap.position() > bytes.length || gap.bytes() <= 0) {
                throw new InvalidValueException(field, gap, "must be of bytes between others of the output");
            }
        });
    }

    /** Makes an {@link ExecResult}, as hypervisors do. Not thread-safe. */
    public static final class Builder extends ImmutableExecResult.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
