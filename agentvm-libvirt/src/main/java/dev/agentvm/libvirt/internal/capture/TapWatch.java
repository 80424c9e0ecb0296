package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import dev.agentvm.network.ConnectionAttempt;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.Flow;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.Verdict;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes down what one VM tries on its network, and what reaches it. Read on one thread, asked by any. */
public final class TapWatch {
    private static final Logger LOG = LoggerFactory.getLogger(TapWatch.class);
    /** After so many frames of one VM the others have their turn. */
    static final int TURN = 512;

    /** After the end of a VM its last frames may take so long to come. */
    private static final long LAG_NANOS = Duration.ofSeconds(1).toNanos();

    private static final long TURN_NANOS = Duration.ofMillis(20).toNanos();
    private static final long SWEEP_NANOS = Duration.ofSeconds(5).toNanos();

    private final Tap tap;
    private final Judge judge;
    private final Clock clock;
    private final Exchanges exchanges;
    private final Observer observer;
    private final CompletableFuture<Void> done = new CompletableFuture<>();
    private final AttemptLog log = new AttemptLog();

    /** When it ended, as {@link System#nanoTime} tells it. */
    private volatile @Nullable Long endedNanos;

    private boolean failed;

    private Instant lastRead;
    private long lastSweep = System.nanoTime();

    TapWatch(Tap tap, MacAddress own, Observer observer, Judge judge, Clock clock) {
        this.tap = tap;
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
        return log.log();
    }

    /** The VM is gone; what it sent last is still read. */
    public void end() {
        if (endedNanos == null) {
            endedNanos = System.nanoTime();
        }
    }

    /** Completes when all is told that was seen. */
    public CompletionStage<Void> done() {
        return done;
    }

    /** Of what was begun before this nothing is known, so it may go on and be answered. */
    void beginsAmidExchanges() {
        exchanges.missed(System.nanoTime());
    }

    /** Nothing more is read. All that wait for it are told, whatever goes wrong. */
    void close() {
        try {
            tap.close();
            exchanges.end();
            observer.end();
        } catch (RuntimeException | Error e) {
            LOG.warn("the last of what passed a tap could not be told", e);
        } finally {
            done.complete(null);
        }
    }

    /** It has ended, and what it sent last is there to be read, or does not come. */
    boolean hasEnded() {
        Long since = endedNanos;
        return since != null && (failed || !tap.lags() || System.nanoTime() - since >= LAG_NANOS);
    }

    Tap tap() {
        return tap;
    }

    /**
     * Reads what is there, for one turn. What goes wrong ends the watch, and its log says so.
     *
     * @return whether there may be more
     */
    boolean read() {
        if (failed) {
            return false;
        }
        try {
            long before = log.lost();
            // What is read first may belong to what is lost.
            noteLost();
            boolean more = readTurn();
            noteLost();
            observer.lost(log.lost() - before, lastRead);
            lastRead = clock.instant();
            return more;
        } catch (RuntimeException | Error e) {
            fail(e);
            return false;
        }
    }

    /** It ends here, and says why: the others are watched on. */
    void fail(Throwable why) {
        LOG.warn("what passes a tap is no longer read", why);
        failed = true;
        end();
        try {
            String limitation = "it could no longer be read: " + why;
            log.limit(limitation);
            observer.limited(limitation);
        } catch (RuntimeException | Error e) {
            LOG.warn("nor could that be told", e);
        }
    }

    /** Counts as lost what is there, so many frames at most. */
    void skip(int most) {
        int skipped = 0;
        try {
            while (skipped < most && !failed && tap.receive() != null) {
                skipped++;
            }
        } catch (RuntimeException e) {
            LOG.debug("what is left of a tap is not counted", e);
        }
        log.addLost(skipped);
        observer.lost(skipped, lastRead);
    }

    private void noteLost() {
        long lost = tap.takeLost();
        if (lost > 0) {
            log.addLost(lost);
            exchanges.missed(System.nanoTime());
        }
    }

    /** Tells what is over by now. What goes wrong ends the watch, and its log says so. */
    void sweep() {
        try {
            long now = System.nanoTime();
            observer.settle(now);
            if (now - lastSweep >= SWEEP_NANOS) {
                lastSweep = now;
                exchanges.sweep(now);
            }
        } catch (RuntimeException | Error e) {
            fail(e);
        }
    }

    private boolean readTurn() {
        long begin = System.nanoTime();
        for (int frames = 0; frames < TURN && System.nanoTime() - begin < TURN_NANOS; frames++) {
            PacketSocket.Frame frame = tap.receive();
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
            log.addLost(1);
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
        exchange.judgedBy(judged.flatMap(known -> version));
        ConnectionAttempt attempt = new ConnectionAttempt(clock.instant(), exchange.flow(), judged);
        if (!isAddressResolution(attempt)) {
            log.add(attempt);
            judged.ifPresent(verdict -> observer.begun(exchange, attempt.time(), verdict, version, nanos));
        }
    }

    /**
     * Under another policy, what goes on of a flow that was denied may pass, and the other way round: that is another
     * attempt. So is what goes on when the policy is known at last.
     */
    private boolean begunAnew(Exchanges.Sighting sighting, long nanos) {
        Exchange exchange = sighting.exchange();
        Optional<Object> version = judge.version();
        if (sighting.part() != Exchanges.Part.MORE
                || exchange.isLeftToAnother()
                || version.isEmpty()
                || exchange.isJudgedBy(version)) {
            return false;
        }
        Optional<Verdict> now = judge.judge(exchange.flow());
        if (now.isEmpty()) {
            return false;
        }
        Optional<ConnectionAttempted> told = exchange.attempt();
        if (told.isPresent() && now.get().allowed() == told.get().verdict().allowed()) {
            exchange.attempt(told.get(), version);
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
