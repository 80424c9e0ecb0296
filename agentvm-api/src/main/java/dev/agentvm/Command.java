package dev.agentvm;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.immutables.value.Value;

/**
 * A program to run in a VM. Immutable, safe for use by many threads.
 *
 * <p>The arguments reach the program as they are, in UTF-8: no shell reads them, unless {@link #shell} asks for one. Its
 * environment and its standard input do not appear in {@link #toString}, since secrets travel there.
 */
@ValueStyle
@Value.Immutable
public abstract class Command implements WithCommand {
    /** The most bytes of all arguments and the environment together. */
    public static final int MAX_ARGUMENT_BYTES = 32 * 1024;
    /** The most bytes of standard input. */
    public static final int MAX_STDIN_BYTES = 1024 * 1024;
    /**
     * The most bytes of output that {@link VM#exec} returns, standard output and standard error together. What
     * {@link VM#start} streams has no limit.
     */
    public static final int MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

    private static final Pattern USER = Pattern.compile("[A-Za-z_][A-Za-z0-9_.-]{0,31}");
    private static final Pattern VARIABLE = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

    Command() {}

    /** The program, found on the guest's PATH unless it has a slash, and its arguments. */
    public static Command of(String program, String... arguments) {
        return new Builder().addArgv(program).addArgv(arguments).build();
    }

    /** A script for the guest's {@code /bin/sh}. */
    public static Command shell(String script) {
        return of("/bin/sh", "-c", script);
    }

    /** The program and its arguments; well-formed, without NUL characters. */
    public abstract List<String> argv();

    /**
     * Variables added to the environment that the guest gives; names of A-Z a-z 0-9 _ that begin with no digit, values
     * well-formed and without NUL characters.
     */
    @Value.Redacted
    public abstract Map<String, String> environment();

    /** The absolute path in the guest where it starts; the guest agent's own if empty. */
    public abstract Optional<String> workingDirectory();

    /**
     * The guest's user that it runs as, with that user's groups, HOME, USER and LOGNAME; the guest agent's own, root as a
     * rule, if empty. The working directory is entered before.
     */
    public abstract Optional<String> user();

    /** What it reads from its standard input, at most {@link #MAX_STDIN_BYTES}; empty if not said. */
    @Value.Redacted
    @Value.Default
    public byte[] stdin() {
        return new byte[0];
    }

    /** How long it may run, more than zero and at most 3650 days; ten minutes if not said. Then it is killed. */
    @Value.Default
    public Duration timeout() {
        return Duration.ofMinutes(10);
    }

    /**
     * How much output {@link VM#exec} returns, and what becomes of more; {@link #MAX_OUTPUT_BYTES}, else it fails, if not
     * said. {@link VM#start} takes no notice of it.
     */
    @Value.Default
    public OutputLimit outputLimit() {
        return OutputLimit.fail(MAX_OUTPUT_BYTES);
    }

    /** This command, with the UTF-8 bytes of {@code text} for its standard input. */
    public final Command withStdinText(String text) {
        return withStdin(text.getBytes(StandardCharsets.UTF_8));
    }

    @Value.Check
    void check() {
        if (argv().isEmpty() || argv().get(0).isEmpty()) {
            throw new InvalidValueException("argv", argv(), "must name a program");
        }
        argv().forEach(argument -> text("argv", argument, argument));
        environment().forEach((name, value) -> {
            if (!VARIABLE.matcher(name).matches()) {
                throw new InvalidValueException(
                        "environment", name, "a name must be letters, digits and _, and not begin with a digit");
            }
            text("environment", name, value);
        });
        workingDirectory().ifPresent(directory -> {
            text("workingDirectory", directory, directory);
            if (!directory.startsWith("/")) {
                throw new InvalidValueException("workingDirectory", directory, "must be an absolute path in the guest");
            }
        });
        user().filter(name -> !USER.matcher(name).matches()).ifPresent(name -> {
            throw new InvalidValueException(
                    "user",
                    name,
                    "must be letters, digits, _, . and -, 32 at most, and not begin with a digit, . or -");
        });
        long bytes = argv().stream().mapToLong(Command::utf8Length).sum()
                + environment().entrySet().stream()
                        .mapToLong(variable -> utf8Length(variable.getKey()) + utf8Length(variable.getValue()))
                        .sum();
        if (bytes > MAX_ARGUMENT_BYTES) {
            throw new InvalidValueException(
                    "argv",
                    bytes + " bytes",
                    "arguments and environment may be at most " + MAX_ARGUMENT_BYTES
                            + " bytes together; pass more by standard input or a file");
        }
        if (stdin().length > MAX_STDIN_BYTES) {
            throw new InvalidValueException(
                    "stdin", stdin().length + " bytes", "may be at most " + MAX_STDIN_BYTES + " bytes");
        }
        Checks.positive("timeout", timeout());
    }

    private static int utf8Length(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    /** An exec call ends a string at NUL, and UTF-8 has no form for a lone surrogate. The value itself may be secret. */
    private static void text(String field, String shown, String value) {
        boolean passable = value.codePoints().noneMatch(c -> c == 0 || Character.getType(c) == Character.SURROGATE);
        if (!passable) {
            throw new InvalidValueException(field, shown, "must not hold NUL or malformed characters");
        }
    }

    /** A builder that starts with this command. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /**
     * Makes a {@link Command}; {@code build()} throws {@link InvalidValueException} that names the field. Not
     * thread-safe.
     */
    public static final class Builder extends ImmutableCommand.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
