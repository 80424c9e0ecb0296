package dev.agentvm.testkit;

import dev.agentvm.LaunchStep;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/** Which faults happen next. Safe for use by many threads. */
final class FaultPlan {
    private static final int ALWAYS = Integer.MAX_VALUE;
    private static final List<Fault> OF_LAUNCHES = Fault.at(Fault.Place.LAUNCH);
    private static final List<Fault> OF_COMMANDS = Fault.at(Fault.Place.COMMAND);
    private static final List<Fault> OF_RESTORES = Fault.at(Fault.Place.RESTORE);

    private final Map<Fault, Integer> pending = new EnumMap<>(Fault.class);
    private final Random random;
    private final double probability;

    FaultPlan(long seed, double probability) {
        this.random = new Random(seed);
        this.probability = probability;
    }

    synchronized void add(Fault fault) {
        pending.merge(fault, 1, (before, one) -> before == ALWAYS ? ALWAYS : before + one);
    }

    synchronized void always(Fault fault) {
        pending.put(fault, ALWAYS);
    }

    synchronized void clear() {
        pending.clear();
    }

    /** The fault that chance has for a launch, whatever its step. */
    synchronized Optional<Fault> chanceOfLaunch() {
        return chance(OF_LAUNCHES);
    }

    synchronized Optional<Fault> ofStep(LaunchStep step) {
        if (pending.isEmpty()) {
            return Optional.empty();
        }
        return OF_LAUNCHES.stream()
                .filter(fault -> fault.step().equals(Optional.of(step)) && take(fault))
                .findFirst();
    }

    synchronized Optional<Fault> ofCommand() {
        return next(OF_COMMANDS);
    }

    synchronized Optional<Fault> ofRestore() {
        return next(OF_RESTORES);
    }

    private Optional<Fault> next(List<Fault> among) {
        return among.stream().filter(this::take).findFirst().or(() -> chance(among));
    }

    private boolean take(Fault fault) {
        int left = pending.getOrDefault(fault, 0);
        if (left == 1) {
            pending.remove(fault);
        } else if (left > 1 && left != ALWAYS) {
            pending.put(fault, left - 1);
        }
        return left > 0;
    }

    private Optional<Fault> chance(List<Fault> among) {
        return probability > 0 && random.nextDouble() < probability
                ? Optional.of(among.get(random.nextInt(among.size())))
                : Optional.empty();
    }
}
