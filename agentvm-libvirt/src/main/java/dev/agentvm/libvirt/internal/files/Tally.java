package dev.agentvm.libvirt.internal.files;

import dev.agentvm.CopyOptions;
import dev.agentvm.CopyReport;
import dev.agentvm.GuestFileException.Reason;
import java.util.ArrayList;
import java.util.List;

/** Counts what is copied, keeps it within its bounds, and tells how far it has come. Used by one thread. */
final class Tally {
    private static final long STEP = 1024 * 1024;
    private static final int NAMED = 1000;

    private final CopyOptions options;
    private final Trouble trouble;
    private final List<String> leftOut = new ArrayList<>();
    private final List<String> narrowed = new ArrayList<>();
    private long begun;
    private long complete;
    private long announced;
    private long bytes;
    private long told;

    Tally(CopyOptions options, Trouble trouble) {
        this.options = options;
        this.trouble = trouble;
    }

    /** An entry comes, which says that it holds that much. */
    void begin(long size) {
        count();
        announce(size);
    }

    private void announce(long size) {
        if (size < 0 || size > options.maxBytes() - announced) {
            throw trouble.of(Reason.TOO_BIG, "it holds more than " + options.maxBytes() + " bytes");
        }
        announced += size;
    }

    /** Directories that no entry tells of are made. */
    void implied(int directories) {
        for (int i = 0; i < directories; i++) {
            count();
            complete++;
        }
    }

    private void count() {
        if (++begun > options.maxEntries()) {
            throw trouble.of(Reason.TOO_BIG, "it has more than " + options.maxEntries() + " entries");
        }
    }

    /** So many bytes of it are copied. */
    void copied(int count) {
        bytes += count;
        if (bytes - told >= STEP) {
            tell();
        }
    }

    /** It is complete. */
    void end() {
        complete++;
        tell();
    }

    /** Something is not copied. */
    void leaveOut(String name) {
        leaveOut(name, 0);
    }

    /** Something is not copied that says it holds that much, and comes all the same. */
    void leaveOut(String name, long size) {
        count();
        announce(size);
        if (leftOut.size() < NAMED) {
            leftOut.add(name);
        }
    }

    /** Something may be written by fewer than in the guest. */
    void narrow(String name) {
        if (narrowed.size() < NAMED) {
            narrowed.add(name);
        }
    }

    private void tell() {
        told = bytes;
        options.listener().ifPresent(listener -> listener.onProgress(complete, bytes));
        if (Thread.currentThread().isInterrupted()) {
            throw trouble.interrupted(null);
        }
    }

    CopyReport report() {
        return new CopyReport(complete, bytes, leftOut, narrowed);
    }
}
