package dev.agentvm.benchmarks;

import dev.agentvm.LaunchStep;
import java.util.EnumMap;
import java.util.Map;

/** A clock for the steps of one launch; starts when it is made. */
final class StepTimes {
    private final long start = System.nanoTime();
    private final Map<LaunchStep, Double> seconds = new EnumMap<>(LaunchStep.class);
    private double last;

    /** That step has ended just now. */
    void done(LaunchStep step) {
        double now = elapsed();
        seconds.put(step, now - last);
        last = now;
    }

    /** How long the launch has taken so far, in seconds. */
    double elapsed() {
        return (System.nanoTime() - start) / 1e9;
    }

    /** How long each step took, in seconds. */
    Map<LaunchStep, Double> seconds() {
        return seconds;
    }
}
