package dev.agentvm.libvirt.internal.files;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** The path of a tar entry within its tree. It comes from the guest, and must stay inside. */
final class EntryName {
    /** So that what is written can be removed again by paths that Linux takes. */
    private static final int MAX_BYTES = 2048;

    private static final int MAX_DEPTH = 200;

    /** The entry wants to be somewhere else, or nowhere. */
    static final class UnsafeNameException extends Exception {
        private static final long serialVersionUID = 1L;

        UnsafeNameException(String message) {
            super(message);
        }
    }

    private EntryName() {}

    /** As much of it as a report may keep. */
    static String shown(String name) {
        return name.length() > MAX_BYTES ? name.substring(0, MAX_BYTES) : name;
    }

    /** Its parts; none for the directory that holds all. */
    static List<String> parts(String name) throws UnsafeNameException {
        if (name.startsWith("/")) {
            throw new UnsafeNameException("is absolute");
        }
        if (name.indexOf('\0') >= 0) {
            throw new UnsafeNameException("holds NUL");
        }
        if (name.getBytes(StandardCharsets.UTF_8).length > MAX_BYTES) {
            throw new UnsafeNameException("is longer than " + MAX_BYTES + " bytes");
        }
        List<String> parts = Arrays.stream(name.split("/"))
                .filter(part -> !part.isEmpty() && !part.equals("."))
                .toList();
        if (parts.contains("..")) {
            throw new UnsafeNameException("leads out of the copy");
        }
        if (parts.size() > MAX_DEPTH) {
            throw new UnsafeNameException("is deeper than " + MAX_DEPTH + " directories");
        }
        return parts;
    }
}
