package dev.agentvm;

import java.util.List;

/**
 * What a copy has done. Immutable, safe for use by many threads.
 *
 * @param entries how many files, directories and links were copied, not counting the directory that holds them
 * @param bytes how much the files hold
 * @param leftOut what was left out, by its path within the copy: sockets, pipes, devices, and links that point outside of it;
 *     the first thousand
 */
public record CopyReport(long entries, long bytes, List<String> leftOut) {
    /** Copies the list. */
    public CopyReport {
        leftOut = List.copyOf(leftOut);
    }
}
