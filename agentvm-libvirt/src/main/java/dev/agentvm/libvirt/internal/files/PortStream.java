package dev.agentvm.libvirt.internal.files;

import dev.agentvm.AgentVMException;
import dev.agentvm.ExitStatus;
import dev.agentvm.GuestAgentException;
import dev.agentvm.VMProcess;
import dev.agentvm.libvirt.internal.files.Port.PortException;
import dev.agentvm.libvirt.internal.guest.Attended;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What {@link PortScripts} says, from the host's side: the input or the output of a program in the guest, by a port.
 * Its streams throw with an {@link AgentVMException} for their cause if that explains it, else the program's end
 * does. Used by one thread.
 */
final class PortStream implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PortStream.class);

    /** What may be left in a port of another copy, or is written there by whoever likes to. */
    private static final int MOST_LEFT = 1 << 20;

    /** More than the mark's length; less is not worth a wait of its own. */
    private static final int AHEAD = 4 * 1024;

    private static final Duration BEGINNING = Duration.ofSeconds(20);
    private static final Duration LAST_WORDS = Duration.ofSeconds(5);

    private final Port port;
    private final VMProcess process;
    private final byte[] mark;
    private final Trouble trouble;
    private final long patience;

    /**
     * A stream by that port.
     *
     * @param process what {@link PortScripts} made, started
     * @param mark the copy's, of letters and digits
     * @param patience how long nothing may come
     */
    PortStream(Port port, VMProcess process, String mark, Duration patience, Trouble trouble) {
        this.port = port;
        this.process = process;
        this.mark = (mark + "\n").getBytes(StandardCharsets.US_ASCII);
        this.patience = patience.toNanos();
        this.trouble = trouble;
        CompletableFuture<Void> unused = process.onExit()
                .thenAccept(status -> port.guestEnded(status.failure().isPresent()));
    }

    /**
     * Waits until the guest's program has the port.
     *
     * @return whether it has; if not, for whatever reason, it is to be done without
     */
    boolean begin() throws InterruptedIOException {
        long deadline = System.nanoTime() + BEGINNING.toNanos();
        int matched = 0;
        byte[] one = new byte[1];
        try {
            for (int skipped = 0; matched < mark.length; skipped++) {
                if (skipped > MOST_LEFT) {
                    throw new PortException("somebody in the guest writes to the port " + port.name(), null);
                }
                if (port.receive(one, 0, 1, deadline - System.nanoTime()) < 0) {
                    throw new PortException("its program ends before it begins", null);
                }
                // The mark's first letter is nowhere else in it.
                matched = one[0] == mark[matched] ? matched + 1 : one[0] == mark[0] ? 1 : 0;
            }
            return true;
        } catch (PortException e) {
            LOG.debug("{} of '{}' goes without the port {}", trouble.what(), trouble.vmName(), port.name(), e);
            return false;
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    /** Whether its program found that the guest cannot use a port. */
    boolean isUseless() {
        return process.waitFor(LAST_WORDS)
                .filter(status -> status.exitCode().equals(OptionalInt.of(PortScripts.NO_PORT)))
                .isPresent();
    }

    private static InterruptedIOException interrupted(InterruptedException e) {
        Thread.currentThread().interrupt();
        InterruptedIOException interrupted = new InterruptedIOException();
        interrupted.initCause(e);
        return interrupted;
    }

    /** While it is busy with the port, each question whether it still runs would slow it down. */
    private void attend(boolean closely) {
        if (process instanceof Attended attended) {
            attended.attend(closely);
        }
    }

    /** What the program writes. */
    InputStream output() {
        port.control();
        attend(false);
        return new Output();
    }

    /** What the program reads; closed when all is written. */
    OutputStream input() throws IOException {
        send("\n" + new String(mark, StandardCharsets.US_ASCII));
        attend(false);
        return new Input();
    }

    private void send(String line) throws IOException {
        byte[] bytes = line.getBytes(StandardCharsets.US_ASCII);
        send(bytes, 0, bytes.length);
    }

    private void send(byte[] bytes, int offset, int length) throws IOException {
        try {
            port.send(bytes, offset, length);
        } catch (PortException e) {
            throw failed(e);
        }
    }

    private int receive(byte[] into, int offset, int length) throws IOException {
        try {
            return port.receive(into, offset, length, patience);
        } catch (PortException e) {
            throw failed(e);
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    /** If the program has ended, that is why; or the VM has. */
    private IOException failed(PortException e) {
        attend(true);
        if (e.getCause() != null || process.onExit().isDone()) {
            Optional<ExitStatus> status = process.waitFor(LAST_WORDS);
            if (status.isPresent()) {
                return new IOException(
                        String.valueOf(e.getMessage()), status.get().failure().orElse(null));
            }
        }
        return new IOException(
                new GuestAgentException("VM '" + trouble.vmName() + "': " + e.getMessage(), trouble.context(), e));
    }

    /** The last that comes is the mark, so what may be it is held back. */
    private final class Output extends InputStream {
        private final byte[] held = new byte[mark.length];
        private int heldCount;
        private boolean ended;
        /** What has come for a reader of less. */
        private final byte[] ahead = new byte[AHEAD];

        private int from;
        private int to;

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            if (length == 0) {
                return 0;
            }
            if (from == to) {
                if (length >= AHEAD) {
                    return receiveContent(into, offset, length);
                }
                from = 0;
                to = Math.max(0, receiveContent(ahead, 0, AHEAD));
            }
            int count = Math.min(length, to - from);
            System.arraycopy(ahead, from, into, offset, count);
            from += count;
            return count == 0 ? -1 : count;
        }

        /** Straight into {@code into}, which has room for more than the mark. */
        private int receiveContent(byte[] into, int offset, int length) throws IOException {
            int count = 0;
            while (count == 0 && !ended) {
                System.arraycopy(held, 0, into, offset, heldCount);
                int received = receive(into, offset + heldCount, length - heldCount);
                count = heldCount + Math.max(0, received);
                heldCount = 0;
                int lastFrom = offset + count - mark.length;
                if (received < 0) {
                    endWithoutMark();
                } else if (count >= mark.length
                        && Arrays.equals(into, lastFrom, lastFrom + mark.length, mark, 0, mark.length)) {
                    count -= mark.length;
                    ended = true;
                    send(PortScripts.BYE);
                    attend(true);
                } else {
                    heldCount = Math.min(count, mark.length);
                    count -= heldCount;
                    System.arraycopy(into, offset + count, held, 0, heldCount);
                }
            }
            return count == 0 ? -1 : count;
        }

        private void endWithoutMark() throws IOException {
            ended = true;
            attend(true);
            // What ended well has sent its mark.
            if (process.waitFor(LAST_WORDS).filter(ExitStatus::success).isPresent()) {
                throw new IOException("it ends before its end");
            }
        }
    }

    private final class Input extends OutputStream {
        private boolean closed;

        @Override
        public void write(int one) throws IOException {
            write(new byte[] {(byte) one}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            send(bytes, offset, length);
        }

        @Override
        public void close() throws IOException {
            if (!closed) {
                closed = true;
                send(new byte[PortScripts.PADDING], 0, PortScripts.PADDING);
                try {
                    port.finish();
                } catch (PortException e) {
                    throw failed(e);
                }
                attend(true);
            }
        }
    }

    /** Lets go of the port. */
    @Override
    public void close() {
        port.close();
    }
}
