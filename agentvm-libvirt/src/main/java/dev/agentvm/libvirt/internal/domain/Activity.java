package dev.agentvm.libvirt.internal.domain;

import java.time.Duration;

/** Whether commands run in a VM, and how long none has. Safe for use by many threads. */
final class Activity {
    private int running;
    private long since = System.nanoTime();

    synchronized void begin() {
        running++;
    }

    synchronized void end() {
        running--;
        since = System.nanoTime();
    }

    /** How long no command has run; nothing while one does. */
    synchronized Duration idleTime() {
        return running > 0 ? Duration.ZERO : Duration.ofNanos(System.nanoTime() - since);
    }
}
