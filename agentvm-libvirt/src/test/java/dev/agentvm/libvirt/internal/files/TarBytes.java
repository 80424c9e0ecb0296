package dev.agentvm.libvirt.internal.files;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A tar stream byte by byte, as no tar would make it. */
final class TarBytes {
    private static final int RECORD = 512;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    /** A header alone. */
    static byte[] header(String name, char kind, String size, String link, int mode) {
        byte[] header = new byte[RECORD];
        put(header, 0, 100, name);
        put(header, 100, 8, String.format("%07o", mode));
        put(header, 108, 8, "0000000");
        put(header, 116, 8, "0000000");
        put(header, 124, 12, size);
        put(header, 136, 12, "00000000001");
        header[156] = (byte) kind;
        put(header, 157, 100, link);
        put(header, 257, 8, "ustar\00000");
        seal(header);
        return header;
    }

    /** Puts a checksum in place. */
    static void seal(byte[] header) {
        Arrays.fill(header, 148, 156, (byte) ' ');
        int sum = 0;
        for (byte one : header) {
            sum += one & 0xff;
        }
        put(header, 148, 8, String.format("%06o\0 ", sum));
    }

    private static void put(byte[] header, int at, int length, String text) {
        byte[] value = text.getBytes(StandardCharsets.UTF_8);
        System.arraycopy(value, 0, header, at, Math.min(length, value.length));
    }

    static String octal(long size) {
        return String.format("%011o", size);
    }

    TarBytes raw(byte[] more) {
        bytes.writeBytes(more);
        return this;
    }

    /** An entry with what it holds. */
    TarBytes entry(String name, char kind, byte[] content) {
        raw(header(name, kind, octal(content.length), "", 0644)).raw(content);
        return raw(new byte[(RECORD - content.length % RECORD) % RECORD]);
    }

    TarBytes file(String name, String content) {
        return entry(name, '0', content.getBytes(StandardCharsets.UTF_8));
    }

    TarBytes directory(String name, int mode) {
        return raw(header(name, '5', octal(0), "", mode));
    }

    TarBytes link(String name, char kind, String target) {
        return raw(header(name, kind, octal(0), target, 0777));
    }

    /** Extended headers for the next entry, or for all. */
    TarBytes pax(char kind, String... headers) {
        StringBuilder text = new StringBuilder();
        for (String header : headers) {
            int rest = header.getBytes(StandardCharsets.UTF_8).length + 2;
            int length = rest + Integer.toString(rest).length();
            length = rest + Integer.toString(length).length();
            text.append(length).append(' ').append(header).append('\n');
        }
        return entry("pax", kind, text.toString().getBytes(StandardCharsets.UTF_8));
    }

    byte[] unended() {
        return bytes.toByteArray();
    }

    byte[] ended() {
        return raw(new byte[2 * RECORD]).bytes.toByteArray();
    }
}
