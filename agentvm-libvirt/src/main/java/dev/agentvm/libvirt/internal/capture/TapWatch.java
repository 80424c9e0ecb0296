package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import dev.agentvm.network.ConnectionAttempt;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.Flow;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.Verdict;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes down what one VM tries on its network, and what reaches it. Read on one thread, asked by any. */
public final class TapWatch {
    private static final Logger LOG = LoggerFactory.getLogger(TapWatch.class);
    /** After so many frames of one VM the others have their turn. */
    private static final int TURN = 512;

    private static final long SWEEP_NANOS = Duration.ofSeconds(5).toNanos();

    private final PacketSocket socket;
    private final Judge judge;
    private final Clock clock;
    private final Exchanges exchanges;
    private final Observer observer;
    private final CompletableFuture<Void> done = new CompletableFuture<>();
    /** Written by the thread that reads, read by any. */
    private volatile ConnectionLog log = ConnectionLog.empty(Optional.empty());

    private volatile boolean ended;

    private Instant lastRead;
    private long lastSweep = System.nanoTime();

    TapWatch(PacketSocket socket, MacAddress own, Observer observer, Judge judge, Clock clock) {
        this.socket = socket;
        this.exchanges = new Exchanges(own, exchange -> observer.over(exchange, isPacketWise(exchange)));
        this.observer = observer;
        this.judge = judge;
        this.clock = clock;
        this.lastRead = clock.instant();
    }

    /** Of other than TCP each frame is seen, so also the last; of TCP only those that end it. */
    private static boolean isPacketWise(Exchange exchange) {
        return exchange.flow().ipProtocol().orElse(-1) != Flow.TCP;
    }

    /** What has been seen. Answers after the end too. */
    public ConnectionLog log() {
        return log;
    }

    /** The VM is gone; what it sent last is still read. */
    public void end() {
        ended = true;
    }

    /** Completes when all is told that was seen. */
    public CompletionStage<Void> done() {
        return done;
    }

    /** Nothing more is read. */
    void close() {
        socket.close();
        exchanges.end();
        done.complete(null);
    }

    boolean hasEnded() {
        return ended;
    }

    PacketSocket socket() {
        return socket;
    }

    /**
     * Reads what is there, for one turn. What goes wrong ends the watch, and its log says so.
     *
     * @return whether there may be more
     */
    boolean read() {
        boolean more = false;
        try {
            long before = log.lost();
            // What is read first may belong to what is lost.
            noteLost();
            more = readTurn();
            noteLost();
            observer.lost(log.lost() - before, lastRead);
            lastRead = clock.instant();
        } catch (RuntimeException e) {
            LOG.warn("what passes a tap is no longer read", e);
            String limitation = "it could no longer be read: " + e;
            log = log.limitedBy(limitation);
            observer.limited(limitation);
            end();
        }
        return more;
    }

    private void noteLost() {
        long lost = socket.takeLost();
        if (lost > 0) {
            log = log.plusLost(lost);
            exchanges.missed(System.nanoTime());
        }
    }

    /** Ends what has been silent for long. */
    void sweep() {
        long now = System.nanoTime();
        if (now - lastSweep >= SWEEP_NANOS) {
            lastSweep = now;
            exchanges.sweep(now);
        }
    }

    private boolean readTurn() {
        for (int frames = 0; frames < TURN; frames++) {
            PacketSocket.Frame frame;
            try {
                frame = socket.receive();
            } catch (IOException e) {
                // The tap is down; the kernel says so once, before it gives what came earlier.
                LOG.debug("a tap is down: {}", e.getMessage());
                continue;
            }
            if (frame == null) {
                return false;
            }
            note(frame);
        }
        return true;
    }

    private void note(PacketSocket.Frame frame) {
        boolean fromVM = !frame.towards();
        Optional<Headers> headers = Headers.of(frame.bytes(), frame.vlanProtocol());
        if (headers.isEmpty()) {
            log = log.plusLost(1);
            return;
        }
        long nanos = System.nanoTime();
        Exchanges.Sighting sighting = exchanges.see(headers.get(), fromVM, nanos);
        Headers.Ip ip = headers.get().ip();
        if (sighting.part() == Exchanges.Part.BEGIN) {
            begun(sighting.exchange(), nanos);
        } else {
            Headers.Tcp tcp = ip == null ? null : ip.tcp();
            // The middle and the end of a TCP connection that is cut are no attempts.
            if ((tcp != null && !tcp.begins()) || !begunAnew(sighting, nanos)) {
                observer.more(sighting, tcp, frame.bytes(), nanos);
            }
        }
    }

    private void begun(Exchange exchange, long nanos) {
        Optional<Object> version = judge.version();
        begun(exchange, judge.judge(exchange.flow()), version, nanos);
    }

    private void begun(Exchange exchange, Optional<Verdict> judged, Optional<Object> version, long nanos) {
        ConnectionAttempt attempt = new ConnectionAttempt(clock.instant(), exchange.flow(), judged);
        if (!isAddressResolution(attempt)) {
            log = log.plus(attempt);
            judged.ifPresent(verdict -> observer.begun(exchange, attempt.time(), verdict, version, nanos));
        }
    }

    /**
     * Under another policy, what goes on of a flow that was denied may pass, and the other way round: that is another
     * attempt.
     */
    private boolean begunAnew(Exchanges.Sighting sighting, long nanos) {
        Exchange exchange = sighting.exchange();
        Optional<Object> version = judge.version();
        if (sighting.part() != Exchanges.Part.MORE
                || exchange.attempt().isEmpty()
                || version.isEmpty()
                || exchange.isJudgedBy(version)) {
            return false;
        }
        boolean before = exchange.attempt().get().verdict().allowed();
        Optional<Verdict> now = judge.judge(exchange.flow());
        if (now.isEmpty() || now.get().allowed() == before) {
            exchange.attempt(exchange.attempt().get(), version);
            return false;
        }
        observer.over(exchange, false);
        begun(exchange.again(nanos), now, version, nanos);
        return true;
    }

    /** To ask by ARP who has an address is no attempt, unless it may not be asked so. */
    private static boolean isAddressResolution(ConnectionAttempt attempt) {
        return attempt.flow().etherType() == Flow.ETHERTYPE_ARP
                && attempt.verdict().filter(verdict -> !verdict.allowed()).isEmpty();
    }
}
