package dev.agentvm.metrics;

import dev.agentvm.InvalidValueException;
import java.util.List;

/**
 * One metric with one value for each of its tags. Immutable, safe for use by many threads.
 *
 * @param metric what is measured
 * @param values the values of {@link Metric#tags}, in their order
 */
public record Series(Metric metric, List<String> values) {
    /**
     * Checks and copies the values.
     *
     * @throws InvalidValueException if they are not as many as the tags
     */
    public Series {
        values = List.copyOf(values);
        if (values.size() != metric.tags().size()) {
            throw new InvalidValueException("values", values, "must be one for each of the tags " + metric.tags());
        }
    }
}
