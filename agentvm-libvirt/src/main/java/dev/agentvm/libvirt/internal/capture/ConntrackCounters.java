package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.libvirt.internal.nativeaccess.ConnectionTracking;
import dev.agentvm.network.Flow;
import dev.agentvm.network.Flow.Direction;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the kernel's connection tracking has counted, of TCP and UDP that VMs began. For use by one thread at a time. */
final class ConntrackCounters implements ConnectionCounters, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ConntrackCounters.class);

    private final @Nullable ConnectionTracking socket;

    private ConntrackCounters(@Nullable ConnectionTracking socket) {
        this.socket = socket;
    }

    /** Counts nothing where this process may not ask. */
    static ConntrackCounters open() {
        try {
            return new ConntrackCounters(ConnectionTracking.open());
        } catch (IOException e) {
            LOG.debug("bytes of connections are not known: {}", e.getMessage());
            return new ConntrackCounters(null);
        }
    }

    @Override
    public Optional<Bytes> of(Flow flow) {
        int protocol = flow.ipProtocol().orElse(-1);
        if (socket == null
                || flow.direction() != Direction.FROM_VM
                || (protocol != Flow.TCP && protocol != Flow.UDP)
                || flow.source().isEmpty()
                || flow.destination().isEmpty()
                || flow.sourcePort().isEmpty()) {
            return Optional.empty();
        }
        return socket.counters(new ConnectionTracking.Tuple(
                        flow.source().get().bits(),
                        flow.destination().get().bits(),
                        protocol,
                        flow.sourcePort().getAsInt(),
                        flow.destinationPort().orElse(0)))
                .map(counters -> new Bytes(counters.original(), counters.reply(), counters.open()));
    }

    @Override
    public void close() {
        if (socket != null) {
            socket.close();
        }
    }
}
