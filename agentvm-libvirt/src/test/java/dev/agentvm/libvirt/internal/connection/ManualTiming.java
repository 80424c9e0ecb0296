package dev.agentvm.libvirt.internal.connection;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Time that passes when a test says so. */
final class ManualTiming implements Timing {
    private record Later(long at, Runnable task) {}

    private final List<Later> later = new ArrayList<>();
    private long now;

    @Override
    public synchronized long nanos() {
        return now;
    }

    @Override
    public synchronized void after(Duration delay, Runnable task) {
        later.add(new Later(now + delay.toNanos(), task));
    }

    synchronized Duration passed() {
        return Duration.ofNanos(now);
    }

    /** Lets time pass, then runs what is due. */
    void advance(Duration duration) {
        List<Later> due = new ArrayList<>();
        synchronized (this) {
            now += duration.toNanos();
            later.removeIf(task -> task.at - now <= 0 && due.add(task));
            notifyAll();
        }
        due.forEach(task -> task.task.run());
    }

    /** Blocks until so much time has passed. */
    synchronized void await(Duration duration) {
        long until = now + duration.toNanos();
        try {
            while (now - until < 0) {
                wait();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
