package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The standard input of a started command, which {@link Scripts#STREAMS} passes on from files of the guest. The agent
 * writes files and, to a control pipe that it opens for reading too, a few bytes for each: so it never waits for the
 * command. A piece is kept until all that was answered, and each step may be repeated. Used by one thread.
 */
final class Feed {
    private static final int PIECE = 4 * AgentCalls.WRITE_PIECE;
    /** How many pieces the guest may have that it has not passed on. */
    private static final int AHEAD = 2;

    private final AgentCalls calls;
    private final Housekeeping housekeeping;
    private final String files;
    private final InputBuffer input;
    private byte[] piece = new byte[0];
    private boolean written;
    private long sent;
    private long passed;
    private @Nullable Long control;
    private boolean over;

    Feed(AgentCalls calls, Housekeeping housekeeping, String files, InputBuffer input) {
        this.calls = calls;
        this.housekeeping = housekeeping;
        this.files = files;
        this.input = input;
    }

    /** Takes an event's word. */
    void on(String kind, long number) throws MalformedReplyException {
        // What we could not be told was sent may be passed on all the same.
        long possible = sent + (written ? 1 : 0);
        if (kind.equals("!")) {
            end("The command has closed its standard input", null);
        } else if (kind.equals("+") && number <= possible) {
            passed = Math.max(passed, number);
        } else {
            throw new MalformedReplyException("the input has no event " + kind + " " + number);
        }
    }

    /** Sends what there is. */
    boolean send() {
        if (over) {
            return false;
        }
        if (piece.length == 0) {
            if (sent - passed >= AHEAD || (input.isEmpty() && !input.isClosed())) {
                return false;
            }
            piece = input.take(PIECE);
        }
        if (piece.length == 0) {
            tell("end");
            over = true;
            letGo();
            return true;
        }
        long number = sent + 1;
        if (!written) {
            write(files + ".i." + number);
            written = true;
        }
        tell(Long.toString(number));
        sent = number;
        written = false;
        piece = new byte[0];
        return true;
    }

    private void write(String path) {
        long file = calls.open(path, "w");
        try {
            calls.write(file, piece);
        } finally {
            housekeeping.closeLater(file);
        }
    }

    private void tell(String what) {
        try {
            Long open = control;
            if (open == null) {
                open = calls.open(files + ".c", "r+");
                control = open;
            }
            calls.write(open, (what + "\n").getBytes(StandardCharsets.US_ASCII));
        } catch (AgentVMException e) {
            letGo();
            throw e;
        }
    }

    /** The command reads no more. */
    void end(String message, @Nullable AgentVMException failure) {
        over = true;
        piece = new byte[0];
        input.abandon(message, failure);
        letGo();
    }

    private void letGo() {
        Long open = control;
        if (open != null) {
            control = null;
            housekeeping.closeLater(open);
        }
    }
}
