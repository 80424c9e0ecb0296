package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.GuestAgentException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What the guest's ends of all streams tell, line by line, in a file that they learn from another of one letter. When it
 * has become long, that letter is written anew; who had read the old one may still come late, so the old file is looked
 * at for as long as the new one is in use. Each step may be repeated. Used by one thread.
 */
final class EventLog {
    /** Bytes. */
    private static final int PIECE = 16 * 1024;
    /** Bytes; when there was more than a piece. */
    private static final int BIG_PIECE = 128 * 1024;
    /** Characters; a line that is longer is not from our scripts. */
    private static final int LINE = 80;
    /** Files that are used in turn: the present one, the last, and the next. */
    private static final int FILES = 3;
    /** Bytes. */
    static final long LONG = 256 * 1024;

    private static final long SHORTEST_USE = TimeUnit.SECONDS.toNanos(5);
    private static final long LOOK_BACK = TimeUnit.SECONDS.toNanos(1);

    private final AgentCalls calls;
    private final Housekeeping housekeeping;
    private final String path;
    private int number;
    private Part current;
    private @Nullable Part previous;
    private long begun = System.nanoTime();
    private boolean nextIsEmpty;
    private @Nullable Long letter;

    private final class Part {
        final TailedFile file;
        final StringBuilder line = new StringBuilder();
        boolean atEnd = true;
        long looked = System.nanoTime();

        Part(int number) {
            file = new TailedFile(calls, housekeeping, path + "." + number, "r");
        }

        int read(Consumer<String> to) {
            looked = System.nanoTime();
            int ask = atEnd ? PIECE : BIG_PIECE;
            byte[] bytes = file.read(ask);
            atEnd = bytes.length < ask;
            for (char c : new String(bytes, StandardCharsets.ISO_8859_1).toCharArray()) {
                if (c == '\n' || line.length() == LINE) {
                    String text = line.toString();
                    line.setLength(0);
                    to.accept(text);
                }
                if (c != '\n') {
                    line.append(c);
                }
            }
            return bytes.length;
        }
    }

    /** @param path of the file with the letter */
    EventLog(AgentCalls calls, Housekeeping housekeeping, String path) {
        this.calls = calls;
        this.housekeeping = housekeeping;
        this.path = path;
        this.current = new Part(number);
    }

    /**
     * Reads on.
     *
     * @param to takes each line, which may be one that it was given before
     * @return how many bytes that were
     */
    int read(Consumer<String> to) {
        int count = 0;
        Part old = previous;
        if (old != null && (!old.atEnd || System.nanoTime() - old.looked >= LOOK_BACK)) {
            count += old.read(to);
        }
        count += current.read(to);
        if (current.atEnd && current.file.position() >= LONG && System.nanoTime() - begun >= SHORTEST_USE) {
            beginNext();
        }
        return count;
    }

    /** Whether all that was told when it was last read has been passed on. */
    boolean isAllTold() {
        Part old = previous;
        return current.atEnd && (old == null || old.atEnd);
    }

    private void beginNext() {
        int next = (number + 1) % FILES;
        if (!nextIsEmpty) {
            housekeeping.closeLater(calls.open(path + "." + next, "w"));
            nextIsEmpty = true;
        }
        write(next);
        Part old = previous;
        if (old != null) {
            old.file.close();
        }
        previous = current;
        current = new Part(next);
        number = next;
        begun = System.nanoTime();
        nextIsEmpty = false;
    }

    private void write(int digit) {
        // What an earlier attempt has written must not come later.
        closeLetter();
        long open = calls.open(path, "r+");
        letter = open;
        calls.write(open, (digit + "\n").getBytes(StandardCharsets.US_ASCII));
        closeLetter();
    }

    private void closeLetter() {
        Long open = letter;
        if (open == null) {
            return;
        }
        try {
            calls.close(open);
        } catch (GuestAgentException e) {
            if (Breath.isTemporary(e)) {
                throw e;
            }
        }
        letter = null;
    }

    /** Lets go of what is open. */
    void close() {
        current.file.close();
        Part old = previous;
        if (old != null) {
            old.file.close();
        }
    }
}
