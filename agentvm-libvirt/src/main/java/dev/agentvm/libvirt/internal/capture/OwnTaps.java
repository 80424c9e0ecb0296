package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Taps that this process reads itself, for which it needs the right to open packet sockets. */
public final class OwnTaps implements Taps {
    /** Opens none yet. */
    public OwnTaps() {}

    @Override
    public Tap open(UUID vm, String name) throws IOException {
        return new OwnTap(PacketSocket.open(name));
    }

    @Override
    public List<Tap> await(List<Tap> taps, int timeoutMillis) {
        Map<PacketSocket, Tap> bySocket =
                taps.stream().collect(Collectors.toMap(tap -> ((OwnTap) tap).socket(), Function.identity()));
        return PacketSocket.await(List.copyOf(bySocket.keySet()), timeoutMillis).stream()
                .map(socket -> Objects.requireNonNull(bySocket.get(socket)))
                .toList();
    }

    @Override
    public void close() {
        // There is nothing that they share.
    }

    private record OwnTap(PacketSocket socket) implements Tap {
        @Override
        public PacketSocket.@Nullable Frame receive() {
            return socket.receive();
        }

        @Override
        public long takeLost() {
            return socket.takeLost();
        }

        @Override
        public boolean isGone() {
            return socket.isGone();
        }

        @Override
        public boolean lags() {
            return false;
        }

        @Override
        public void close() {
            socket.close();
        }
    }
}
