package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import dev.agentvm.network.ConnectionAttempt;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.Flow;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.Verdict;
import java.io.IOException;
import java.time.Clock;
import java.util.Optional;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes down what one VM tries on its network, and what reaches it. Read on one thread, asked by any. */
public final class TapWatch {
    private static final Logger LOG = LoggerFactory.getLogger(TapWatch.class);
    /** After so many frames of one VM the others have their turn. */
    private static final int TURN = 512;

    private final PacketSocket socket;
    private final Function<Flow, Optional<Verdict>> judge;
    private final Clock clock;
    private final Exchanges exchanges;
    /** Written by the thread that reads, read by any. */
    private volatile ConnectionLog log = ConnectionLog.empty(Optional.empty());

    private volatile boolean ended;

    TapWatch(PacketSocket socket, MacAddress own, Function<Flow, Optional<Verdict>> judge, Clock clock) {
        this.socket = socket;
        this.exchanges = new Exchanges(own);
        this.judge = judge;
        this.clock = clock;
    }

    /** What has been seen. Answers after the end too. */
    public ConnectionLog log() {
        return log;
    }

    /** The VM is gone; what it sent last is still read. */
    public void end() {
        ended = true;
    }

    boolean hasEnded() {
        return ended;
    }

    PacketSocket socket() {
        return socket;
    }

    /** Reads what is there. What goes wrong ends the watch, and its log says so. */
    void read() {
        try {
            readTurn();
            log = log.plusLost(socket.takeLost());
        } catch (RuntimeException e) {
            LOG.warn("what passes a tap is no longer read", e);
            log = log.limitedBy("it could no longer be read: " + e);
            end();
        }
    }

    private void readTurn() {
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
                return;
            }
            note(frame);
        }
    }

    private void note(PacketSocket.Frame frame) {
        boolean fromVM = !frame.towards();
        Optional<Headers> headers = Headers.of(frame.bytes(), frame.vlanProtocol());
        if (headers.isEmpty()) {
            log = log.plusLost(1);
            return;
        }
        headers.flatMap(read -> exchanges.begunBy(read, fromVM, System.nanoTime()))
                .map(flow -> new ConnectionAttempt(clock.instant(), flow, judge.apply(flow)))
                .filter(attempt -> !isAddressResolution(attempt))
                .ifPresent(attempt -> log = log.plus(attempt));
    }

    /** To ask by ARP who has an address is no attempt, unless it may not be asked so. */
    private static boolean isAddressResolution(ConnectionAttempt attempt) {
        return attempt.flow().etherType() == Flow.ETHERTYPE_ARP
                && attempt.verdict().filter(verdict -> !verdict.allowed()).isEmpty();
    }
}
