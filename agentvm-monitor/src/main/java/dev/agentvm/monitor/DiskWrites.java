package dev.agentvm.monitor;

import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMEvent;
import java.util.List;
import java.util.Optional;

/** Much data written to disks in a short time. */
final class DiskWrites implements Detector {
    private final Rate rate;
    private final Steps steps = new Steps();
    private final RollingSum written;

    DiskWrites(Thresholds thresholds) {
        rate = thresholds.diskWrites();
        written = new RollingSum(rate.within());
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        return steps.to(event)
                .flatMap(step -> step.growth(TrafficSampled::diskWrittenBytes).stream()
                        .map(bytes ->
                                written.add(step.before().time(), step.after().time(), bytes))
                        .filter(sum -> sum >= rate.amount())
                        .boxed()
                        .findFirst()
                        .map(sum -> Finding.notice(
                                AnomalyKinds.DISK_WRITES,
                                "Wrote " + sum + " bytes within " + rate.within(),
                                List.of(step.before(), step.after()))));
    }
}
