package dev.agentvm.libvirt.internal.files;

import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The bytes of a tar stream on their way to who reads it. The headers of one entry may take only so many, since names and
 * extended headers are as long as a guest says, and are kept in memory. Used by one thread.
 */
final class TarSource extends FilterInputStream {
    static final int MAX_HEADERS = 64 * 1024;

    private static final int RECORD = 512;

    private long left = MAX_HEADERS;
    private boolean counting = true;
    private final ByteArrayOutputStream headers = new ByteArrayOutputStream();
    private int zeros;
    private boolean ended;

    TarSource(InputStream stream) {
        super(stream);
    }

    /** What is read next are the headers of an entry. */
    void headers() {
        left = MAX_HEADERS;
        counting = true;
        zeros = 0;
        headers.reset();
    }

    /** What is read next is what an entry holds. */
    void content() {
        left = Long.MAX_VALUE;
        counting = false;
    }

    /** Whether what was read since {@link #headers} ends as an archive does, in a record of zeros. */
    boolean endsAsArchivesDo() {
        return zeros >= RECORD;
    }

    /**
     * Whether a name that was decoded from these headers is the one that they hold. The decoder puts a question mark in the
     * place of what is not UTF-8.
     */
    boolean hold(String name) {
        if (name.indexOf('\uFFFD') >= 0) {
            return false;
        }
        if (name.indexOf('?') < 0) {
            return true;
        }
        // One byte is one character there. Long names may be in two fields, but each part is in one.
        String bytes = headers.toString(StandardCharsets.ISO_8859_1);
        return Arrays.stream(name.split("/"))
                .map(part -> new String(part.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1))
                .allMatch(bytes::contains);
    }

    /** Whether the end of the stream was seen. */
    boolean ended() {
        return ended;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
        if (left == 0 && length > 0) {
            throw new IOException("the headers of an entry are more than " + MAX_HEADERS / 1024 + " KiB");
        }
        int count = super.read(into, offset, (int) Math.min(length, left));
        if (count < 0) {
            ended = true;
        } else {
            left -= count;
            if (counting) {
                headers.write(into, offset, count);
                countZeros(into, offset, count);
            }
        }
        return count;
    }

    private void countZeros(byte[] bytes, int offset, int count) {
        for (int i = offset; i < offset + count; i++) {
            zeros = bytes[i] == 0 ? zeros + 1 : 0;
        }
    }

    @Override
    public long skip(long count) throws IOException {
        byte[] skipped = new byte[(int) Math.min(4096, Math.max(0, count))];
        return Math.max(0, read(skipped, 0, skipped.length));
    }
}
