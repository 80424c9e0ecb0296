package dev.agentvm.cloudinit;

import dev.agentvm.InvalidValueException;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.immutables.value.Value;

/** A user that cloud-init makes, or changes if the image has one of that name. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract class CloudInitUser implements WithCloudInitUser {
    private static final Pattern NAME = Pattern.compile("[a-z_][a-z0-9_-]{0,31}");
    private static final Pattern KEY = Pattern.compile(
            "(sk-)?(ssh|ecdsa)-[a-z0-9-]+(@openssh\\.com)? [A-Za-z0-9+/]{16,16384}={0,2}( [^\\p{Cntrl}]{1,256})?");
    private static final Pattern HASH =
            Pattern.compile("\\$[A-Za-z0-9]+\\$[A-Za-z0-9./$=,+_-]{0,256}[A-Za-z0-9./]{13,256}");

    CloudInitUser() {}

    /** The name: a lower-case letter or _, then up to 31 of a-z 0-9 _ -; not {@code root}, who needs no making. */
    public abstract String name();

    /** The public SSH keys that may log in, each one line of an {@code authorized_keys} file, without options before it. */
    public abstract List<String> sshKeys();

    /**
     * What the password is checked against, as {@code openssl passwd -6} prints it. Without it no password lets in. It is
     * left out of {@link #toString}.
     */
    @Value.Redacted
    public abstract Optional<String> passwordHash();

    /** Whether it may do all that root may, by {@code sudo} without a password; it may not if not said. */
    @Value.Default
    public boolean sudo() {
        return false;
    }

    @Value.Check
    void check() {
        if (!NAME.matcher(name()).matches() || name().equals("root")) {
            throw new InvalidValueException(
                    "name", name(), "must be a lower-case letter or _, then up to 31 of a-z 0-9 _ -, and not root");
        }
        for (String key : sshKeys()) {
            if (!KEY.matcher(key).matches() || !key.codePoints().allMatch(CloudInit::isText)) {
                // Whoever takes the private key for the public one must not read it in a log.
                throw new InvalidValueException(
                        "sshKeys",
                        key.startsWith("ssh-") || key.startsWith("ecdsa-") ? key : "not shown",
                        "must be a public key as ssh-keygen writes it to a .pub file: its type, its data and perhaps a"
                                + " comment, on one line without control characters");
            }
        }
        if (passwordHash().isPresent() && !HASH.matcher(passwordHash().get()).matches()) {
            throw new InvalidValueException(
                    "passwordHash",
                    "not shown",
                    "must be a hash as 'openssl passwd -6' prints it, such as $6$salt$…, never the password itself");
        }
    }

    /** A builder that starts with this user. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /**
     * Makes a {@link CloudInitUser}; {@code build()} throws {@link InvalidValueException} that names the field. Not
     * thread-safe.
     */
    public static final class Builder extends ImmutableCloudInitUser.Builder {
        /** Starts with a user without keys, password and sudo. */
        public Builder() {}
    }
}
