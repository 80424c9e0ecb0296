package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.libvirt.internal.Uninterrupted;
import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import dev.agentvm.network.MacAddress;
import dev.agentvm.spi.VMEventSource;
import java.io.IOException;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Watches the taps of VMs, all on one thread, which is there while there is something to watch. Safe for use by many
 * threads.
 */
public final class TapWatcher implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(TapWatcher.class);
    /** More frames than the kernel keeps for a tap. */
    private static final int LAST_TURNS = 200;

    private static final int LOOK_AROUND_MILLIS = 100;
    private static final long LONGEST_END_MILLIS = 5_000;

    private final Clock clock;
    private final ConntrackCounters counters = ConntrackCounters.open();
    private final List<TapWatch> watches = new CopyOnWriteArrayList<>();
    private @Nullable Thread running;
    private volatile boolean closed;

    /** Watches by that clock. */
    public TapWatcher(Clock clock) {
        this.clock = clock;
    }

    /**
     * Watches a tap from now on.
     *
     * @param own the MAC address of the VM behind it
     * @param events tells what is seen
     * @param judge says what the policy that is in force then says of a flow
     * @throws IOException if it is not there, or this process may not
     */
    public TapWatch watch(String tap, MacAddress own, VMEventSource events, Judge judge) throws IOException {
        Observer observer = new Observer(events, judge, counters);
        TapWatch watch = new TapWatch(PacketSocket.open(tap), own, observer, judge, clock);
        synchronized (this) {
            if (closed) {
                watch.socket().close();
                throw new IOException("nothing is watched any more");
            }
            watches.add(watch);
            if (running == null) {
                Thread thread = new Thread(null, this::run, "agentvm-tap-watcher", 0, false);
                running = thread;
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
                boolean unused = Objects.requireNonNull(bySocket.get(ready)).read();
            }
            watches.forEach(TapWatch::sweep);
            watches.stream().filter(TapWatch::hasEnded).forEach(this::drop);
        }
    }

    private void drop(TapWatch watch) {
        try {
            // The tap may be there still, and pass more for ever.
            for (int turn = 0; watch.read() && turn < LAST_TURNS; turn++) {
                LOG.debug("more is left to read of a tap");
            }
        } finally {
            watches.remove(watch);
            watch.close();
        }
    }

    private synchronized boolean goesOn() {
        if (closed) {
            watches.forEach(this::drop);
        }
        if (watches.isEmpty()) {
            running = null;
        }
        return running != null;
    }

    /** Watches nothing any more, and waits until all is told that was seen. */
    @Override
    public void close() {
        Thread last;
        synchronized (this) {
            closed = true;
            last = running;
        }
        if (last != null) {
            Uninterrupted.run(() -> join(last));
        }
        if (last == null || !last.isAlive()) {
            counters.close();
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join(LONGEST_END_MILLIS);
        } catch (InterruptedException e) {
            throw new AssertionError("nobody interrupts this thread", e);
        }
    }
}
