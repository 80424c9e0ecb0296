package dev.agentvm;

import java.time.Duration;
import java.util.Optional;
import org.immutables.value.Value;

/** How much a copy may be, and who is told of it. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract class CopyOptions implements WithCopyOptions {
    CopyOptions() {}

    /** At most 10 GiB in a million entries, within an hour. */
    public static CopyOptions standard() {
        return new Builder().build();
    }

    /** How many bytes the files may hold together, not negative; 10 GiB if not said. */
    @Value.Default
    public long maxBytes() {
        return 10L << 30;
    }

    /** How many files, directories and links there may be, not negative; a million if not said. */
    @Value.Default
    public long maxEntries() {
        return 1_000_000;
    }

    /** How long it may take, more than zero and at most 3650 days; one hour if not said. */
    @Value.Default
    public Duration timeout() {
        return Duration.ofHours(1);
    }

    /**
     * Whether a copy out of a guest has links that point outside of it too. Whoever follows such a link on this machine gets a
     * file of the guest's choice. False if not said.
     */
    @Value.Default
    public boolean outsideLinks() {
        return false;
    }

    /**
     * Whether what a copy out of a guest makes may be written by its group and by others, where it may in the guest. Else
     * everybody else on this machine only has what reading and executing the guest grants them, and the report names what
     * was {@link CopyReport#narrowed() narrowed}. False if not said.
     */
    @Value.Default
    public boolean writableByOthers() {
        return false;
    }

    /** Who is told how far it has come. */
    public abstract Optional<CopyListener> listener();

    @Value.Check
    void check() {
        if (maxBytes() < 0) {
            throw new InvalidValueException("maxBytes", maxBytes(), "must not be negative");
        }
        if (maxEntries() < 0) {
            throw new InvalidValueException("maxEntries", maxEntries(), "must not be negative");
        }
        Checks.positive("timeout", timeout());
    }

    /** A builder that starts with these options. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /**
     * Makes {@link CopyOptions}; {@code build()} throws {@link InvalidValueException} that names the field. Not
     * thread-safe.
     */
    public static final class Builder extends ImmutableCopyOptions.Builder {
        /** Starts with the standard options. */
        public Builder() {}
    }
}
