package dev.agentvm.examples.watch;

import java.time.Instant;

/**
 * Something that is worth a line. Immutable.
 *
 * @param time when it happened
 * @param vm the name of the VM
 * @param text what it was, in words
 * @param tone how the line looks
 * @param times how often it happened
 */
record News(Instant time, String vm, String text, Line.Tone tone, long times) {
    boolean isLike(News other) {
        return vm.equals(other.vm) && text.equals(other.text) && tone == other.tone;
    }

    News after(News earlier) {
        return new News(time, vm, text, tone, earlier.times + times);
    }
}
