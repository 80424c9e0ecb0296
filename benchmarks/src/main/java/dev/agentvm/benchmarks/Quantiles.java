package dev.agentvm.benchmarks;

import java.util.Collection;

/**
 * What is said of times that a user waits.
 *
 * @param mean the mean
 * @param median half of them are not above it
 * @param p99 99 of a hundred are not above it
 */
record Quantiles(double mean, double median, double p99) {
    /** Those of at least one value. */
    static Quantiles of(Collection<Double> values) {
        double[] sorted =
                values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        if (sorted.length == 0) {
            throw new IllegalArgumentException("nothing was measured");
        }
        double sum = 0;
        for (double value : sorted) {
            sum += value;
        }
        return new Quantiles(sum / sorted.length, at(sorted, 0.5), at(sorted, 0.99));
    }

    private static double at(double[] sorted, double part) {
        return sorted[(int) Math.ceil(part * sorted.length) - 1];
    }
}
