package dev.agentvm.pool;

/**
 * Something to be done with a VM, on a thread of its own.
 *
 * @param kind what
 * @param member with which
 */
record Step(Kind kind, Member member) {
    /** What is to be done. */
    enum Kind {
        /** Launch it. */
        LAUNCH,
        /** See whether it can be lent. */
        CHECK,
        /** Put it back to what it was after its launch. */
        RESET,
        /** Destroy it. */
        CLOSE
    }
}
