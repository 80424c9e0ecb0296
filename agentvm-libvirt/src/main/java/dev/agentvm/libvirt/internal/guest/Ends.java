package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.ExecResult;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Keeps the first and the last bytes of an output, and counts those between. */
final class Ends implements Sink {
    private static final int ROOM = 4 * 1024 * 1024;

    private final int each;
    private final ByteArrayOutputStream head = new ByteArrayOutputStream();
    /** A ring; made when the head is full. */
    private byte[] tail = new byte[0];

    private long afterHead;
    private @Nullable AgentVMException failure;

    /** @param each how many bytes at either end */
    Ends(int each) {
        this.each = each;
    }

    @Override
    public int room() {
        return ROOM;
    }

    @Override
    public synchronized void put(byte[] bytes) {
        int first = Math.min(bytes.length, each - head.size());
        head.write(bytes, 0, first);
        int length = bytes.length - first;
        if (length == 0) {
            return;
        }
        if (tail.length == 0) {
            tail = new byte[each];
        }
        // Of more than the ring holds only the end matters.
        int from = first + Math.max(0, length - each);
        long position = afterHead + (from - first);
        while (from < bytes.length) {
            int at = (int) (position % each);
            int count = Math.min(bytes.length - from, each - at);
            System.arraycopy(bytes, from, tail, at, count);
            from += count;
            position += count;
        }
        afterHead += length;
    }

    @Override
    public synchronized void end(@Nullable AgentVMException because) {
        failure = because;
    }

    /** Why it is not complete, if it is not. */
    synchronized @Nullable AgentVMException failure() {
        return failure;
    }

    synchronized byte[] bytes() {
        int last = (int) Math.min(afterHead, each);
        byte[] all = Arrays.copyOf(head.toByteArray(), head.size() + last);
        for (int i = 0; i < last; i++) {
            all[head.size() + i] = tail[(int) ((afterHead - last + i) % each)];
        }
        return all;
    }

    synchronized Optional<ExecResult.Omission> omission() {
        return afterHead <= each ? Optional.empty() : Optional.of(new ExecResult.Omission(each, afterHead - each));
    }
}
