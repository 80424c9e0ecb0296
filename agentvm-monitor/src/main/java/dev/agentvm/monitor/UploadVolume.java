package dev.agentvm.monitor;

import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMEvent;
import java.util.List;
import java.util.Optional;

/** Much data sent in a short time. */
final class UploadVolume implements Detector {
    private final Rate rate;
    private final Steps steps = new Steps();
    private final RollingSum sent;

    UploadVolume(Thresholds thresholds) {
        rate = thresholds.upload();
        sent = new RollingSum(rate.within());
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        return steps.to(event)
                .flatMap(step -> step.growth(TrafficSampled::sentBytes).stream()
                        .map(bytes ->
                                sent.add(step.before().time(), step.after().time(), bytes))
                        .filter(sum -> sum >= rate.amount())
                        .boxed()
                        .findFirst()
                        .map(sum -> Finding.notice(
                                AnomalyKinds.UPLOAD_VOLUME,
                                "Sent " + sum + " bytes within " + rate.within(),
                                List.of(step.before(), step.after()))));
    }
}
