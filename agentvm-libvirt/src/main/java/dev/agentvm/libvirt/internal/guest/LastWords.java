package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The outputs of a command from its end to theirs. Processes that outlived it may hold them open and go on writing: so
 * some time after its end a mark is written behind what it wrote itself, whatever comes meanwhile. Used by the supervisor's
 * thread alone.
 */
final class LastWords {
    private static final Logger LOG = LoggerFactory.getLogger(LastWords.class);
    private static final SecureRandom RANDOM = new SecureRandom();
    /** How long after the end of a command its outputs end by themselves, unless others hold them open. */
    private static final long USUAL = Duration.ofMillis(150).toNanos();
    /** A guest that does not answer is not too late. */
    private static final long LONGEST_STEP = Duration.ofSeconds(1).toNanos();
    /** Bytes: far more than an output's files and its pipe hold. */
    private static final long MOST = 16 * 1024 * 1024;

    private final String files;
    private final Spool out;
    private final Spool err;
    private final Supervisor owner;
    private final String mark = newMark();
    private long end;
    private long lastStep;
    private long waited;
    private long takenBefore;
    private boolean marked;

    LastWords(String files, Spool out, Spool err, Supervisor owner) {
        this.files = files;
        this.out = out;
        this.err = err;
        this.owner = owner;
    }

    /** Its process has ended. */
    void begin() {
        end = System.nanoTime();
        lastStep = end;
        takenBefore = out.taken() + err.taken();
    }

    /** Whether no end of its outputs is to be expected any more. Sees to the mark. */
    boolean isTooLate(long now) {
        if (!out.isHeldUp() && !err.isHeldUp()) {
            waited += Math.min(LONGEST_STEP, now - lastStep);
        }
        lastStep = now;
        if (!marked && now - end >= USUAL && !(out.isOver() && err.isOver())) {
            mark();
        }
        return waited >= owner.patience().ending().toNanos() || out.taken() + err.taken() - takenBefore > MOST;
    }

    private static String newMark() {
        byte[] random = new byte[16];
        RANDOM.nextBytes(random);
        return HexFormat.of().formatHex(random);
    }

    private void mark() {
        marked = true;
        for (Spool output : List.of(out, err)) {
            if (!output.isOver()) {
                output.endsAt(mark.getBytes(StandardCharsets.US_ASCII));
            }
        }
        owner.inBackground(() -> {
            try {
                AgentCalls.Status unused = owner.scripts()
                        .run(
                                "Marking the end of a command",
                                Scripts.MARK,
                                List.of(mark, files + ".o", files + ".e"),
                                Killer.PATIENCE);
            } catch (AgentVMException e) {
                LOG.debug("The end of the output {} is not marked yet", files, e);
                owner.post(() -> marked = false);
            }
        });
    }
}
