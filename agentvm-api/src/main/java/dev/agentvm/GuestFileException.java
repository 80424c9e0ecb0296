package dev.agentvm;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Something could not be done with a file of a guest; {@link #reason} says why. */
public class GuestFileException extends AgentVMException {
    private static final long serialVersionUID = 1L;

    private final Reason reason;

    /** Why something could not be done. */
    public enum Reason {
        /** There is nothing at that path. */
        NOT_FOUND,
        /** It, or something above it, is no directory. */
        NOT_A_DIRECTORY,
        /** It is a directory, or something else that is no file. */
        NOT_A_FILE,
        /** It is a directory that holds something. */
        NOT_EMPTY,
        /** The user may not do that, or the file system is read-only. */
        NOT_PERMITTED,
        /** The guest's disk is full, or a quota is used up. */
        NO_SPACE,
        /** It is more than was allowed. */
        TOO_BIG,
        /** What the guest sent cannot be understood, or wants what it may not. */
        MALFORMED,
        /** The guest has no {@code tar}, by which trees are copied. */
        NO_TAR,
        /** This machine's own files could not be read or written. */
        HOST,
        /** Whatever else the message says. */
        OTHER
    }

    /** A failure without another throwable behind it. */
    public GuestFileException(Reason reason, String message, FailureContext context) {
        this(reason, message, context, null);
    }

    /** A failure that {@code cause} led to. */
    public GuestFileException(Reason reason, String message, FailureContext context, @Nullable Throwable cause) {
        super(message, context, cause);
        this.reason = Objects.requireNonNull(reason, "reason");
    }

    /** Why it could not be done. */
    public Reason reason() {
        return reason;
    }
}
