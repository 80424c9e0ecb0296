package dev.agentvm.libvirt.internal.files;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;

/** Bytes that wait for who reads them. In however small pieces they come, they take little more memory than their number. */
final class Unread {
    private static final int PIECE = 64 * 1024;
    /** Pieces that are kept for what comes next. */
    private static final int MOST_SPARE = 16;

    private final Deque<Piece> pieces = new ArrayDeque<>();
    private final Deque<Piece> spare = new ArrayDeque<>();
    private int size;

    private static final class Piece {
        private final byte[] bytes = new byte[PIECE];
        private int from;
        private int to;

        void fill(ByteBuffer source) {
            int count = Math.min(source.remaining(), bytes.length - to);
            source.get(bytes, to, count);
            to += count;
        }
    }

    int size() {
        return size;
    }

    boolean isEmpty() {
        return size == 0;
    }

    void clear() {
        pieces.clear();
        spare.clear();
        size = 0;
    }

    void add(ByteBuffer bytes) {
        size += bytes.remaining();
        Piece last = pieces.peekLast();
        if (last != null) {
            last.fill(bytes);
        }
        while (bytes.hasRemaining()) {
            Piece next = spare.isEmpty() ? new Piece() : spare.pop();
            next.fill(bytes);
            pieces.add(next);
        }
    }

    /** Takes the earliest, up to {@code length} of them; there must be some. */
    int take(byte[] into, int offset, int length) {
        Piece first = pieces.element();
        int count = Math.min(length, first.to - first.from);
        System.arraycopy(first.bytes, first.from, into, offset, count);
        first.from += count;
        size -= count;
        if (first.from == first.to) {
            pieces.remove();
            if (spare.size() < MOST_SPARE) {
                first.from = 0;
                first.to = 0;
                spare.push(first);
            }
        }
        return count;
    }
}
