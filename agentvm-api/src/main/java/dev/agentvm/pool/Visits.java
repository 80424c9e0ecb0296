package dev.agentvm.pool;

/** The calls of one tenant that are under way in a VM, until the lease is closed. Safe for use by many threads. */
final class Visits {
    private int underWay;
    private boolean over;

    /**
     * A call begins.
     *
     * @return whether it may
     */
    synchronized boolean begin() {
        if (!over) {
            underWay++;
        }
        return !over;
    }

    /** A call has ended. */
    synchronized void end() {
        underWay--;
    }

    /** No call begins any more. */
    synchronized void close() {
        over = true;
    }

    synchronized boolean isOver() {
        return over;
    }

    /** Whether no call is under way. */
    synchronized boolean isQuiet() {
        return underWay == 0;
    }
}
