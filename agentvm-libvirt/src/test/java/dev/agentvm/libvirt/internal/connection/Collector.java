package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.AgentVMException;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Keeps all that a stream delivers. */
final class Collector implements ByteSink {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    final CompletableFuture<Optional<AgentVMException>> end = new CompletableFuture<>();

    @Override
    public synchronized void bytes(ByteBuffer buffer) {
        byte[] copy = new byte[buffer.remaining()];
        buffer.get(copy);
        bytes.writeBytes(copy);
    }

    @Override
    public void end(Optional<AgentVMException> failure) {
        if (!end.complete(failure)) {
            throw new IllegalStateException("ended twice");
        }
    }

    synchronized String text() {
        return bytes.toString(StandardCharsets.UTF_8);
    }

    synchronized int size() {
        return bytes.size();
    }
}
