package dev.agentvm.libvirt.internal.guest;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** One output of a command: its file in the guest, and what was read of it. Nothing is read before it is opened. */
final class OutputFile {
    private final AgentCalls calls;
    private final String path;
    private final List<byte[]> pieces = new ArrayList<>();
    private @Nullable Long handle;
    private boolean moved;
    private int read;

    OutputFile(AgentCalls calls, String path) {
        this.calls = calls;
        this.path = path;
    }

    /** Opens it, unless it is; it is made if the command did not yet. */
    void open() {
        if (handle == null) {
            handle = calls.open(path, "a+");
        }
    }

    /** It was opened already, and nothing is read yet. */
    void opened(long as) {
        handle = as;
    }

    @Nullable Long handle() {
        return handle;
    }

    /** How long it is at present. */
    long length() {
        Long open = handle;
        if (open == null) {
            return 0;
        }
        moved = true;
        return calls.seekEnd(open);
    }

    /**
     * Reads a first, small piece: for most commands all that there is.
     *
     * @return whether that was all
     */
    boolean readFirst() {
        Long open = handle;
        if (open == null) {
            return true;
        }
        returnTo(open, 0);
        return take(calls.read(open, AgentCalls.SMALL_PIECE)) < AgentCalls.SMALL_PIECE;
    }

    /** Reads on to the end, while {@code go}. */
    void readRest(BooleanSupplier go) {
        Long open = handle;
        if (open == null) {
            return;
        }
        returnTo(open, read);
        boolean more = true;
        while (more && go.getAsBoolean()) {
            more = take(calls.read(open, AgentCalls.READ_PIECE)) == AgentCalls.READ_PIECE;
        }
    }

    private void returnTo(long open, long position) {
        if (moved) {
            calls.seek(open, position);
            moved = false;
        }
    }

    private int take(byte[] piece) {
        if (piece.length > 0) {
            pieces.add(piece);
            read += piece.length;
        }
        return piece.length;
    }

    /** How much was read. */
    int read() {
        return read;
    }

    byte[] bytes() {
        byte[] all = new byte[read];
        int at = 0;
        for (byte[] piece : pieces) {
            System.arraycopy(piece, 0, all, at, piece.length);
            at += piece.length;
        }
        return all;
    }

    /** The last bytes of the file as it is now, at most {@code limit}. */
    byte[] tail(int limit) {
        Long open = handle;
        if (open == null) {
            return new byte[0];
        }
        calls.seek(open, Math.max(0, length() - limit));
        moved = true;
        return calls.read(open, limit);
    }
}
