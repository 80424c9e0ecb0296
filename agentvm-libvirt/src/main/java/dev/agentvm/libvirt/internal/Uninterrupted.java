package dev.agentvm.libvirt.internal;

import java.io.IOException;

/**
 * Work that must be done to its end although the caller was interrupted: undoing, and what is written down for it. The
 * channels of {@code java.nio} close themselves on an interrupted thread.
 */
public final class Uninterrupted {
    private Uninterrupted() {}

    /** Runs {@code work} without the interrupt flag, and sets it again after. */
    public static void run(Runnable work) {
        boolean interrupted = Thread.interrupted();
        try {
            work.run();
        } finally {
            restore(interrupted);
        }
    }

    /** As {@link #run}, for work on files. */
    public static <T> T io(FileWork<T> work) throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            return work.run();
        } finally {
            restore(interrupted);
        }
    }

    private static void restore(boolean interrupted) {
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Work on files. */
    @FunctionalInterface
    public interface FileWork<T> {
        /** Does it. */
        T run() throws IOException;
    }
}
