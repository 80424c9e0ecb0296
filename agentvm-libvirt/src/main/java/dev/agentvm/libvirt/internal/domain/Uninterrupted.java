package dev.agentvm.libvirt.internal.domain;

/** Work that must be done to its end although the caller was interrupted, such as undoing. */
final class Uninterrupted {
    private Uninterrupted() {}

    /** Runs {@code work} without the interrupt flag, and sets it again after. */
    static void run(Runnable work) {
        boolean interrupted = Thread.interrupted();
        try {
            work.run();
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
