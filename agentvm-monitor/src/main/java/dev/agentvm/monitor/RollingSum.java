package dev.agentvm.monitor;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * How much there was within the last stretch of time. Of a step that began before it, the part counts that its time
 * stands for. Steps are joined where there are very many.
 */
final class RollingSum {
    private static final int PARTS = 1000;

    private final Duration within;
    private final Deque<Part> parts = new ArrayDeque<>();

    private record Part(Instant start, Instant end, long amount) {}

    RollingSum(Duration within) {
        this.within = within;
    }

    /** The sum with this step, at its end. */
    long add(Instant start, Instant end, long amount) {
        Part last = parts.peekLast();
        if (last != null && (last.start.isAfter(end) || last.end.isAfter(end))) {
            parts.clear();
            last = null;
        }
        if (last != null && Duration.between(last.start, end).compareTo(within.dividedBy(PARTS)) <= 0) {
            parts.removeLast();
            parts.add(new Part(last.start, end, last.amount + amount));
        } else {
            parts.add(new Part(start, end, amount));
        }
        Instant since = end.minus(within);
        parts.removeIf(part -> !part.end.isAfter(since));
        return parts.stream().mapToLong(part -> share(part, since)).sum();
    }

    private static long share(Part part, Instant since) {
        if (!part.start.isBefore(since)) {
            return part.amount;
        }
        double length = Duration.between(part.start, part.end).toNanos();
        return (long) (part.amount * (Duration.between(since, part.end).toNanos() / length));
    }
}
