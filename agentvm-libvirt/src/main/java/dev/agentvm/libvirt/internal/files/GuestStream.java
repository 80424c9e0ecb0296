package dev.agentvm.libvirt.internal.files;

import dev.agentvm.AgentVMException;
import dev.agentvm.ExitStatus;
import dev.agentvm.GuestFileException.Reason;
import dev.agentvm.VMProcess;
import dev.agentvm.libvirt.internal.guest.Excerpt;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.channels.ClosedByInterruptException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;

/**
 * A program in the guest whose input or output is a stream of files. The last that it says of trouble is kept, on a thread
 * that lives as long as this. Used by one thread.
 */
final class GuestStream implements AutoCloseable {
    private static final int KEPT = 64 * 1024;
    private static final int LAST = 4096;
    private static final Pattern SOCKET = Pattern.compile("(?m)^tar: (.*): socket ignored$");
    private static final Duration LAST_WORDS = Duration.ofSeconds(5);

    private final VMProcess process;
    private final Optional<PortStream> way;
    private final Trouble trouble;
    private final CompletableFuture<byte[]> errors = new CompletableFuture<>();
    private InputStream output;
    private OutputStream input;

    /** A program whose streams are those of a started command. */
    GuestStream(VMProcess process, Trouble trouble) {
        this(process, Optional.empty(), trouble);
    }

    /** A program one of whose streams comes by a port, which is let go of with this. */
    GuestStream(VMProcess process, PortStream way, Trouble trouble) {
        this(process, Optional.of(way), trouble);
    }

    private GuestStream(VMProcess process, Optional<PortStream> way, Trouble trouble) {
        this.process = process;
        this.way = way;
        this.trouble = trouble;
        this.output = process.stdout();
        this.input = process.stdin();
        Thread thread = new Thread(this::keepErrors, "agentvm-copy-errors");
        thread.setDaemon(true);
        thread.start();
    }

    private void keepErrors() {
        byte[] kept = new byte[0];
        byte[] buffer = new byte[LAST];
        try (InputStream stream = process.stderr()) {
            for (int count = stream.read(buffer); count >= 0; count = stream.read(buffer)) {
                byte[] all = Arrays.copyOf(kept, kept.length + count);
                System.arraycopy(buffer, 0, all, kept.length, count);
                kept = Arrays.copyOfRange(all, Math.max(0, all.length - KEPT), all.length);
            }
        } catch (IOException e) {
            // The end of the process says why.
        } finally {
            errors.complete(kept);
        }
    }

    /** Its output is this. */
    void readFrom(InputStream other) {
        output = other;
    }

    /** Its input is this. */
    void writeTo(OutputStream other) {
        input = other;
    }

    InputStream output() {
        return output;
    }

    OutputStream input() {
        return input;
    }

    /** Waits for its end, and throws if that is not a good one. */
    void finish() {
        ExitStatus status;
        try {
            status = process.waitFor();
        } catch (AgentVMException e) {
            throw e.during(trouble.what());
        }
        if (!status.success()) {
            throw trouble.failed(status, errors());
        }
    }

    private byte[] errors() {
        try {
            return errors.get(LAST_WORDS.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return new byte[0];
        } catch (InterruptedException e) {
            throw trouble.interrupted(e);
        } catch (ExecutionException e) {
            throw new AssertionError("nothing completes it with a failure", e);
        }
    }

    /** What it said of trouble, for a log. */
    String lastWords() {
        return Excerpt.tail(errors(), LAST);
    }

    /** The sockets that tar passed over, which it only tells; GNU's and busybox's do so in the same words. */
    List<String> ignoredSockets() {
        return SOCKET.matcher(new String(errors(), StandardCharsets.UTF_8))
                .results()
                .map(match -> match.group(1))
                .toList();
    }

    /**
     * What a failure to read its output means.
     *
     * @param ended whether there is no more, so that the program's end explains it if that is not a good one
     */
    AgentVMException unreadable(IOException failure, boolean ended) {
        return known(failure, ended)
                .orElseGet(() -> trouble.of(
                        Reason.MALFORMED,
                        "what the guest sends is no complete copy: " + failure.getMessage(),
                        failure));
    }

    /** What a failure to write its input means. */
    AgentVMException unwritable(IOException failure) {
        return known(failure, true)
                .orElseGet(() -> trouble.of(
                        Reason.OTHER, "the guest's program takes no more: " + failure.getMessage(), failure));
    }

    private Optional<AgentVMException> known(IOException failure, boolean ended) {
        if (isInterrupt(failure)) {
            return Optional.of(trouble.interrupted(failure));
        }
        if (failure.getCause() instanceof AgentVMException reason) {
            return Optional.of(reason.during(trouble.what()));
        }
        return ended
                ? process.waitFor(LAST_WORDS)
                        .filter(status -> !status.success())
                        .map(status -> trouble.failed(status, errors()))
                : Optional.empty();
    }

    static boolean isInterrupt(IOException failure) {
        return failure instanceof InterruptedIOException
                || failure instanceof ClosedByInterruptException
                || Thread.currentThread().isInterrupted();
    }

    @Override
    public void close() {
        // First, since that ends what holds the guest's end, even where nothing can be killed.
        way.ifPresent(PortStream::close);
        process.close();
    }
}
