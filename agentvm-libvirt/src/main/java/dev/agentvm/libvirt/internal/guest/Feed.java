package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The standard input of a started command, which {@link Scripts#STREAMS} passes on from two files of the guest. The agent
 * writes files and, to a control pipe that it opens for reading too, a few bytes for each: so it never waits for the
 * command. Used by one thread.
 */
final class Feed {
    private static final int PIECE = 4 * AgentCalls.WRITE_PIECE;

    private final AgentCalls calls;
    private final String files;
    private final InputBuffer input;
    private final boolean[] taken = new boolean[2];
    private int next;
    private @Nullable Long control;
    private boolean over;

    Feed(AgentCalls calls, String files, InputBuffer input) {
        this.calls = calls;
        this.files = files;
        this.input = input;
    }

    /** Takes an event's word. */
    void on(String kind, long part) throws MalformedReplyException {
        if (kind.equals("!")) {
            over = true;
            input.abandon("The command has closed its standard input", null);
        } else if (kind.equals("+") && part >= 0 && part <= 1 && taken[(int) part]) {
            taken[(int) part] = false;
        } else {
            throw new MalformedReplyException("the input has no event " + kind + " " + part);
        }
    }

    /** Sends what there is. */
    boolean send() {
        if (over || (input.isEmpty() && !input.isClosed()) || taken[next]) {
            return false;
        }
        byte[] piece = input.take(PIECE);
        if (piece.length == 0) {
            over = true;
            tell("end");
        } else {
            long file = calls.open(files + ".i." + next, "w");
            try {
                calls.write(file, piece);
            } finally {
                calls.close(file);
            }
            taken[next] = true;
            tell(Integer.toString(next));
            next = 1 - next;
        }
        return true;
    }

    private void tell(String what) {
        Long open = control;
        if (open == null) {
            open = calls.open(files + ".c", "r+");
            control = open;
        }
        calls.write(open, (what + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    /** The command reads no more. */
    void end(String message, @Nullable AgentVMException failure) {
        over = true;
        input.abandon(message, failure);
    }

    /** The handles that are still open. */
    List<Long> handles() {
        Long open = control;
        return open == null ? List.of() : List.of(open);
    }
}
