package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import dev.agentvm.network.Flow;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.Verdict;
import java.io.IOException;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Watches the taps of VMs, all on one thread, which is there while there is something to watch. Safe for use by many threads. */
public final class TapWatcher implements AutoCloseable {
    private static final int LOOK_AROUND_MILLIS = 100;

    private final Clock clock;
    private final List<TapWatch> watches = new CopyOnWriteArrayList<>();
    private boolean running;
    private volatile boolean closed;

    /** Watches by that clock. */
    public TapWatcher(Clock clock) {
        this.clock = clock;
    }

    /**
     * Watches a tap from now on.
     *
     * @param own the MAC address of the VM behind it
     * @param judge says what the policy that is in force then says of a flow, or nothing if it is not known
     * @throws IOException if it is not there, or this process may not
     */
    public TapWatch watch(String tap, MacAddress own, Function<Flow, Optional<Verdict>> judge) throws IOException {
        TapWatch watch = new TapWatch(PacketSocket.open(tap), own, judge, clock);
        synchronized (this) {
            if (closed) {
                watch.socket().close();
                throw new IOException("nothing is watched any more");
            }
            watches.add(watch);
            if (!running) {
                running = true;
                Thread thread = new Thread(null, this::run, "agentvm-tap-watcher", 0, false);
                thread.setDaemon(true);
                thread.start();
            }
        }
        return watch;
    }

    private void run() {
        while (goesOn()) {
            Map<PacketSocket, TapWatch> bySocket =
                    watches.stream().collect(Collectors.toMap(TapWatch::socket, Function.identity()));
            for (PacketSocket ready : PacketSocket.await(List.copyOf(bySocket.keySet()), LOOK_AROUND_MILLIS)) {
                Objects.requireNonNull(bySocket.get(ready)).read();
            }
            watches.stream().filter(TapWatch::hasEnded).forEach(this::drop);
        }
    }

    private void drop(TapWatch watch) {
        try {
            watch.read();
        } finally {
            watches.remove(watch);
            watch.socket().close();
        }
    }

    private synchronized boolean goesOn() {
        if (closed) {
            watches.forEach(this::drop);
        }
        running = !watches.isEmpty();
        return running;
    }

    /** Watches nothing any more. */
    @Override
    public synchronized void close() {
        closed = true;
    }
}
