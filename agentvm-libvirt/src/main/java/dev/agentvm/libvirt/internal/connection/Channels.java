package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.AgentVMException;
import dev.agentvm.libvirt.internal.connection.Errors.Operation;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Open channels, each over a connection of its own, some of which are kept for others. While a guest does not take
 * what it is sent, libvirtd reads no more of the connection that it came by than a few messages, not even that the
 * channel is closed: so what one guest leaves unread holds nothing up but its own channel, and that can be taken from
 * itself by another way.
 */
final class Channels {
    /** How many channels are open at once, and connections kept. libvirtd takes many times more of one user. */
    private static final int MOST = 32;

    private static final Duration CLOSE_PATIENCE = Duration.ofMillis(300);
    private static final Duration FORCE_TIMEOUT = Duration.ofSeconds(10);

    private final Supplier<Streams> connect;
    private final Lane control;
    private final Executor cleanup;
    private final List<Place> places = new ArrayList<>();
    private boolean closed;

    /**
     * No channels yet.
     *
     * @param connect what carries a channel
     * @param control what takes a channel from who does not let go of it
     */
    Channels(Supplier<Streams> connect, Lane control, Executor cleanup) {
        this.connect = connect;
        this.control = control;
        this.cleanup = cleanup;
    }

    /** Where one channel may be open at a time. */
    private record Place(Streams streams, AtomicBoolean reserved) {
        boolean take() {
            return streams.isEmpty() && reserved.compareAndSet(false, true);
        }
    }

    ByteStream open(Scope scope, DomainRef domain, String name, ByteSink sink) {
        Operation operation = new Operation("channel " + name, domain);
        Place place = take(operation);
        try {
            OpenStream stream =
                    place.streams().open(scope, operation, sink, c -> c.openChannel(domain.uuid(), name, false));
            return new Channel(stream, operation, domain, name);
        } finally {
            place.reserved().set(false);
        }
    }

    private synchronized Place take(Operation operation) {
        if (closed) {
            throw Errors.failure(Errors.closed(), operation);
        }
        Optional<Place> free = places.stream().filter(Place::take).findFirst();
        if (free.isPresent()) {
            return free.get();
        }
        if (places.size() == MOST) {
            throw new AgentVMException(
                    operation.text() + ": " + MOST + " channels are open already",
                    operation.context().retryable(true));
        }
        Place place = new Place(connect.get(), new AtomicBoolean(true));
        places.add(place);
        return place;
    }

    /** An open channel, which is taken from itself if libvirt does not hear of its end. */
    private final class Channel implements ByteStream {
        private final OpenStream stream;
        private final Operation operation;
        private final DomainRef domain;
        private final String name;

        Channel(OpenStream stream, Operation operation, DomainRef domain, String name) {
            this.stream = stream;
            this.operation = operation;
            this.domain = domain;
            this.name = name;
        }

        @Override
        public void send(ByteBuffer bytes) {
            stream.send(bytes);
        }

        @Override
        public void finish() {
            stream.finish();
        }

        @Override
        public boolean open() {
            return stream.open();
        }

        @Override
        public void abort() {
            stream.abort();
        }

        @Override
        public void close() {
            if (!stream.close(CLOSE_PATIENCE)) {
                cleanup.execute(this::force);
            }
        }

        /** If libvirt still has not heard of the end; else the channel may be another's by now. */
        private void force() {
            new Calls(control, new Scope(FORCE_TIMEOUT, Optional.empty())).run(operation, connection -> {
                if (!stream.isGone()) {
                    connection.openChannel(domain.uuid(), name, true).close();
                }
            });
        }
    }

    /** Ends all channels. */
    void close() {
        List<Place> all;
        synchronized (this) {
            closed = true;
            all = List.copyOf(places);
        }
        all.forEach(place -> place.streams().close());
        all.forEach(place -> place.streams().lane().close());
    }

    /** The threads of all. */
    synchronized Stream<ThreadPoolExecutor> executors() {
        return places.stream().flatMap(place -> place.streams().executors());
    }
}
