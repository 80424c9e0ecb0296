package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.AgentVMException;
import dev.agentvm.libvirt.internal.connection.ByteSink;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Keeps the last that a guest wrote to its serial console. Safe for use by many threads. */
final class SerialLog implements ByteSink {
    private static final int CAPACITY = 64 * 1024;
    private static final int TAIL_LINES = 12;
    private static final int TAIL_CHARACTERS = 2000;

    private final byte[] ring = new byte[CAPACITY];
    private long written;

    @Override
    public synchronized void bytes(ByteBuffer bytes) {
        while (bytes.hasRemaining()) {
            int at = (int) (written % CAPACITY);
            int count = Math.min(bytes.remaining(), CAPACITY - at);
            bytes.get(ring, at, count);
            written += count;
        }
    }

    /** Forgets all of it. */
    synchronized void clear() {
        written = 0;
    }

    @Override
    public void end(Optional<AgentVMException> failure) {
        // What was written stays readable.
    }

    /** All that is kept, without the control characters that a guest could use to take over a terminal. */
    String text() {
        StringBuilder text = new StringBuilder();
        new String(snapshot(), StandardCharsets.UTF_8)
                .codePoints()
                .filter(c -> c == '\n' || c == '\t' || !Character.isISOControl(c))
                .forEach(text::appendCodePoint);
        return text.toString();
    }

    /** The last lines, to go into a message. */
    String tail() {
        String text = text().strip();
        if (text.isEmpty()) {
            return "The guest wrote nothing to its serial console.";
        }
        String shortened = text.substring(Math.max(0, text.length() - TAIL_CHARACTERS));
        String[] lines = shortened.split("\n", -1);
        StringBuilder tail = new StringBuilder("The last lines of the guest's serial console:");
        for (int i = Math.max(0, lines.length - TAIL_LINES); i < lines.length; i++) {
            tail.append("\n  | ").append(lines[i]);
        }
        return tail.toString();
    }

    private synchronized byte[] snapshot() {
        int count = (int) Math.min(written, CAPACITY);
        byte[] copy = new byte[count];
        long from = written - count;
        for (int i = 0; i < count; i++) {
            copy[i] = ring[(int) ((from + i) % CAPACITY)];
        }
        return copy;
    }
}
