package dev.agentvm;

import java.nio.file.Path;
import java.util.Optional;
import org.immutables.value.Value;

/** A file of a named image. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract class ImageFile {
    ImageFile() {}

    /** Where it lies on the hypervisor's host. */
    public abstract Path path();

    /** How long it is, in bytes. */
    public abstract long bytes();

    /** The SHA-256 that it had when it was added, as 64 lower-case hexadecimal digits, if the image's manifest says so. */
    public abstract Optional<String> sha256();

    /** Makes an {@link ImageFile}, as hypervisors do. Not thread-safe. */
    public static final class Builder extends ImmutableImageFile.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
