package dev.agentvm.libvirt.internal.files;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;

/** Bytes that wait for who reads them. In however small pieces they come, they take little more memory than their number. */
final class Unread {
    private static final int PIECE = 64 * 1024;

    private final Deque<Piece> pieces = new ArrayDeque<>();
    private int size;

    private static final class Piece {
        private final byte[] bytes;
        private int from;
        private int to;

        Piece(int length) {
            bytes = new byte[length];
        }

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
        size = 0;
    }

    void add(ByteBuffer bytes) {
        size += bytes.remaining();
        Piece last = pieces.peekLast();
        if (last != null) {
            last.fill(bytes);
        }
        if (bytes.hasRemaining()) {
            Piece next = new Piece(Math.max(PIECE, bytes.remaining()));
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
            done(first);
        }
        return count;
    }

    /** One is kept, since a reader that keeps up would else cost a new one for each byte. */
    private void done(Piece first) {
        if (pieces.size() == 1 && first.bytes.length == PIECE) {
            first.from = 0;
            first.to = 0;
        } else {
            pieces.remove();
        }
    }
}
