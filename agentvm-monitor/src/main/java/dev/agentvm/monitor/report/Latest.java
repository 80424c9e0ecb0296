package dev.agentvm.monitor.report;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/** The latest of many, and how many there were. Not thread-safe. */
final class Latest<T> {
    private final int capacity;
    private final Deque<T> kept = new ArrayDeque<>();
    private long count;

    Latest(int capacity) {
        this.capacity = capacity;
    }

    void add(T one) {
        count++;
        kept.add(one);
        if (kept.size() > capacity) {
            kept.remove();
        }
    }

    List<T> kept() {
        return List.copyOf(kept);
    }

    long count() {
        return count;
    }

    long leftOut() {
        return count - kept.size();
    }
}
