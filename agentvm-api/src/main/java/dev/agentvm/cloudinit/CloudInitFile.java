package dev.agentvm.cloudinit;

import dev.agentvm.InvalidValueException;
import dev.agentvm.spi.GuestPaths;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Pattern;
import org.immutables.value.Value;

/** A file that cloud-init writes. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract class CloudInitFile implements WithCloudInitFile {
    private static final Pattern OWNER = Pattern.compile("[a-z_][a-z0-9_-]{0,31}(:[a-z_][a-z0-9_-]{0,31})?");
    private static final int MAX_PATH = 1024;

    CloudInitFile() {}

    /**
     * Where it is written: an absolute path in the guest without {@code .} and {@code ..} and control characters, at most
     * 1024 characters. Directories are made as needed.
     */
    public abstract String path();

    /** What it holds. It is left out of {@link #toString}. */
    @Value.Redacted
    public abstract byte[] content();

    /** Who may do what with it, four octal digits as {@code chmod} takes them; {@code 0644} if not said. */
    @Value.Default
    public String permissions() {
        return "0644";
    }

    /**
     * Whose it is, a user or {@code user:group}; {@code root:root} if not said. A file of root is written before packages are
     * installed, one of anybody else after the users have been made and the packages have been installed.
     */
    @Value.Default
    public String owner() {
        return "root:root";
    }

    @Value.Check
    void check() {
        if (!isPath(path())) {
            throw new InvalidValueException(
                    "path",
                    path(),
                    "must be an absolute path of a file, without '.', '..' and control characters, at most " + MAX_PATH
                            + " characters");
        }
        String unused = GuestPaths.checkPermissions(permissions());
        if (!OWNER.matcher(owner()).matches()) {
            throw new InvalidValueException("owner", owner(), "must be a user or user:group, such as agent:agent");
        }
    }

    private static boolean isPath(String path) {
        return path.startsWith("/")
                && path.length() <= MAX_PATH
                && path.codePoints().noneMatch(CloudInitFile::isUnprintable)
                && Arrays.stream(path.substring(1).split("/", -1))
                        .noneMatch(part -> part.isEmpty() || part.equals(".") || part.equals(".."));
    }

    private static boolean isUnprintable(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL, Character.SURROGATE, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR ->
                true;
            default -> (c & 0xfffe) == 0xfffe;
        };
    }

    /** A builder that starts with this file. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /**
     * Makes a {@link CloudInitFile}; {@code build()} throws {@link InvalidValueException} that names the field. Not
     * thread-safe.
     */
    public static final class Builder extends ImmutableCloudInitFile.Builder {
        /** Starts with root's permissions and nothing else. */
        public Builder() {}

        /** What it holds, as UTF-8. */
        public Builder text(String text) {
            return content(text.getBytes(StandardCharsets.UTF_8));
        }
    }
}
