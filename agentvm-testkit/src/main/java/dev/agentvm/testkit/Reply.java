package dev.agentvm.testkit;

import dev.agentvm.InvalidValueException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;

/** How a command in a fake guest ends, what it writes and how long it takes. Immutable, safe for use by many threads. */
public final class Reply {
    /** Longer than any command may run. */
    private static final Duration NEVER = Duration.ofDays(3651);

    private static final byte[] NOTHING = new byte[0];

    private final int exitCode;
    private final int signal;
    private final byte[] stdout;
    private final byte[] stderr;
    private final Duration duration;
    private final Output output;
    private final List<String> children;

    /** Where what it writes comes from. */
    private enum Output {
        GIVEN,
        ENDLESS,
        STDIN
    }

    private Reply(
            int exitCode,
            int signal,
            byte[] stdout,
            byte[] stderr,
            Duration duration,
            Output output,
            List<String> children) {
        this.exitCode = exitCode;
        this.signal = signal;
        this.stdout = stdout;
        this.stderr = stderr;
        this.duration = duration;
        this.output = output;
        this.children = children;
    }

    /** It returns {@code code}, 0 to 255, and writes nothing. */
    public static Reply exit(int code) {
        if (code < 0 || code > 255) {
            throw new InvalidValueException("code", code, "must be from 0 to 255");
        }
        return new Reply(code, 0, NOTHING, NOTHING, Duration.ZERO, Output.GIVEN, List.of());
    }

    /** It returns 0 and writes {@code stdout}. */
    public static Reply text(String stdout) {
        return exit(0).withStdout(stdout);
    }

    /** The signal of that number, 1 to 127, ends it. */
    public static Reply signal(int number) {
        if (number < 1 || number > 127) {
            throw new InvalidValueException("signal", number, "must be from 1 to 127");
        }
        return new Reply(0, number, NOTHING, NOTHING, Duration.ZERO, Output.GIVEN, List.of());
    }

    /** It never ends: its timeout is what it runs into. */
    public static Reply hang() {
        return exit(0).after(NEVER);
    }

    /**
     * It copies its standard input to its standard output, and returns 0 when that has ended. Who writes waits while
     * some MiB of the output are not read.
     */
    public static Reply echo() {
        return new Reply(0, 0, NOTHING, NOTHING, Duration.ZERO, Output.STDIN, List.of());
    }

    /** It writes more than any command may, and never ends. */
    public static Reply endlessOutput() {
        return new Reply(0, 0, NOTHING, NOTHING, Duration.ZERO, Output.ENDLESS, List.of());
    }

    /** This reply with other output, in UTF-8. */
    public Reply withStdout(String text) {
        return withStdout(text.getBytes(StandardCharsets.UTF_8));
    }

    /** This reply with other output. */
    public Reply withStdout(byte[] bytes) {
        return new Reply(exitCode, signal, bytes.clone(), stderr, duration, Output.GIVEN, children);
    }

    /** This reply with other errors, in UTF-8. */
    public Reply withStderr(String text) {
        return new Reply(exitCode, signal, stdout, text.getBytes(StandardCharsets.UTF_8), duration, output, children);
    }

    /** This reply, which comes only after that (virtual) time, not negative. */
    public Reply after(Duration time) {
        if (time.isNegative()) {
            throw new InvalidValueException("time", time, "must not be negative");
        }
        return new Reply(exitCode, signal, stdout, stderr, Objects.requireNonNull(time, "time"), output, children);
    }

    /** This reply of a command that has started these programs, which run as long as it does. */
    Reply withChildren(String... programs) {
        return new Reply(exitCode, signal, stdout, stderr, duration, output, List.of(programs));
    }

    OptionalInt exitCode() {
        return signal == 0 ? OptionalInt.of(exitCode) : OptionalInt.empty();
    }

    OptionalInt signal() {
        return signal == 0 ? OptionalInt.empty() : OptionalInt.of(signal);
    }

    byte[] stdout() {
        return stdout;
    }

    byte[] stderr() {
        return stderr;
    }

    Duration duration() {
        return duration;
    }

    List<String> children() {
        return children;
    }

    boolean isEndless() {
        return output == Output.ENDLESS;
    }

    boolean isEcho() {
        return output == Output.STDIN;
    }

    /** What it becomes for a command whose whole input is known. */
    Reply withStdin(byte[] stdin) {
        return isEcho() ? new Reply(exitCode, signal, stdin.clone(), stderr, duration, Output.GIVEN, children) : this;
    }

    /** Whether it writes more than {@code limit} bytes. */
    boolean exceeds(int limit) {
        return output == Output.ENDLESS || (long) stdout.length + stderr.length > limit;
    }

    @Override
    public String toString() {
        return "Reply{" + (signal == 0 ? "exit " + exitCode : "signal " + signal) + ", " + stdout.length + " + "
                + stderr.length + " bytes, after " + duration + "}";
    }
}
