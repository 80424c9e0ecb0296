package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import dev.agentvm.InvalidValueException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The calls of the protocol that commands need, with their replies checked. They wait whatever interrupts, and throw
 * {@link GuestAgentException} when the agent refuses, is silent, or says what cannot be understood.
 */
final class AgentCalls {
    /** A piece of a file in one reply: far below what fails in libvirt, and big enough to be read at full speed. */
    static final int READ_PIECE = 256 * 1024;

    /** The first piece: most outputs are small, and the agent prepares for as much as it is asked for. */
    static final int SMALL_PIECE = 4 * 1024;

    /** A piece of a file in one request: bigger ones were seen to choke the agent. */
    static final int WRITE_PIECE = 48 * 1024;

    /** What guest-exec-status says; {@code output} and {@code errors} are what the agent captured. */
    record Status(boolean exited, OptionalInt exitCode, OptionalInt signal, String output, String errors) {
        Status withOutput(String other) {
            return new Status(exited, exitCode, signal, other, errors);
        }
    }

    private static final List<String> NEEDED = List.of(
            "guest-exec",
            "guest-exec-status",
            "guest-file-open",
            "guest-file-read",
            "guest-file-seek",
            "guest-file-write",
            "guest-file-flush",
            "guest-file-close");
    private static final Pattern BLOCKED = Pattern.compile(
            "[Cc]ommand '?[a-z-]+'? (has been|is) (disabled|not allowed)|[Cc]ommand '?guest-[a-z-]+'? has not been found");
    /** It is told in the words of what is blocked, and passes. */
    private static final String FROZEN = "agent is in frozen state";

    private static final String UNKNOWN = "has not been found";

    private static final int SEEK_SET = 0;
    private static final int SEEK_END = 2;
    private static final long MAX_HANDLE = Long.MAX_VALUE;
    private static final int MAX_PID = 1 << 22; // Linux's PID_MAX_LIMIT

    private static final Logger LOG = LoggerFactory.getLogger(AgentCalls.class);

    private final String vmName;
    private final AgentQueue queue;
    private final Duration patience;

    /** @param patience how long one call may take, its turn included */
    AgentCalls(String vmName, AgentQueue queue, Duration patience) {
        this.vmName = vmName;
        this.queue = queue;
        this.patience = patience;
    }

    AgentQueue queue() {
        return queue;
    }

    /**
     * Starts a program.
     *
     * @param atMost how long this may take, if that is less than the usual patience
     * @param late gets the process if it was started although this call gave up
     */
    long exec(String path, List<String> arguments, byte[] input, Duration atMost, LongConsumer late) {
        Map<String, Object> request = new LinkedHashMap<>();
        request.put("path", path);
        request.put("arg", arguments);
        request.put("capture-output", true);
        if (input.length > 0) {
            request.put("input-data", Base64.getEncoder().encodeToString(input));
        }
        return result("guest-exec", request, reply -> pid(reply.object("return")), atMost, reply -> {
            try {
                late.accept(pid(AgentJson.reply(reply).object("return")));
            } catch (MalformedReplyException e) {
                // Nobody waits for it, and no process can be named.
            }
        });
    }

    private static long pid(Fields reply) throws MalformedReplyException {
        return reply.number("pid", 1, MAX_PID);
    }

    /** Asks after a process that {@link #exec} started; {@code atMost} as there. */
    Status status(long pid, Duration atMost) {
        return status(pid, atMost, late -> {});
    }

    /**
     * As {@link #status(long, Duration)}.
     *
     * @param late gets what came after this call gave up, since the agent tells of an end only once
     */
    Status status(long pid, Duration atMost, Consumer<Status> late) {
        return result(
                "guest-exec-status", Map.of("pid", pid), reply -> status(reply.object("return")), atMost, reply -> {
                    try {
                        late.accept(status(AgentJson.reply(reply).object("return")));
                    } catch (MalformedReplyException e) {
                        LOG.debug("A late answer of {} is not understood", vmName, e);
                    }
                });
    }

    private static Status status(Fields reply) throws MalformedReplyException {
        OptionalLong exitCode = reply.optionalNumber("exitcode", 0, 255);
        OptionalLong signal = reply.optionalNumber("signal", 1, 127);
        boolean exited = reply.flag("exited");
        if (exited && exitCode.isPresent() == signal.isPresent()) {
            throw new MalformedReplyException("it has neither or both of exit code and signal");
        }
        return new Status(
                exited, narrow(exitCode), narrow(signal), text(reply.bytes("out-data")), text(reply.bytes("err-data")));
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8).strip();
    }

    private static OptionalInt narrow(OptionalLong value) {
        return value.isPresent() ? OptionalInt.of((int) value.getAsLong()) : OptionalInt.empty();
    }

    /** Opens a file; the mode is one of fopen's. */
    long open(String path, String mode) {
        return result("guest-file-open", Map.of("path", path, "mode", mode), AgentCalls::handle, patience, reply -> {
            try {
                close(handle(AgentJson.reply(reply)));
            } catch (MalformedReplyException | AgentVMException e) {
                LOG.debug("A file of {} that was opened late stays open", vmName, e);
            }
        });
    }

    private static long handle(Fields reply) throws MalformedReplyException {
        return reply.number("return", 0, MAX_HANDLE);
    }

    /** Reads on, up to {@code count} bytes; fewer mean that there is no more at present. */
    byte[] read(long handle, int count) {
        return call("guest-file-read", Map.of("handle", handle, "count", count), reply -> {
            byte[] bytes = reply.bytes("buf-b64");
            if (reply.number("count", 0, count) != bytes.length) {
                throw new MalformedReplyException("its \"count\" is not the length of its \"buf-b64\"");
            }
            return bytes;
        });
    }

    /** Writes all of it, in pieces, and sees that the guest's kernel has it. */
    void write(long handle, byte[] bytes) {
        write(handle, bytes, patience, () -> {});
    }

    /**
     * The same.
     *
     * @param atMost how long a call may take, if that is less than the usual patience
     * @param late runs if a call was made although this gave up
     */
    void write(long handle, byte[] bytes, Duration atMost, Runnable late) {
        hand(handle, bytes, atMost, late);
        flush(handle, atMost, late);
    }

    /** Hands it to the agent, which may keep it until {@link #flush}, or until the file is closed. */
    void hand(long handle, byte[] bytes, Duration atMost, Runnable late) {
        for (int from = 0; from < bytes.length; ) {
            byte[] piece = Arrays.copyOfRange(bytes, from, Math.min(bytes.length, from + WRITE_PIECE));
            from += result(
                    "guest-file-write",
                    Map.of("handle", handle, "buf-b64", Base64.getEncoder().encodeToString(piece)),
                    reply -> (int) reply.object("return").number("count", 1, piece.length),
                    atMost,
                    reply -> late.run());
        }
    }

    /** Sees that the guest's kernel has what was written. */
    void flush(long handle, Duration atMost, Runnable late) {
        Fields unused = result(
                "guest-file-flush",
                Map.of("handle", handle),
                reply -> reply.object("return"),
                atMost,
                reply -> late.run());
    }

    /** Goes to its end, and says where that is. */
    long seekEnd(long handle) {
        return seek(handle, 0, SEEK_END);
    }

    /** Goes to that place, counted from its start. */
    void seek(long handle, long position) {
        if (seek(handle, position, SEEK_SET) != position) {
            throw new GuestAgentException(
                    "The guest agent of " + vmName + " did not go to byte " + position + " of a file", context());
        }
    }

    private long seek(long handle, long offset, int whence) {
        return call(
                "guest-file-seek",
                Map.of("handle", handle, "offset", offset, "whence", whence),
                reply -> reply.number("position", 0, Long.MAX_VALUE));
    }

    void close(long handle) {
        call("guest-file-close", Map.of("handle", handle), reply -> reply);
    }

    private interface Reader<T> {
        T read(Fields fields) throws MalformedReplyException;
    }

    private <T> T call(String name, Map<String, ?> arguments, Reader<T> reader) {
        return result(name, arguments, reply -> reader.read(reply.object("return")));
    }

    private <T> T result(String name, Map<String, ?> arguments, Reader<T> reader) {
        return result(name, arguments, reader, patience, reply -> {});
    }

    private <T> T result(
            String name, Map<String, ?> arguments, Reader<T> reader, Duration atMost, Consumer<String> late) {
        Duration timeout = atMost.compareTo(patience) < 0 ? atMost : patience;
        String reply;
        try {
            reply = queue.call(AgentJson.request(name, arguments), timeout, late);
        } catch (GuestAgentException e) {
            throw explained(name, String.valueOf(e.getMessage()), e);
        }
        try {
            Fields fields = AgentJson.reply(reply);
            if (fields.has("error")) {
                throw refused(name, fields.object("error").text("desc"));
            }
            return reader.read(fields);
        } catch (MalformedReplyException e) {
            throw new GuestAgentException(
                    "The guest agent of " + vmName + " answered " + name + " with what cannot be understood: "
                            + e.getMessage() + "; it said: " + Excerpt.head(reply, 200),
                    context(),
                    e);
        }
    }

    private GuestAgentException refused(String name, String reason) {
        GuestAgentException refusal = new GuestAgentException(
                "The guest agent of " + vmName + " refused " + name + ": " + Excerpt.head(reason, 300), context());
        return explained(name, reason, refusal);
    }

    /** What a failure means, if its reason is known. */
    private GuestAgentException explained(String name, String reason, GuestAgentException failure) {
        if (name.equals("guest-info") || !BLOCKED.matcher(reason).find()) {
            return failure;
        }
        return reason.contains(FROZEN)
                ? new GuestAgentException(
                        "The guest agent of " + vmName + " does nothing while it holds the guest's file systems frozen;"
                                + " thaw them, as by virsh domfsthaw",
                        context(),
                        failure)
                : blocked(name, failure);
    }

    /** Names all that is blocked, so that one visit to the guest's configuration is enough. */
    private GuestAgentException blocked(String name, GuestAgentException cause) {
        Set<String> blocked = new TreeSet<>(List.of(name));
        try {
            blocked.addAll(notPermitted());
        } catch (GuestAgentException e) {
            cause.addSuppressed(e);
        }
        return new GuestAgentException(
                "The guest agent of " + vmName + " does not permit " + String.join(", ", blocked)
                        + ". In the guest, take them out of BLOCK_RPCS (older: BLACKLIST_RPC), or add them to"
                        + " --allow-rpcs in FILTER_RPC_ARGS, in /etc/sysconfig/qemu-ga; or out of block-rpcs, or to"
                        + " allow-rpcs, in /etc/qemu/qemu-ga.conf; then restart qemu-guest-agent",
                context(),
                cause);
    }

    /** Sets the guest's clock. */
    void setTime(Instant time) {
        long nanos = TimeUnit.SECONDS.toNanos(time.getEpochSecond()) + time.getNano();
        call("guest-set-time", Map.of("time", nanos), reply -> reply);
    }

    /** What the guest's clock says. */
    Instant time() {
        long nanos = call("guest-get-time", Map.of(), reply -> reply.number("return", 0, Long.MAX_VALUE));
        return Instant.ofEpochSecond(0, nanos);
    }

    /** The calls that commands need and the agent refuses. */
    Set<String> notPermitted() {
        return call("guest-info", Map.of(), reply -> {
            Set<String> missing = new TreeSet<>(NEEDED);
            for (Fields command : reply.objects("supported_commands")) {
                if (command.flag("enabled")) {
                    missing.remove(command.text("name"));
                }
            }
            return missing;
        });
    }

    /** Whether the agent knows nothing of a handle, as one that has started anew knows none of those before. */
    static boolean saysUnknown(GuestAgentException failure) {
        return !failure.retryable() && String.valueOf(failure.getMessage()).contains(UNKNOWN);
    }

    FailureContext context() {
        return FailureContext.of("exec").vm(vmName);
    }

    String vmName() {
        return vmName;
    }

    /** Refuses text that the agent's JSON reader does: QEMU takes no Unicode noncharacters. */
    static void checkText(String field, String text) {
        boolean hasNoncharacter =
                text.codePoints().anyMatch(c -> (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF));
        if (hasNoncharacter) {
            throw new InvalidValueException(
                    field,
                    Excerpt.head(text, 100),
                    "must not hold Unicode noncharacters (such as U+FFFF), which the guest agent does not take");
        }
    }
}
