package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.GuestAgentException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One output of a started command, as {@link Scripts#STREAMS} leaves it in files of the guest: reads them in their order,
 * as far as the sink has room, and empties each that was read to its end. Each step may be repeated. Used by one thread.
 */
final class Spool {
    /** So that many commands get their turn. */
    private static final int READS = 4;

    /** Room for less than this, in bytes, is not worth a call. */
    private static final int LITTLE = 64 * 1024;

    /** Bytes that one file may hold. */
    private static final int FILE = 8 * 64 * 1024;

    private final AgentCalls calls;
    private final Housekeeping housekeeping;
    private final String path;
    private final Sink sink;
    /** The number of the file that is being read; those before {@code emptied} are empty. */
    private long file;

    private long emptied;
    /** The number of the file that the guest writes. */
    private long newest;

    private TailedFile tail;
    private int ask = AgentCalls.SMALL_PIECE;
    private long told;
    private boolean unread;
    /** Whether it is written to without an event for each piece. */
    private boolean growing;

    private boolean complete;
    private boolean over;
    private long taken;
    private byte[] mark = new byte[0];
    private byte[] held = new byte[0];

    Spool(AgentCalls calls, Housekeeping housekeeping, String path, Sink sink) {
        this.calls = calls;
        this.housekeeping = housekeeping;
        this.path = path;
        this.sink = sink;
        this.tail = tail();
    }

    private TailedFile tail() {
        return new TailedFile(calls, housekeeping, name(file), "a+");
    }

    private String name(long number) {
        return path + "." + number;
    }

    /**
     * Takes an event's word. One that comes again, or too late, is no matter.
     *
     * @param number of the file that the guest writes
     * @param count how many events of "+" there were
     */
    void on(String kind, long number, long count) throws MalformedReplyException {
        // The guest begins a file when the last but one is empty, which it may be before we know.
        if (number > emptied + 2) {
            throw new MalformedReplyException("an output's event names file " + number + " before its time");
        }
        newest = Math.max(newest, number);
        if (complete) {
            return;
        }
        growing = kind.equals("~");
        switch (kind) {
            case "+" -> {
                told = Math.max(told, count);
                unread = true;
            }
            case "~" -> {}
            case "." -> {
                complete = true;
                unread |= told != count;
            }
            case "!" ->
                throw new GuestAgentException(
                        "A command's output is incomplete, since " + path + " of the guest of " + calls.vmName()
                                + " takes no more: its file system is full, its files were removed, or what moves them"
                                + " was killed",
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

    /** How many bytes were read of it. */
    long taken() {
        return taken;
    }

    /** How many bytes may be left of it in the guest. */
    long left() {
        return complete ? tail.position() : 2 * FILE;
    }

    /** Whether something is there that the sink has no room for. */
    boolean isHeldUp() {
        return !over && (unread || growing) && sink.room() - held.length < LITTLE;
    }

    /**
     * Moves on what there is.
     *
     * @return whether that was anything
     */
    boolean drain() {
        boolean moved = false;
        empty();
        for (int i = 0; i < READS && (unread || growing) && !over; i++) {
            // What a mark held back comes on top.
            int room = sink.room() - held.length;
            if (room < LITTLE) {
                break;
            }
            int count = Math.min(room, ask);
            int got = read(count);
            moved |= got > 0;
            if (got < count && !unread) {
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
        byte[] bytes = tail.read(count);
        taken += bytes.length;
        take(bytes);
        ask = bytes.length == count ? AgentCalls.READ_PIECE : LITTLE;
        if (bytes.length < count) {
            if (file < newest) {
                tail.close();
                file++;
                tail = tail();
                unread = true;
                empty();
            } else {
                unread = false;
            }
        }
        return bytes.length;
    }

    /** Only then the guest goes on, and removes the file. */
    private void empty() {
        while (emptied < file) {
            housekeeping.closeLater(calls.open(name(emptied), "w"));
            emptied++;
        }
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
            tail.close();
            sink.end(failure);
        }
    }
}
