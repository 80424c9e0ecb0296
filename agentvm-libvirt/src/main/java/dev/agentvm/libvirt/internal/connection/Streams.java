package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.AgentVMException;
import dev.agentvm.libvirt.internal.nativeaccess.NativeConnection;
import dev.agentvm.libvirt.internal.nativeaccess.NativeStream;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Open streams of one kind, their connection and the thread that reads them. */
final class Streams {
    /** As much as comes in one message. */
    private static final int BUFFER = 256 * 1024;

    private final Lane lane;
    private final Background reader;
    private final Background closer;
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER);
    private final Set<OpenStream> open = ConcurrentHashMap.newKeySet();

    Streams(String role, LibvirtOptions options, Background losses, Background cleanup) {
        this.reader = new Background(role + "-reader");
        this.closer = new Background(role + "-closer");
        ManagedConnection connection = new ManagedConnection(role, options, losses, new ManagedConnection.Owner() {
            @Override
            public void lost(String reason) {
                UnreachableException lost =
                        new UnreachableException("the connection to libvirt was lost: " + reason, true, null, null);
                AgentVMException failure = Errors.failure(lost, new Errors.Operation("stream", null));
                List.copyOf(open).forEach(stream -> stream.fail(failure));
            }
        });
        this.lane = Lane.sharing(role, connection, cleanup);
    }

    OpenStream open(
            Scope scope, Errors.Operation operation, ByteSink sink, Function<NativeConnection, NativeStream> opener) {
        // A stream whose caller gave up, or that does not begin, is nobody's.
        StreamSlot slot = new StreamSlot();
        try {
            return lane.call(scope, operation, connection -> {
                OpenStream stream = new OpenStream(opener.apply(connection), sink, operation, scope, lane, this);
                open.add(stream);
                slot.fill(stream);
                stream.begin();
                return stream;
            });
        } catch (AgentVMException e) {
            slot.abandon();
            throw e;
        }
    }

    /** Where an opened stream is put, so that it is closed if its caller has gone by then, or goes. */
    private final class StreamSlot {
        private @Nullable OpenStream stream;
        private boolean abandoned;

        synchronized void fill(OpenStream opened) {
            stream = opened;
            if (abandoned) {
                closeLater(opened);
            }
        }

        synchronized void abandon() {
            abandoned = true;
            if (stream != null) {
                closeLater(stream);
            }
        }
    }

    Executor reader() {
        return reader;
    }

    /** The reading thread's. */
    ByteBuffer buffer() {
        return buffer.clear();
    }

    /** libvirt waits in this for the daemon; the reading thread must not. */
    void closeLater(OpenStream stream) {
        closer.execute(stream::closeNative);
    }

    void remove(OpenStream stream) {
        open.remove(stream);
    }

    Lane lane() {
        return lane;
    }

    /** Its threads, in the order in which they can be ended. */
    Stream<ThreadPoolExecutor> executors() {
        return Stream.of(closer.executor(), reader.executor(), lane.executor());
    }

    /** Whether there is none. */
    boolean isEmpty() {
        return open.isEmpty();
    }

    /** Ends all streams. */
    void close() {
        List.copyOf(open).forEach(OpenStream::close);
    }
}
