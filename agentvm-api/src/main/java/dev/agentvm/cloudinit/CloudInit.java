package dev.agentvm.cloudinit;

import dev.agentvm.InvalidValueException;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.immutables.value.Value;

/**
 * What cloud-init shall do at a guest's first boot; for images that have cloud-init, as all vendors' cloud images do.
 *
 * <p>A launch does not wait for it: it may still be at work when the guest agent answers. {@code cloud-init status --wait}
 * in the guest waits for its end and says how it went.
 *
 * <p>Password hashes, files and commands may be secret. They are left out of {@link #toString} and of error messages. They
 * lie in the clear on a disk of the VM that the guest's root, and the host's, can read as long as the VM lives.
 *
 * <p>Immutable, safe for use by many threads.
 */
@ValueStyle
@Value.Immutable
public abstract class CloudInit implements WithCloudInit {
    /** The most that all files and commands may hold together, in bytes: 1 MiB, since guests are slow to read them. */
    public static final int MAX_BYTES = 1024 * 1024;

    private static final Pattern HOST_NAME = Pattern.compile(
            "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?" + "(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*");
    private static final int MAX_HOST_NAME = 253;
    private static final Pattern PACKAGE = Pattern.compile("[A-Za-z0-9][A-Za-z0-9+._:~=/-]{0,199}");

    CloudInit() {}

    /**
     * The guest's name, such as {@code builder} or {@code builder.example.com}: letters, digits and hyphens, dots between;
     * at most 253 characters, 63 from dot to dot. If empty, the VM's name with a hyphen for each character that a host name
     * cannot have.
     */
    public abstract Optional<String> hostName();

    /** The users that shall be there, each of another name; if none are said, those of the image's own configuration. */
    public abstract List<CloudInitUser> users();

    /**
     * Packages for the guest's package manager, such as {@code jq}, from the sources that the image has; the policy of the
     * network must let it reach them.
     */
    public abstract List<String> packages();

    /** Files to be written, each of another path. */
    public abstract List<CloudInitFile> files();

    /**
     * Scripts for the guest's {@code sh}, each run by one of its own, as root, in this order, after all else. One that fails
     * does not keep the next from running. Text without control characters other than line feeds and tabs.
     */
    @Value.Redacted
    public abstract List<String> commands();

    @Value.Check
    void check() {
        hostName().ifPresent(name -> {
            if (name.length() > MAX_HOST_NAME || !HOST_NAME.matcher(name).matches()) {
                throw new InvalidValueException(
                        "hostName",
                        name,
                        "must be letters, digits and hyphens with dots between, at most " + MAX_HOST_NAME
                                + " characters, 63 from dot to dot");
            }
        });
        unique("users", users(), CloudInitUser::name);
        unique("files", files(), CloudInitFile::path);
        for (String name : packages()) {
            if (!PACKAGE.matcher(name).matches()) {
                throw new InvalidValueException(
                        "packages",
                        name,
                        "must be a package's name: a letter or digit, then up to 199 of A-Z a-z 0-9 + . _ : ~ = / -");
            }
        }
        for (int i = 0; i < commands().size(); i++) {
            checkCommand(i, commands().get(i));
        }
        long bytes = files().stream().mapToLong(file -> file.content().length).sum()
                + commands().stream()
                        .mapToLong(command -> 3L * command.length())
                        .sum();
        if (bytes > MAX_BYTES) {
            throw new InvalidValueException(
                    "files", bytes, "must not hold more than " + MAX_BYTES + " bytes, together with the commands");
        }
    }

    private static void checkCommand(int index, String command) {
        if (command.isBlank() || !command.codePoints().allMatch(CloudInit::isText)) {
            throw new InvalidValueException(
                    "commands",
                    "[" + index + "], not shown",
                    "must be text, not blank, without control characters other than line feeds and tabs;"
                            + " put other bytes into a file");
        }
    }

    /** What YAML carries unchanged in a quoted text: it folds Unicode's line separators and has no way to write surrogates. */
    static boolean isText(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL -> c == '\n' || c == '\t';
            case Character.SURROGATE, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR -> false;
            default -> (c & 0xfffe) != 0xfffe;
        };
    }

    private static <T> void unique(String field, List<T> values, Function<T, String> key) {
        Set<String> seen = new HashSet<>();
        for (T value : values) {
            if (!seen.add(key.apply(value))) {
                throw new InvalidValueException(field, key.apply(value), "must be there only once");
            }
        }
    }

    /** A builder that starts with this. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /**
     * Makes a {@link CloudInit}; {@code build()} throws {@link InvalidValueException} that names the field. Not thread-safe.
     */
    public static final class Builder extends ImmutableCloudInit.Builder {
        /** Starts with nothing to do but to give the guest its name. */
        public Builder() {}
    }
}
