package dev.agentvm.libvirt.internal.guest;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** One output of a command: its file in the guest, and what was read of it so far. */
final class OutputFile {
    private final AgentCalls calls;
    private final String path;
    private final List<byte[]> pieces = new ArrayList<>();
    private @Nullable Long handle;
    private int size;

    OutputFile(AgentCalls calls, String path) {
        this.calls = calls;
        this.path = path;
    }

    /** Opens it; the reading begins at its start, and it is made if the command did not yet. */
    void open() {
        handle = calls.open(path, "a+");
    }

    @Nullable Long handle() {
        return handle;
    }

    /** Reads what there is at present, while {@code go}; at most a piece more than allowed by it. */
    void drain(BooleanSupplier go) {
        Long open = handle;
        while (open != null && go.getAsBoolean()) {
            int count = size == 0 ? AgentCalls.SMALL_PIECE : AgentCalls.READ_PIECE;
            byte[] piece = calls.read(open, count);
            if (piece.length > 0) {
                pieces.add(piece);
                size += piece.length;
            }
            if (piece.length < count) {
                return;
            }
        }
    }

    int size() {
        return size;
    }

    byte[] bytes() {
        byte[] all = new byte[size];
        int at = 0;
        for (byte[] piece : pieces) {
            System.arraycopy(piece, 0, all, at, piece.length);
            at += piece.length;
        }
        return all;
    }

    /** The last bytes, at most {@code limit}. */
    byte[] tail(int limit) {
        byte[] tail = new byte[Math.min(limit, size)];
        int at = tail.length;
        for (int i = pieces.size() - 1; i >= 0 && at > 0; i--) {
            byte[] piece = pieces.get(i);
            int length = Math.min(at, piece.length);
            at -= length;
            System.arraycopy(piece, piece.length - length, tail, at, length);
        }
        return tail;
    }
}
