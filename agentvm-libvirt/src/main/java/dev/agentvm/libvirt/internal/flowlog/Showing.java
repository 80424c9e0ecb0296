package dev.agentvm.libvirt.internal.flowlog;

import dev.agentvm.libvirt.internal.capture.Tap;
import dev.agentvm.libvirt.internal.capture.Taps;
import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.attribute.UserPrincipal;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Shows one tap to one program, on a thread of its own. */
final class Showing implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Showing.class);
    private static final long PATIENCE_SECONDS = 5;
    private static final int LOOK_AROUND_MILLIS = 200;
    private static final long ALIVE_NANOS = Duration.ofSeconds(1).toNanos();

    private final SocketChannel program;
    private final UserPrincipal user;
    private final Supplier<Taps> taps;
    private final TapAccess access;
    private final Consumer<Showing> onEnd;
    private final ByteBuffer out = ByteBuffer.allocate(1 << 16);

    Showing(SocketChannel program, UserPrincipal user, Supplier<Taps> taps, TapAccess access, Consumer<Showing> onEnd) {
        this.program = program;
        this.user = user;
        this.taps = taps;
        this.access = access;
        this.onEnd = onEnd;
    }

    UserPrincipal user() {
        return user;
    }

    /**
     * Begins.
     *
     * @param refusal why it shows nothing; empty if it may
     */
    void start(String refusal) {
        Thread thread = new Thread(null, () -> run(refusal), "agentvm-flow-log", 0, false);
        thread.setDaemon(true);
        thread.start();
    }

    private void run(String refusal) {
        try {
            if (refusal.isEmpty()) {
                serve();
            } else {
                refuse(refusal);
            }
        } catch (IOException e) {
            LOG.debug("a program of {} is gone: {}", user, e.getMessage());
        } catch (RuntimeException e) {
            LOG.warn("a program of {} was not served", user, e);
        } finally {
            close();
            onEnd.accept(this);
        }
    }

    private void refuse(String reason) throws IOException {
        LOG.debug("a program of {} was refused: {}", user, reason);
        out.clear();
        Wire.putRefusal(out, reason);
        write();
    }

    private void serve() throws IOException {
        Optional<UUID> vm = request();
        if (vm.isEmpty()) {
            refuse("that was no request that this version understands");
            return;
        }
        Optional<String> name;
        try {
            name = access.tap(vm.get(), user);
        } catch (RuntimeException e) {
            LOG.warn("it is not known whose VM {} is", vm.get(), e);
            refuse("it cannot ask libvirt whose VM that is");
            return;
        }
        if (name.isEmpty()) {
            refuse("the user " + user.getName() + " has launched no VM " + vm.get() + " that runs and has a network");
            return;
        }
        try (Taps opened = taps.get()) {
            Tap tap;
            try {
                tap = opened.open(vm.get(), name.get());
            } catch (IOException e) {
                refuse("it cannot read the tap: " + e.getMessage());
                return;
            }
            try (tap) {
                LOG.debug("shows {} to a program of {}", name.get(), user);
                out.clear();
                Wire.put(out, Wire.Type.ACCEPTED);
                write();
                show(tap, opened);
            }
        }
    }

    /** One that says nothing for long is let go. */
    private Optional<UUID> request() throws IOException {
        CompletableFuture<Void> heard = new CompletableFuture<>();
        CompletableFuture<Void> unused = heard.orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS)
                .exceptionally(late -> {
                    close();
                    return null;
                });
        ByteBuffer request = ByteBuffer.allocate(Wire.REQUEST_BYTES);
        while (request.hasRemaining() && program.read(request) >= 0) {
            LOG.trace("more of a request");
        }
        heard.complete(null);
        return Wire.vm(request.flip());
    }

    private void show(Tap tap, Taps opened) throws IOException {
        long said = System.nanoTime();
        boolean gone = false;
        while (!gone) {
            List<Tap> unused = opened.await(List.of(tap), LOOK_AROUND_MILLIS);
            // Asked before what it passed last is read.
            gone = tap.isGone();
            boolean more = true;
            while (more) {
                out.clear();
                more = fill(tap);
                if (out.position() == 0 && System.nanoTime() - said >= ALIVE_NANOS) {
                    Wire.put(out, Wire.Type.ALIVE);
                }
                if (out.position() > 0) {
                    said = System.nanoTime();
                    write();
                }
            }
        }
        out.clear();
        Wire.put(out, Wire.Type.END);
        write();
    }

    /** Takes what is there, as much as fits; whether there may be more. */
    private boolean fill(Tap tap) {
        long lost = tap.takeLost();
        if (lost > 0) {
            Wire.putLost(out, lost);
        }
        while (out.remaining() >= Wire.LONGEST_MESSAGE) {
            PacketSocket.Frame frame = tap.receive();
            if (frame == null) {
                return false;
            }
            Wire.putFrame(out, frame);
        }
        return true;
    }

    private void write() throws IOException {
        out.flip();
        while (out.hasRemaining()) {
            int unused = program.write(out);
        }
    }

    /** Ends it, wherever it is. */
    @Override
    public void close() {
        try {
            program.close();
        } catch (IOException e) {
            LOG.debug("a connection is not closed", e);
        }
    }
}
