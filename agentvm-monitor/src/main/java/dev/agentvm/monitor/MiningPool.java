package dev.agentvm.monitor;

import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.NameResolved;
import dev.agentvm.event.VMEvent;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** The name of a mining pool, asked for or talked to. */
final class MiningPool implements Detector {
    private final Set<String> pools;

    MiningPool(Thresholds thresholds) {
        pools = Set.copyOf(thresholds.miningPools());
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        return name(event)
                .flatMap(this::pool)
                .map(pool ->
                        Finding.alert(AnomalyKinds.MINING_POOL, "A name of the mining pool " + pool, List.of(event)));
    }

    private static Optional<String> name(VMEvent event) {
        if (event instanceof NameResolved answer) {
            return Optional.of(answer.query());
        }
        return event instanceof ConnectionAttempted attempt ? attempt.name() : Optional.empty();
    }

    /** The pool whose domain the name is, or is below. */
    private Optional<String> pool(String name) {
        String rest = name.toLowerCase(Locale.ROOT);
        while (!pools.contains(rest)) {
            int dot = rest.indexOf('.');
            if (dot < 0) {
                return Optional.empty();
            }
            rest = rest.substring(dot + 1);
        }
        return Optional.of(rest);
    }
}
