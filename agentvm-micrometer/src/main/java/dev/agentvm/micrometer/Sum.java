package dev.agentvm.micrometer;

import io.micrometer.core.instrument.Meter;
import java.util.List;
import java.util.function.IntSupplier;
import java.util.stream.Stream;

/**
 * What a gauge shows: the sum of what several hypervisors or pools have. Immutable, safe for use by many threads.
 *
 * @param meter the gauge
 * @param values reads them
 */
record Sum(Meter meter, List<IntSupplier> values) {
    Sum(Meter meter) {
        this(meter, List.of());
    }

    Sum with(IntSupplier value) {
        return new Sum(meter, Stream.concat(values.stream(), Stream.of(value)).toList());
    }

    Sum without(IntSupplier value) {
        return new Sum(meter, values.stream().filter(one -> !one.equals(value)).toList());
    }

    boolean isEmpty() {
        return values.isEmpty();
    }

    int value() {
        return values.stream().mapToInt(IntSupplier::getAsInt).sum();
    }
}
