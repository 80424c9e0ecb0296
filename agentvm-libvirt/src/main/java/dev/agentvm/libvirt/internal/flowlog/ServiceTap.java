package dev.agentvm.libvirt.internal.flowlog;

import dev.agentvm.libvirt.internal.capture.Tap;
import dev.agentvm.libvirt.internal.flowlog.Wire.MalformedException;
import dev.agentvm.libvirt.internal.flowlog.Wire.Message;
import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A tap that the service shows. */
final class ServiceTap implements Tap {
    private static final Logger LOG = LoggerFactory.getLogger(ServiceTap.class);

    private final SocketChannel service;
    /** What has come and was not looked at yet, ready to be read. */
    private final ByteBuffer in = ByteBuffer.allocate(1 << 16).flip();

    private long lost;
    private boolean gone;
    /** Whether all that has come was looked at, but for the beginning of a message. */
    private boolean drained;

    ServiceTap(SocketChannel service) {
        this.service = service;
    }

    /**
     * Whether the service has agreed; it may not have answered yet.
     *
     * @throws IOException if it has refused
     */
    boolean isAccepted() throws IOException {
        Message answer = next();
        if (answer == null) {
            return false;
        }
        return switch (answer.type()) {
            case ACCEPTED -> true;
            case REFUSED -> throw new IOException("the flow log service refuses: " + Wire.reason(answer.body()));
            default -> throw new IOException("the flow log service answers with " + answer.type());
        };
    }

    void register(Selector selector) throws IOException {
        service.register(selector, SelectionKey.OP_READ, this);
    }

    /** Whether something has come that was not looked at. */
    boolean hasMore() {
        return !gone && !drained;
    }

    @Override
    public PacketSocket.@Nullable Frame receive() {
        try {
            while (!gone) {
                Message message = next();
                drained = message == null;
                if (message == null) {
                    return null;
                }
                switch (message.type()) {
                    case FRAME -> {
                        return Wire.frame(message.body());
                    }
                    case LOST -> lost = Math.addExact(lost, Wire.lost(message.body()));
                    case END -> end();
                    case ALIVE -> LOG.trace("the flow log service is there");
                    default -> throw new MalformedException(message.type() + " after it had agreed");
                }
            }
            return null;
        } catch (MalformedException e) {
            throw new UncheckedIOException(unreadable(e));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The next message, or null if it has not come in full yet. */
    private @Nullable Message next() throws IOException {
        try {
            Message message = Wire.next(in);
            if (message == null) {
                in.compact();
                int read;
                try {
                    read = service.read(in);
                } finally {
                    in.flip();
                }
                if (read < 0) {
                    throw new IOException("the flow log service has ended");
                }
                message = Wire.next(in);
            }
            return message;
        } catch (MalformedException e) {
            throw unreadable(e);
        }
    }

    private static IOException unreadable(MalformedException e) {
        return new IOException("the flow log service says what cannot be read: " + e.getMessage(), e);
    }

    /** It would be ready for ever. */
    private void end() throws IOException {
        gone = true;
        service.close();
    }

    @Override
    public long takeLost() {
        long taken = lost;
        lost = 0;
        return taken;
    }

    @Override
    public boolean isGone() {
        return gone;
    }

    @Override
    public boolean lags() {
        return !gone;
    }

    @Override
    public void close() {
        try {
            service.close();
        } catch (IOException e) {
            LOG.debug("a connection is not closed", e);
        }
    }
}
