package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.libvirt.internal.capture.OwnTaps;
import dev.agentvm.libvirt.internal.capture.Tap;
import dev.agentvm.libvirt.internal.capture.Taps;
import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** {@link OwnTaps} that count the frames that each VM's latest tap gave to its reader. */
final class CountedTaps implements Taps {
    private final OwnTaps own = new OwnTaps();
    private final Map<UUID, CountedTap> latest = new ConcurrentHashMap<>();

    /** Frames that the VM sent and the reader got, and those that it was told are lost. */
    long readOrLost(UUID vm) {
        CountedTap tap = Objects.requireNonNull(latest.get(vm), "it is not watched");
        return tap.sent.get() + tap.lost.get();
    }

    @Override
    public Tap open(UUID vm, String name) throws IOException {
        CountedTap tap = new CountedTap(own.open(vm, name));
        latest.put(vm, tap);
        return tap;
    }

    @Override
    public List<Tap> await(List<Tap> taps, int timeoutMillis) {
        Map<Tap, Tap> byOwn =
                taps.stream().collect(Collectors.toMap(tap -> ((CountedTap) tap).tap, Function.identity()));
        return own.await(List.copyOf(byOwn.keySet()), timeoutMillis).stream()
                .map(ready -> Objects.requireNonNull(byOwn.get(ready)))
                .toList();
    }

    @Override
    public void close() {
        own.close();
    }

    private static final class CountedTap implements Tap {
        private final Tap tap;
        private final AtomicLong sent = new AtomicLong();
        private final AtomicLong lost = new AtomicLong();

        CountedTap(Tap tap) {
            this.tap = tap;
        }

        @Override
        public PacketSocket.@Nullable Frame receive() {
            PacketSocket.Frame frame = tap.receive();
            if (frame != null && !frame.towards()) {
                sent.incrementAndGet();
            }
            return frame;
        }

        @Override
        public long takeLost() {
            long more = tap.takeLost();
            lost.addAndGet(more);
            return more;
        }

        @Override
        public boolean isGone() {
            return tap.isGone();
        }

        @Override
        public boolean lags() {
            return tap.lags();
        }

        @Override
        public void close() {
            tap.close();
        }
    }
}
