package dev.agentvm.libvirt.lab;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * What listeners must be told of the IPv6 that a guest speaks by itself when it likes, and for probes beside: of that the
 * observer reads who sends it and no more, so all of it is one attempt while it goes on, and another after a silent minute.
 */
final class IPv6Attempts {
    private static final Duration SILENCE = Duration.ofMinutes(1);
    /** What is sent is told so soon; a silence that is not a minute by so much may or may not be one. */
    private static final Duration CLOSE = Duration.ofSeconds(5);

    private IPv6Attempts() {}

    /**
     * How what was told differs from what had to be.
     *
     * @param spoken when a frame of it passed the tap, from the beginning of a capture to now
     * @param told when it was tried by what listeners were told, from the VM's first instruction to now
     */
    static List<String> differences(List<Instant> spoken, List<Instant> told) {
        List<String> differences = new ArrayList<>();
        if (told.isEmpty()) {
            differences.add("not told: IPv6");
        }
        for (int i = 1; i < told.size(); i++) {
            if (isShorter(told.get(i - 1), told.get(i), SILENCE.minus(CLOSE))) {
                differences.add("told twice: IPv6 at " + told.get(i - 1) + " and " + told.get(i));
            }
        }
        List<Instant> perhaps = new ArrayList<>();
        for (int i = 1; i < spoken.size(); i++) {
            Instant frame = spoken.get(i);
            if (isShorter(spoken.get(i - 1), frame, SILENCE.minus(CLOSE))) {
                continue;
            }
            perhaps.add(frame);
            if (!isShorter(spoken.get(i - 1), frame, SILENCE.plus(CLOSE)) && !isNear(frame, told)) {
                differences.add("not told: IPv6 at " + frame);
            }
        }
        // Of what was before the first that was captured nothing is known.
        told.stream()
                .filter(attempt ->
                        !spoken.isEmpty() && attempt.isAfter(spoken.get(0).plus(CLOSE)) && !isNear(attempt, perhaps))
                .forEach(attempt -> differences.add("told, but not tried: IPv6 at " + attempt));
        return differences;
    }

    private static boolean isNear(Instant one, List<Instant> others) {
        return others.stream().anyMatch(other -> isShorter(one, other, CLOSE));
    }

    private static boolean isShorter(Instant one, Instant other, Duration than) {
        return Duration.between(one, other).abs().compareTo(than) < 0;
    }
}
