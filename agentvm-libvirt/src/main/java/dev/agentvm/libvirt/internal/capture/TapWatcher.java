package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.libvirt.internal.Uninterrupted;
import dev.agentvm.network.MacAddress;
import dev.agentvm.spi.VMEventSource;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
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
    /** What one VM left unread holds up the others for so long at most. */
    private static final long LONGEST_DROP_NANOS = Duration.ofSeconds(1).toNanos();

    private final Clock clock;
    private final Taps taps;
    private final ConntrackCounters counters = ConntrackCounters.open();
    private final List<TapWatch> watches = new CopyOnWriteArrayList<>();
    private @Nullable Thread running;
    private volatile boolean closed;

    /**
     * Watches by that clock.
     *
     * @param taps how taps are read; closed with this
     */
    public TapWatcher(Clock clock, Taps taps) {
        this.clock = clock;
        this.taps = taps;
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
        return watch(tap, own, events, judge, false);
    }

    /**
     * Watches a tap from now on.
     *
     * @param amidExchanges whether the VM may have begun exchanges before that still go on
     * @throws IOException if it is not there, or this process may not
     */
    public TapWatch watch(String tap, MacAddress own, VMEventSource events, Judge judge, boolean amidExchanges)
            throws IOException {
        Observer observer = new Observer(events, judge, counters);
        TapWatch watch = new TapWatch(taps.open(events.vm().id(), tap), own, observer, judge, clock);
        if (amidExchanges) {
            watch.beginsAmidExchanges();
        }
        synchronized (this) {
            if (closed) {
                watch.tap().close();
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
        try {
            while (goesOn()) {
                Map<Tap, TapWatch> byTap =
                        watches.stream().collect(Collectors.toMap(TapWatch::tap, Function.identity()));
                for (Tap ready : taps.await(List.copyOf(byTap.keySet()), LOOK_AROUND_MILLIS)) {
                    boolean unused = Objects.requireNonNull(byTap.get(ready)).read();
                }
                watches.forEach(TapWatch::sweep);
                watches.stream().filter(TapWatch::hasEnded).forEach(this::drop);
            }
        } catch (RuntimeException | Error e) {
            giveUp(e);
        }
    }

    /** Nothing is read any more, of which each VM is told; those to come are watched again. */
    private synchronized void giveUp(Throwable why) {
        LOG.warn("the taps of VMs are no longer read", why);
        running = null;
        for (TapWatch watch : watches) {
            watch.fail(why);
            watch.close();
        }
        watches.clear();
    }

    private void drop(TapWatch watch) {
        long begin = System.nanoTime();
        // The tap may be there still, and pass more for ever.
        int turns = LAST_TURNS;
        while (turns > 0 && System.nanoTime() - begin < longestDropNanos() && watch.read()) {
            turns--;
        }
        watch.skip(turns * TapWatch.TURN);
        watches.remove(watch);
        watch.close();
    }

    /** When all is to end, it does within the time that is waited for it. */
    private long longestDropNanos() {
        return closed ? LONGEST_DROP_NANOS / Math.max(1, watches.size()) : LONGEST_DROP_NANOS;
    }

    private synchronized boolean goesOn() {
        if (closed) {
            watches.forEach(TapWatch::end);
            watches.stream().filter(TapWatch::hasEnded).forEach(this::drop);
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
            taps.close();
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
