package dev.agentvm;

import java.util.List;

/**
 * What a copy has done. Immutable, safe for use by many threads.
 *
 * @param entries how many files, directories and links were copied, not counting the directory that holds them
 * @param bytes how much the files hold
 * @param leftOut what was left out, by its path within the copy: sockets, pipes, devices, links that point outside of it, and
 *     what has a name that is not UTF-8, whose bad bytes are shown as another character; the first thousand
 * @param narrowed what may be written by its group or by others in the guest, and here by its owner alone, by its path
 *     within the copy; the first thousand
 */
public record CopyReport(long entries, long bytes, List<String> leftOut, List<String> narrowed) {
    /** Copies the lists. */
    public CopyReport {
        leftOut = List.copyOf(leftOut);
        narrowed = List.copyOf(narrowed);
    }

    /** Of a copy that narrowed nothing. */
    public CopyReport(long entries, long bytes, List<String> leftOut) {
        this(entries, bytes, leftOut, List.of());
    }
}
