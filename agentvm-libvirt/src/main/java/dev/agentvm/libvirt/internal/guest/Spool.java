package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.GuestAgentException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One output of a started command, as {@link Scripts#STREAMS} leaves it in two files of the guest: reads what was told,
 * in its order, as far as the sink has room, and empties each file that was read to its end. Used by one thread.
 */
final class Spool {
    /** So that many commands get their turn. */
    private static final int READS = 4;

    private static final int LITTLE = 64 * 1024;

    private final AgentCalls calls;
    private final String path;
    private final Sink sink;
    private byte[] mark = new byte[0];
    private byte[] held = new byte[0];
    private long told;
    private long file;
    private @Nullable Long handle;
    private int ask = AgentCalls.SMALL_PIECE;
    private long finished;
    private boolean unread;
    /** Whether it is written to without an event for each piece. */
    private boolean growing;

    private boolean complete;
    private volatile boolean over;

    Spool(AgentCalls calls, String path, Sink sink) {
        this.calls = calls;
        this.path = path;
        this.sink = sink;
    }

    /** Takes an event's word. */
    void on(String kind, long count) throws MalformedReplyException {
        long expected = kind.equals("+") ? told + 1 : kind.equals("/") ? finished + 1 : told;
        if (count != expected) {
            throw new MalformedReplyException("an output's event is numbered " + count + " and not " + expected);
        }
        growing = kind.equals("~");
        switch (kind) {
            case "+" -> {
                told = count;
                unread = true;
            }
            case "/" -> {
                finished = count;
                unread = true;
            }
            case "~" -> {}
            case "." -> complete = true;
            case "!" ->
                throw new GuestAgentException(
                        "A command's output is incomplete, since " + path + " of the guest of " + calls.vmName()
                                + " takes no more: its file system is full, or its files were removed",
                        calls.context());
            default -> throw new MalformedReplyException("an output has no event " + kind);
        }
    }

    /** The output ends where this comes in it. */
    void endsAt(byte[] end) {
        mark = end;
    }

    boolean isOver() {
        return over;
    }

    /** Whether something is there that the sink has no room for. */
    boolean isHeldUp() {
        return !over && unread && sink.room() < LITTLE;
    }

    /**
     * Moves on what there is.
     *
     * @return whether that was anything
     */
    boolean drain() {
        boolean moved = false;
        for (int i = 0; i < READS && (unread || growing) && !over; i++) {
            // What a mark held back comes on top.
            int room = sink.room() - held.length;
            if (room < LITTLE) {
                break;
            }
            int count = Math.min(room, ask);
            int got = read(count);
            moved |= got > 0;
            if (got < count && growing) {
                break;
            }
        }
        if (complete && !unread && !over) {
            sink.put(held);
            end(null);
        }
        return moved;
    }

    private int read(int count) {
        Long open = handle;
        if (open == null) {
            open = calls.open(path + "." + file % 2, "a+");
            handle = open;
        }
        byte[] bytes = calls.read(open, count);
        take(bytes);
        ask = bytes.length == count ? AgentCalls.READ_PIECE : LITTLE;
        if (bytes.length < count) {
            unread = false;
            if (file < finished) {
                close();
                // Only now may the guest write it again.
                calls.close(calls.open(path + "." + file % 2, "w"));
                file++;
                // Of the next file something may have been told already.
                unread = true;
            }
        }
        return bytes.length;
    }

    private void take(byte[] bytes) {
        if (mark.length == 0) {
            sink.put(bytes);
            return;
        }
        byte[] all = Arrays.copyOf(held, held.length + bytes.length);
        System.arraycopy(bytes, 0, all, held.length, bytes.length);
        int at = indexOf(all, mark);
        if (at >= 0) {
            sink.put(Arrays.copyOf(all, at));
            end(null);
            return;
        }
        int sure = Math.max(0, all.length - mark.length + 1);
        sink.put(Arrays.copyOf(all, sure));
        held = Arrays.copyOfRange(all, sure, all.length);
    }

    private static int indexOf(byte[] all, byte[] part) {
        // One byte is one character there.
        return new String(all, StandardCharsets.ISO_8859_1).indexOf(new String(part, StandardCharsets.ISO_8859_1));
    }

    /** Nothing more is read. */
    void end(@Nullable AgentVMException failure) {
        if (!over) {
            over = true;
            held = new byte[0];
            sink.end(failure);
        }
    }

    private void close() {
        Long open = handle;
        if (open != null) {
            handle = null;
            calls.close(open);
        }
    }

    /** The handles that are still open. */
    List<Long> handles() {
        List<Long> open = new ArrayList<>();
        if (handle != null) {
            open.add(handle);
        }
        return open;
    }
}
