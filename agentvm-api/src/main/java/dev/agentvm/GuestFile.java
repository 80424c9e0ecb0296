package dev.agentvm;

import dev.agentvm.spi.GuestPaths;
import java.time.Instant;
import java.util.Optional;
import org.immutables.value.Value;

/** A file in a guest, or a directory or whatever else has a path there. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract class GuestFile {

    GuestFile() {}

    /** What it is. */
    public enum Kind {
        /** A file that holds bytes. */
        FILE,
        /** A directory. */
        DIRECTORY,
        /** A symbolic link. */
        LINK,
        /** A socket, a pipe or a device. */
        OTHER
    }

    /** Its absolute path. */
    public abstract String path();

    /** What it is. */
    public abstract Kind kind();

    /** How many bytes a file holds; of others, whatever the guest says. */
    public abstract long size();

    /** Who may do what with it, four octal digits. */
    public abstract String permissions();

    /** The number of the user that it belongs to. */
    public abstract long uid();

    /** The number of the group that it belongs to. */
    public abstract long gid();

    /** When what it holds was last changed, in whole seconds. */
    public abstract Instant modified();

    /** Where a symbolic link points, as it is written there; empty if it is none. */
    public abstract Optional<String> linkTarget();

    /** The last part of its path; empty for the root directory. */
    public final String name() {
        return path().substring(path().lastIndexOf('/') + 1);
    }

    /** Whether it is a file that holds bytes. */
    public final boolean isFile() {
        return kind() == Kind.FILE;
    }

    /** Whether it is a directory. */
    public final boolean isDirectory() {
        return kind() == Kind.DIRECTORY;
    }

    @Value.Check
    void check() {
        String unused = GuestPaths.checkPermissions(permissions());
        if (size() < 0) {
            throw new InvalidValueException("size", size(), "must not be negative");
        }
    }

    /** Makes a {@link GuestFile}, as hypervisors do. Not thread-safe. */
    public static final class Builder extends ImmutableGuestFile.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
