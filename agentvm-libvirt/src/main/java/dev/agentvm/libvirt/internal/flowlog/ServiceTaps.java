package dev.agentvm.libvirt.internal.flowlog;

import dev.agentvm.libvirt.internal.capture.Tap;
import dev.agentvm.libvirt.internal.capture.Taps;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;

/** Taps that the service of this host reads for this process. */
public final class ServiceTaps implements Taps {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final Path path;

    /**
     * Connects to nobody yet.
     *
     * @param path where the service listens
     */
    public ServiceTaps(Path path) {
        this.path = path;
    }

    @Override
    public Tap open(UUID vm, String name) throws IOException {
        SocketChannel service = SocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            service.configureBlocking(false);
            boolean connected = service.connect(UnixDomainSocketAddress.of(path));
            ServiceTap tap = new ServiceTap(service);
            try (Selector once = Selector.open()) {
                long end = System.nanoTime() + PATIENCE.toNanos();
                SelectionKey key = service.register(once, connected ? SelectionKey.OP_READ : SelectionKey.OP_CONNECT);
                while (!connected) {
                    await(once, end);
                    connected = service.finishConnect();
                }
                try {
                    request(service, vm);
                } catch (IOException e) {
                    // One that refuses at once has hung up; what it said is there all the same.
                    boolean unused = tap.isAccepted();
                    throw e;
                }
                key.interestOps(SelectionKey.OP_READ);
                while (!tap.isAccepted()) {
                    await(once, end);
                }
            }
            return tap;
        } catch (IOException | RuntimeException e) {
            service.close();
            throw e;
        }
    }

    private void request(SocketChannel service, UUID vm) throws IOException {
        if (service.write(Wire.request(vm)) < Wire.REQUEST_BYTES) {
            throw new IOException("the flow log service at " + path + " takes no requests");
        }
    }

    private void await(Selector once, long endNanos) throws IOException {
        long millis = Duration.ofNanos(endNanos - System.nanoTime()).toMillis();
        if (millis <= 0 || once.select(millis) == 0) {
            throw new IOException(
                    "the flow log service at " + path + " has not answered within " + PATIENCE.toSeconds() + " s");
        }
        once.selectedKeys().clear();
    }

    @Override
    public List<Tap> await(List<Tap> taps, int timeoutMillis) {
        Set<Tap> ready =
                taps.stream().filter(tap -> ((ServiceTap) tap).hasMore()).collect(Collectors.toSet());
        // One for all times would keep channels open that are closed until it selects again.
        try (Selector once = Selector.open()) {
            for (Tap tap : taps) {
                if (!tap.isGone()) {
                    ((ServiceTap) tap).register(once);
                }
            }
            int unused = ready.isEmpty() ? once.select(timeoutMillis) : once.selectNow();
            once.selectedKeys().forEach(key -> ready.add((Tap) key.attachment()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return taps.stream().filter(ready::contains).toList();
    }

    @Override
    public void close() {
        // There is nothing that they share.
    }
}
