package dev.agentvm.benchmarks;

import java.util.Collection;

/**
 * Where repeated measurements lie. The median, because single launches on a busy machine are late by any amount.
 *
 * @param median the middle one; the mean of the middle two, if their number is even
 * @param min the least
 * @param max the greatest
 */
record Spread(double median, double min, double max) {
    /** The spread of at least one value. */
    static Spread of(Collection<Double> values) {
        double[] sorted =
                values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        if (sorted.length == 0) {
            throw new IllegalArgumentException("nothing was measured");
        }
        int upper = sorted.length / 2;
        double median = sorted.length % 2 == 1 ? sorted[upper] : (sorted[upper - 1] + sorted[upper]) / 2;
        return new Spread(median, sorted[0], sorted[sorted.length - 1]);
    }
}
