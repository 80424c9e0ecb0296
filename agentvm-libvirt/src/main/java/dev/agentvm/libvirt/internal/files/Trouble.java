package dev.agentvm.libvirt.internal.files;

import dev.agentvm.AgentVMException;
import dev.agentvm.ExitStatus;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestFileException;
import dev.agentvm.GuestFileException.Reason;
import dev.agentvm.libvirt.internal.guest.Excerpt;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * What went wrong with a file, in words.
 *
 * @param vmName the VM
 * @param operation what is being done, as in {@code "write"}
 * @param what what it is done to, as in {@code "write of '/etc/motd'"}
 */
record Trouble(String vmName, String operation, String what) {
    private static final int NO_PROGRAM = 127;
    private static final int SAID = 1000;

    /** What programs say in the C locale of glibc, musl and shells that have words of their own. */
    private static final Map<String, Reason> REASONS = new LinkedHashMap<>();

    static {
        REASONS.put("no space left", Reason.NO_SPACE);
        REASONS.put("quota exceeded", Reason.NO_SPACE);
        REASONS.put("permission denied", Reason.NOT_PERMITTED);
        REASONS.put("operation not permitted", Reason.NOT_PERMITTED);
        REASONS.put("read-only file system", Reason.NOT_PERMITTED);
        REASONS.put("can't cd to", Reason.NOT_PERMITTED);
        REASONS.put("directory not empty", Reason.NOT_EMPTY);
        REASONS.put("not a directory", Reason.NOT_A_DIRECTORY);
        REASONS.put("file exists", Reason.NOT_A_DIRECTORY);
        REASONS.put("is a directory", Reason.NOT_A_FILE);
        REASONS.put("cannot overwrite directory", Reason.NOT_A_FILE);
        REASONS.put("not a regular file", Reason.NOT_A_FILE);
        REASONS.put("no such file", Reason.NOT_FOUND);
        REASONS.put("nonexistent", Reason.NOT_FOUND);
    }

    FailureContext context() {
        return FailureContext.of(operation).vm(vmName);
    }

    /** A program of the guest has failed. */
    AgentVMException failed(ExitStatus status, byte[] errors) {
        if (status.failure().isPresent()) {
            return status.failure().get().during(what);
        }
        String text = new String(errors, StandardCharsets.UTF_8).toLowerCase(Locale.ROOT);
        if (status.exitCode().equals(OptionalInt.of(NO_PROGRAM)) && text.contains("tar: not found")) {
            return of(Reason.NO_TAR, "the guest has no tar, by which files are copied; install it there");
        }
        Reason reason = REASONS.entrySet().stream()
                .filter(known -> text.contains(known.getKey()))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElse(Reason.OTHER);
        String said = Excerpt.tail(errors, SAID);
        return of(reason, said.isEmpty() ? "the guest's program ended with " + status : said);
    }

    GuestFileException of(Reason reason, String why) {
        return of(reason, why, null);
    }

    GuestFileException of(Reason reason, String why, @Nullable Throwable cause) {
        return new GuestFileException(reason, what + " of VM '" + vmName + "': " + why, context(), cause);
    }

    /** This thread was interrupted, and stays so. */
    AgentVMException interrupted(@Nullable Throwable cause) {
        Thread.currentThread().interrupt();
        return new AgentVMException(what + " of VM '" + vmName + "' was interrupted", context(), cause);
    }
}
